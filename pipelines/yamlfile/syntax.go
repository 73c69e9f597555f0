package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"orderhub/hub/doc"
	"regexp"
	"strconv"
	"strings"

	yaml4 "go.yaml.in/yaml/v4"
	"gopkg.in/yaml.v3"
)

// parseYAML gives the value of the first document, and null of an empty one. Its errors are recorded in words for people.
func (l *Loader) parseYAML(s *source) (*yaml.Node, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(s.text))
	doc := &yaml.Node{}
	switch err := decode(dec, doc); {
	case errors.Is(err, io.EOF):
		return nothing(1, 1), true
	case err != nil:
		return l.explain(s, err)
	}
	if err := decode(dec, &yaml.Node{}); !errors.Is(err, io.EOF) {
		line := secondDocument(s)
		l.problem(s, line, 1, 3, "E007", "keep one document per file; split the rest into files of its own", "a second document starts here")
	}
	return doc.Content[0], true
}

// nothing is a null at a place.
func nothing(line, col int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: line, Column: col}
}

func decode(dec *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return dec.Decode(into)
}

// where asks yaml/v4 for the place of a syntax error.
func where(s *source) (message string, at, context yaml4Mark) {
	defer func() {
		if r := recover(); r != nil {
			message = ""
		}
	}()
	var doc yaml4.Node
	var le *yaml4.LoadError
	if err := yaml4.Unmarshal(s.text, &doc); errors.As(err, &le) {
		return le.Message, yaml4Mark{le.Mark.Line, le.Mark.Column}, yaml4Mark{le.ContextMark.Line, le.ContextMark.Column}
	}
	return "", yaml4Mark{}, yaml4Mark{}
}

type yaml4Mark struct{ line, col int }

// explain records a syntax error: yaml/v4 knows the place, this knows what
// people get wrong there. Where what was meant is certain, it gives the document nevertheless.
func (l *Loader) explain(s *source, err error) (*yaml.Node, bool) {
	msg, at, from := where(s)
	if msg == "" { // yaml/v4 reads what v3 refuses: a ? inside { }
		if found := l.explainQuestion(s); len(found) > 0 {
			return s.without(found)
		}
		msg, at = lineOf(err)
	}
	at = s.clamp(at)
	for _, try := range []func(*source, string, yaml4Mark, yaml4Mark) bool{
		l.explainTabs, l.explainQuotes, l.explainCut, l.explainColon, l.explainBracket, l.explainIndent, l.explainStart,
	} {
		if try(s, msg, at, from) {
			return nil, false
		}
	}
	l.problem(s, at.line, at.col, 1, "E001", "", "%s", msg)
	return nil, false
}

var v3Line = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

// lineOf is the message of yaml/v3 and the line that it names, which is near the fault.
func lineOf(err error) (string, yaml4Mark) {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	m := v3Line.FindStringSubmatch(msg)
	if m == nil {
		return msg, yaml4Mark{1, 1}
	}
	n, _ := strconv.Atoi(m[1])
	return v3Line.ReplaceAllString(msg, ""), yaml4Mark{n, 1}
}

// clamp moves a place behind the end of the file to its last text.
func (s *source) clamp(at yaml4Mark) yaml4Mark {
	at.line, at.col = max(at.line, 1), max(at.col, 1)
	for at.line > len(s.lines) || at.line > 1 && strings.TrimSpace(s.lines[at.line-1]) == "" {
		at.line--
		at.col = len(s.line(at.line)) + 1
	}
	return at
}

func indentOf(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " \t"))] }

func (l *Loader) explainTabs(s *source, msg string, at, _ yaml4Mark) bool {
	if !strings.Contains(indentOf(s.lines[at.line-1]), "\t") || !strings.Contains(msg, "tab") && !strings.Contains(msg, "start any token") {
		return false
	}
	for i, reported := at.line, 0; i <= len(s.lines) && reported < 5; i++ {
		in := indentOf(s.lines[i-1])
		if t := strings.IndexByte(in, '\t'); t >= 0 && (i == at.line || strings.TrimSpace(s.lines[i-1]) != "") {
			l.problem(s, i, t+1, 1, "E003", "replace the tab by two spaces", "tab used for indentation; YAML needs spaces")
			reported++
		}
	}
	return true
}

