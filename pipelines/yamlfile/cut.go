package yamlfile

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

const cutMessage = "YAML cuts this formula at one of , ? [ ] { } because it is unquoted inside { } or [ ]"

// formulaAt reads the formula that was meant from line[at:], up to the comma or bracket that ends it in a flow.
func formulaAt(line []rune, at int) string {
	depth, quote := 0, rune(0)
	end := at
	for ; end < len(line); end++ {
		switch c := line[end]; {
		case quote != 0:
			if c == '\\' {
				end++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.ContainsRune("([{", c):
			depth++
		case strings.ContainsRune(")]}", c):
			if depth--; depth < 0 {
				return strings.TrimSpace(string(line[at:end]))
			}
		case c == ',' && depth == 0, c == '#' && end > at && line[end-1] == ' ':
			return strings.TrimSpace(string(line[at:end]))
		}
	}
	return strings.TrimSpace(string(line[at:min(end, len(line))]))
}

var formulaStart = regexp.MustCompile(`(?:: +|[,\[{] *)(=[^='"])`)

// explainCut finds the cut formula in a line that doesn't parse.
func (l *Loader) explainCut(s *source, msg string, at, from yaml4Mark) bool {
	flow := strings.Contains(msg, "expected ',' or")
	if !flow && !strings.Contains(msg, "mapping values are not allowed") && !strings.Contains(msg, "node content") {
		return false
	}
	text := s.lines[at.line-1]
	for _, m := range slices.Backward(formulaStart.FindAllStringSubmatchIndex(text, -1)) {
		col := len([]rune(text[:m[2]])) + 1
		if col > at.col {
			continue
		}
		inFlow := flow || strings.ContainsAny(text[:m[2]], "{[")
		formula := strings.TrimSpace(string(s.line(at.line)[col-1:]))
		if inFlow {
			formula = formulaAt(s.line(at.line), col-1)
		}
		width := len([]rune(formula))
		if at.col > col+width || !strings.ContainsAny(formula, ",?[]{}:") {
			return false
		}
		message := cutMessage
		if !inFlow {
			message = "YAML cuts this formula at the colon"
		}
		l.problem(s, at.line, col, width, "E014", "quote this formula: "+quoted(formula), "%s", message)
		return true
	}
	return false
}

// cutInMap reports formulas of a flow map that YAML cut into keys without a value, and gives the entries as meant.
func (b *builder) cutInMap(y *yaml.Node) []*yaml.Node {
	if y.Style&yaml.FlowStyle == 0 {
		return y.Content
	}
	out := make([]*yaml.Node, 0, len(y.Content))
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		out = append(out, k, v)
		next, followed := i+2, i+3 < len(y.Content) && isEmpty(y.Content[i+3])
		if full, ok := b.cut(v, followed); ok {
			out[len(out)-1] = full
			for next+1 < len(y.Content) && within(y.Content[next], full) {
				next += 2
			}
			i = next - 2
		}
	}
	return out
}

// cutInList does so for [=f(a, b)].
func (b *builder) cutInList(content []*yaml.Node) []*yaml.Node {
	out := make([]*yaml.Node, 0, len(content))
	for i := 0; i < len(content); i++ {
		full, ok := b.cut(content[i], false)
		if !ok {
			out = append(out, content[i])
			continue
		}
		out = append(out, full)
		for i+1 < len(content) && within(content[i+1], full) {
			i++
		}
	}
	return out
}

// cut reports v when it is the front of a formula; the copy it gives holds the whole.
func (b *builder) cut(v *yaml.Node, followed bool) (*yaml.Node, bool) {
	n := &Node{y: v, src: b.src, loader: b.l, index: -1}
	if v.Kind != yaml.ScalarNode || !n.IsFormula() || !n.isPlain() || !followed && balanced(v.Value) {
		return nil, false
	}
	at := n.start()
	full := formulaAt(b.src.line(at.line), at.col-1)
	if full == v.Value || !strings.HasPrefix(full, v.Value) {
		if !followed {
			return nil, false
		}
		full = v.Value
	}
	if full == v.Value && balanced(v.Value) {
		return nil, false
	}
	b.l.problem(b.src, at.line, at.col, len([]rune(full)), "E014", "quote this formula: "+quoted(full), "%s", cutMessage)
	whole := *v
	whole.Value = full
	return &whole, true
}

