package yamlfile

import (
	"strconv"
	"strings"
)

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
		l.problem(s, line, col, width, "E002", "put a dash before it, or two more spaces to continue the item", "a key among the items of a list (line %d)", other)
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
	if col == 1 {
		return "start it in column 1, without indent"
	}
	return "indent it by " + plural(col-1) + ", or as its parent"
}

func plural(n int) string {
	if n == 1 {
		return "1 space"
	}
	return strconv.Itoa(n) + " spaces"
}