func (l *Loader) explainQuotes(s *source, msg string, at, from yaml4Mark) bool {
	line := s.line(at.line)
	switch {
	case strings.Contains(msg, "end of stream") && from.line > 0:
		quote := string(s.line(from.line)[from.col-1:][:1])
		l.problem(s, from.line, from.col, 1, "E004", "write the closing "+quote+" at the end of the value", "the quote %s is never closed", quote)
	case strings.Contains(msg, "escape"):
		from := min(at.col-1, len(line))
		l.problem(s, at.line, at.col, 2, "E004", `write \\ for a backslash, or use single quotes`, "%s is no escape",
			string(line[from:min(from+2, len(line))]))
	case strings.Contains(msg, "expected key") && strings.ContainsAny(string(line[:min(at.col-1, len(line))]), `'"`) && behindQuote(line, at.col):
		l.problem(s, at.line, at.col, 1, "E004", `inside '...' write two '' for one; inside "..." write \"; or quote the whole value`,
			"text behind a closing quote")
	default:
		return false
	}
	return true
}

func behindQuote(line []rune, col int) bool {
	before := strings.TrimRight(string(line[:min(col-1, len(line))]), " ")
	return strings.HasSuffix(before, "'") || strings.HasSuffix(before, `"`)
}

var (
	noSpace  = regexp.MustCompile(`^[\s-]*([A-Za-z_][\w-]*:)([^\s/:].*)$`)
	keyValue = regexp.MustCompile(`^[\s-]*[^\s'"#][^'"#]*?:(\s|$)`)
)

// explainColon: `key:value`, `a: b: c`, a line that is no key: value.
func (l *Loader) explainColon(s *source, msg string, at, from yaml4Mark) bool {
	lost, nested := strings.Contains(msg, "could not find expected ':'"), strings.Contains(msg, "mapping values are not allowed")
	if !lost && !nested {
		return false
	}
	line := at.line
	if lost && from.line > 0 {
		line = from.line
	}
	for _, i := range []int{line, s.above(at.line)} {
		if i == 0 {
			continue
		}
		if m := noSpace.FindStringSubmatchIndex(s.lines[i-1]); m != nil {
			text := s.lines[i-1]
			key, value := text[m[2]:m[3]], text[m[4]:m[5]]
			col := len([]rune(text[:m[2]])) + 1
			l.problem(s, i, col, len([]rune(key)), "E006", "write "+key+" "+value, "a space is missing behind the colon of %q", key+value)
			return true
		}
	}
	text := s.lines[line-1]
	switch {
	case lost:
		l.problem(s, line, len([]rune(indentOf(text)))+1, len([]rune(strings.TrimSpace(text))), "E001", "write name: value, or - before a list item",
			"%q is neither name: value nor part of the line above", short(strings.TrimSpace(text)))
	case strings.Count(text, ": ")+strings.Count(text+"\n", ":\n") > 1 && keyValue.MatchString(text):
		value := strings.TrimSpace(text[strings.Index(text, ": ")+1:])
		l.problem(s, at.line, at.col, 1, "E005", "quote the value: "+quoted(value)+", or put the inner key on a line of its own",
			"two keys on one line: a colon inside an unquoted value")
	default:
		return l.indentProblem(s, at.line, s.above(at.line))
	}
	return true
}

func (l *Loader) explainBracket(s *source, msg string, at, from yaml4Mark) bool {
	line := s.line(at.line)
	at.col = min(at.col, len(line)+1)
	switch {
	case strings.Contains(msg, "expected ',' or") && from.line > 0:
		open := s.line(from.line)[from.col-1]
		closing := map[rune]string{'{': "}", '[': "]"}[open]
		help := fmt.Sprintf("write the closing %s, or the comma that is missing before line %d, column %d", closing, at.line, at.col)
		l.problem(s, from.line, from.col, 1, "E016", help, "the %c that opens here is not closed", open)
	case strings.Contains(msg, "expected key") && at.col <= len(line) && strings.ContainsRune("}],", line[at.col-1]):
		l.problem(s, at.line, at.col, 1, "E016", "delete it, or quote the value", "%c without its opening bracket", line[at.col-1])
	default:
		return false
	}
	return true
}

