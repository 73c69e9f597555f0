package yamlfile

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// span is a place on one line; columns and width in runes.
type span struct{ line, col, width int }

// extent is the part of the file that stands for the node.
func (n *Node) extent() span {
	if n.y.Kind != yaml.ScalarNode || n.y.Value == "" && n.isPlain() {
		if n.key != nil {
			return n.key.extent()
		}
		if len(n.entries) > 0 && n.y.Style&yaml.FlowStyle == 0 && n.entries[0].key.src == n.src {
			return n.entries[0].key.extent()
		}
		return span{max(n.y.Line, 1), max(n.y.Column, 1), 1}
	}
	start := n.start()
	line := n.src.line(start.line)
	if start.col > len(line) {
		return start
	}
	start.width = scalarWidth(line[start.col-1:], n.y)
	return start
}

// start is where the text of a scalar begins, behind its anchor and tag.
func (n *Node) start() span {
	at := span{max(n.y.Line, 1), max(n.y.Column, 1), 1}
	line := n.src.line(at.line)
	col := at.col
	for col <= len(line) && (line[col-1] == '&' || line[col-1] == '!') {
		for col <= len(line) && line[col-1] != ' ' && line[col-1] != '\t' {
			col++
		}
		for col <= len(line) && (line[col-1] == ' ' || line[col-1] == '\t') {
			col++
		}
	}
	if col <= len(line) {
		at.col = col
	}
	return at
}

// scalarWidth is how much of its line a scalar takes, from its start on.
func scalarWidth(rest []rune, y *yaml.Node) int {
	value := []rune(y.Value)
	switch {
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if i := slices.IndexFunc(rest, func(r rune) bool { return r == ' ' || r == '\t' }); i >= 0 {
			return i
		}
	case y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		if end, ok := follow(rest, 0, value, len(value), y.Style); ok && end < len(rest) {
			return end + 1
		}
	default:
		i := 0
		for i < len(value) && i < len(rest) && value[i] == rest[i] {
			i++
		}
		return max(i, 1)
	}
	return len([]rune(strings.TrimRight(string(rest), " \t")))
}

// inside follows an offset of Text() back into the file.
func (n *Node) inside(offset, length int) span {
	if n.Kind() != Scalar || offset < 0 {
		return n.extent()
	}
	return n.insideRaw(n.resolve().toRaw(offset, max(length, 1)))
}

// insideRaw does so for an offset of Raw().
func (n *Node) insideRaw(offset, length int) span {
	start := n.start()
	switch {
	case n.y.Style&yaml.FoldedStyle != 0:
		return start
	case n.y.Style&yaml.LiteralStyle != 0:
		return n.insideBlock(start, offset, length)
	}
	line := n.src.line(start.line)
	from, ok := follow(line, start.col-1, []rune(n.y.Value), offset, n.y.Style)
	if !ok {
		return start
	}
	to, ok := follow(line, start.col-1, []rune(n.y.Value), offset+length, n.y.Style)
	if !ok {
		to = from + 1
	}
	return span{start.line, from + 1, max(to-from, 1)}
}

// follow gives the index in line of rune offset of a plain or quoted value that starts at index at.
func follow(line []rune, at int, value []rune, offset int, style yaml.Style) (int, bool) {
	single, double := style&yaml.SingleQuotedStyle != 0, style&yaml.DoubleQuotedStyle != 0
	if single || double {
		at++
	}
	for i := range min(offset, len(value)) {
		if at >= len(line) {
			return 0, false
		}
		switch {
		case double && line[at] == '\\' && at+1 < len(line):
			at += 2 + map[rune]int{'x': 2, 'u': 4, 'U': 8}[line[at+1]]
			continue
		case line[at] != value[i]:
			return 0, false
		case single && value[i] == '\'':
			at++
		}
		at++
	}
	return at, at <= len(line)
}

// insideBlock finds the offset in a `|` block. Its lines are those of the value; the indent is what the file has more.
func (n *Node) insideBlock(start span, offset, length int) span {
	lines := strings.Split(n.y.Value, "\n")
	indent := -1
	for i, l := range lines {
		if l == "" {
			continue
		}
		text := n.src.line(start.line + 1 + i)
		if indent = len(text) - len([]rune(l)); indent < 0 || string(text[indent:]) != l {
			return start
		}
		break
	}
	if indent < 0 {
		return start
	}
	for i, l := range lines {
		size := len([]rune(l))
		if offset <= size {
			return span{start.line + 1 + i, indent + offset + 1, max(1, min(length, size-offset))}
		}
		offset -= size + 1
	}
	return start
}