func within(y, formula *yaml.Node) bool {
	return y.Line == formula.Line && y.Column < formula.Column+len([]rune(formula.Value))
}

func isEmpty(y *yaml.Node) bool {
	return y.Kind == yaml.ScalarNode && y.Value == "" && y.Tag == "!!null"
}

func balanced(s string) bool {
	return strings.Count(s, "(") == strings.Count(s, ")")
}

func secondDocument(s *source) int {
	text := false
	for i, l := range s.lines {
		start := strings.HasPrefix(l, "---")
		if start && text {
			return i + 1
		}
		t := strings.TrimSpace(l)
		text = text || start || t != "" && t[0] != '#' && t[0] != '%'
	}
	return 1
}

// explainQuestion finds the unquoted formulas with a ? inside { } or [ ] of one line, as {card: =body.pay?.token}.
func (l *Loader) explainQuestion(s *source) (found []span) {
	for i, text := range s.lines {
		for _, m := range formulaStart.FindAllStringSubmatchIndex(text, -1) {
			before := strings.TrimSpace(text[:m[2]])
			if strings.HasPrefix(before, "#") || !opened(before) {
				continue
			}
			col := len([]rune(text[:m[2]])) + 1
			formula := formulaAt(s.line(i+1), col-1)
			if strings.Contains(formula, "?") {
				at := span{i + 1, col, len([]rune(formula))}
				found = append(found, at)
				l.problem(s, at.line, at.col, at.width, "E014", "quote this formula: "+quoted(formula), "%s", cutMessage)
			}
		}
	}
	return found
}

// opened tells whether text leaves a { or [ open; brackets in quotes don't count.
func opened(text string) bool {
	depth, quote := 0, rune(0)
	for _, r := range text {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '{' || r == '[':
			depth++
		case r == '}' || r == ']':
			depth--
		}
	}
	return depth > 0 && quote == 0
}

// without parses the text as if the formulas at the places held no ?, so that
// the faults behind them are found in the same run; the document has them as they are.
func (s *source) without(places []span) (*yaml.Node, bool) {
	stand := '\ue000'
	for strings.ContainsRune(string(s.text), stand) {
		stand++
	}
	lines := slices.Clone(s.lines)
	for _, at := range places {
		line := []rune(lines[at.line-1])
		for i := at.col - 1; i < min(at.col-1+at.width, len(line)); i++ {
			if line[i] == '?' {
				line[i] = stand
			}
		}
		lines[at.line-1] = string(line)
	}
	doc := &yaml.Node{}
	if err := decode(yaml.NewDecoder(strings.NewReader(strings.Join(lines, "\n"))), doc); err != nil {
		return nil, false
	}
	restore(doc, string(stand))
	return doc.Content[0], true
}

func restore(y *yaml.Node, stand string) {
	y.Value = strings.ReplaceAll(y.Value, stand, "?")
	for _, c := range y.Content {
		restore(c, stand)
	}
}

var (
	pathStart = regexp.MustCompile(`^(?:[a-z][A-Za-z]*\()?([a-z_][a-z_0-9]*)(?:\?\.|\.|\[)[A-Za-z_"0-9]`)
	twoWords  = regexp.MustCompile(`[A-Za-z_]\w*\s+[A-Za-z_]\w*`)
	wordOps   = regexp.MustCompile(`\b(and|or|not|in|contains|matches|startsWith|endsWith)\b`)
)

// WarnIfFormulaLike warns about an unquoted literal that reads like a formula, as body.x: its '=' was forgotten. More
// names that are values in a formula at this place can be given, as the `as:` names of a process.
func (n *Node) WarnIfFormulaLike(names ...string) {
	if n.Kind() != Scalar || n.IsFormula() || n.Quoted() {
		return
	}
	raw := strings.TrimSpace(n.Raw())
	m := pathStart.FindStringSubmatch(raw)
	if m == nil || twoWords.MatchString(wordOps.ReplaceAllString(raw, "+")) {
		return
	}
	for _, name := range append([]string{"body", "headers", "it", "params", "event", "bodies", "replies"}, names...) {
		if m[1] == name {
			n.Warnf("W202", "write ="+raw+" for its value, or quote it if the text is meant", "%s: %s is text here, and looks like a formula",
				n.label(), short(raw))
			return
		}
	}
}