// explainStart: a value that begins with a character YAML keeps for itself, an unknown alias.
func (l *Loader) explainStart(s *source, msg string, at, _ yaml4Mark) bool {
	rest := string(s.line(at.line)[min(at.col-1, len(s.line(at.line))):])
	switch {
	case strings.Contains(msg, "start any token") && rest != "":
		l.problem(s, at.line, at.col, len([]rune(rest)), "E001", "quote it: "+quoted(rest), "a value can't start with %s", string([]rune(rest)[0]))
	case strings.Contains(msg, "unknown anchor"):
		l.problem(s, at.line, at.col, 1, "E001", "quote it, if text is meant; an alias needs &name before its value", "%s", msg)
	case strings.Contains(msg, "block sequence entries"):
		l.problem(s, at.line, at.col, 1, "E002", "begin the list on the next line, or write [a, b]", "a list can't start on the line of its key")
	default:
		return false
	}
	return true
}

func quoted(s string) string { return "'" + strings.ReplaceAll(strings.TrimSpace(s), "'", "''") + "'" }

func short(s string) string { return doc.Shorten(s, 60) }

func (l *Loader) explainIndent(s *source, msg string, at, _ yaml4Mark) bool {
	if !strings.Contains(msg, "did not find expected key") && !strings.Contains(msg, "expected '-' indicator") {
		return false
	}
	return l.indentProblem(s, at.line, s.sibling(at.line))
}

// above gives the nearest line before line that has text; 0 when there is none.
func (s *source) above(line int) int {
	for i := line - 1; i > 0; i-- {
		if t := strings.TrimSpace(s.lines[i-1]); t != "" && t[0] != '#' {
			return i
		}
	}
	return 0
}

// sibling gives the line above that the line was most likely meant to stand in column with: the nearest of its kind
// (list item or key) whose indent is nearest.
func (s *source) sibling(line int) int {
	indent, item := len(indentOf(s.lines[line-1])), isItem(s.lines[line-1])
	best, distance := 0, 1<<30
	for i := s.above(line); i > 0; i = s.above(i) {
		in := len(indentOf(s.lines[i-1]))
		if d := abs(in - indent); isItem(s.lines[i-1]) == item && d < distance && d > 0 {
			best, distance = i, d
		}
		if in < indent || best > 0 && in <= len(indentOf(s.lines[best-1])) && i < line-200 {
			break
		}
	}
	if best == 0 {
		return s.above(line)
	}
	// The first line of that block says where it starts.
	in := len(indentOf(s.lines[best-1]))
	for i := s.above(best); i > 0 && len(indentOf(s.lines[i-1])) >= in; i = s.above(i) {
		if len(indentOf(s.lines[i-1])) == in && isItem(s.lines[i-1]) == item {
			best = i
		}
	}
	return best
}

func isItem(line string) bool {
	t := strings.TrimLeft(line, " ")
	return t == "-" || strings.HasPrefix(t, "- ")
}

func abs(i int) int { return max(i, -i) }

// indentProblem names the column of a line and of the line it belongs with.
func (l *Loader) indentProblem(s *source, line, other int) bool {
	if other == 0 {
		return false
	}
	text := s.lines[line-1]
	col, want := len(indentOf(text))+1, len(indentOf(s.lines[other-1]))+1
	width := len([]rune(strings.TrimSpace(text)))
	switch {
	case isItem(text) && !isItem(s.lines[other-1]):
		l.problem(s, line, col, 1, "E002", "a map and a list can't be mixed; delete the dash, or indent the list under its key",
			"a list item among the keys of a map (line %d)", other)
	case !isItem(text) && isItem(s.lines[other-1]) && col == want:
		l.problem(s, line, col, width, "E002", "put a dash before it, or two more spaces to continue the item",
			"a key among the items of a list (line %d)", other)
	case col == want:
		return false
	case isItem(text):
		l.problem(s, line, col, 1, "E002", moveTo(want), "this list item starts in column %d, but its list (line %d) starts in column %d", col, other, want)
	default:
		l.problem(s, line, col, width, "E002", moveTo(want), "this key starts in column %d, but line %d starts in column %d", col, other, want)
	}
	return true
}

func moveTo(col int) string {
	switch col {
	case 1:
		return "start it in column 1, without indent"
	case 2:
		return "indent it by 1 space, or as its parent"
	}
	return fmt.Sprintf("indent it by %d spaces, or as its parent", col-1)
}
