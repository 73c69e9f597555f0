package graph

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	textWidth  = 160
	textName   = 50 // cells of a node, its brackets and its note included
	textNote   = 24
	textLabel  = 24
	fanInWidth = 72
)

// Text writes the graph with box-drawing characters: paths from left to right, one under the other, no line wider than
// 160 columns. Channels stand in [ ], processes in (( )). Each node is drawn once: "↑ name" points to one drawn before,
// "↓ name" to one that starts a paragraph further down. Dashed edges are dotted.
func (g *Graph) Text(w io.Writer) error {
	at, err := g.index()
	if err != nil {
		return err
	}
	t := newTexter(g, at)
	var b strings.Builder
	if title := oneLine(g.Title); title != "" {
		b.WriteString(clip(title, textWidth) + "\n\n")
	}
	tall := false
	for i, para := range t.paragraphs() {
		if i > 0 && (tall || len(para) > 1) {
			b.WriteString("\n")
		}
		tall = len(para) > 1
		for _, line := range para {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	if t.legend != "" {
		fmt.Fprintf(&b, "\n%s\n", t.legend)
	}
	return write(w, "text", b.String())
}

// texter draws a graph as paragraphs of lines.
type texter struct {
	g      *Graph
	ends   [][2]int
	out    [][]int // edges by node, in their given order
	in     []int   // how many forward edges come in, loops not counted
	drawn  []bool
	later  []bool // has a "↓"
	queue  []int
	legend string
	up     bool // a "↑" was drawn
	trial  bool // measuring: nothing is put off
}

func newTexter(g *Graph, at map[string]int) *texter {
	n := len(g.Nodes)
	t := &texter{g: g, ends: g.ends(at), out: make([][]int, n), in: make([]int, n), drawn: make([]bool, n), later: make([]bool, n)}
	back := cycles(n, t.ends)
	for i, e := range t.ends {
		t.out[e[0]] = append(t.out[e[0]], i)
		if !back[i] && e[0] != e[1] {
			t.in[e[1]]++
		}
	}
	return t
}

// paragraphs draws everything: from each node nothing leads to, then what was put off, then what is left.
func (t *texter) paragraphs() [][]string {
	var paras [][]string
	start := func(v int) {
		if t.drawn[v] {
			return
		}
		if para := t.fanIn(v); para != nil {
			paras = append(paras, para)
		} else {
			paras = append(paras, t.tree(v, textWidth))
		}
		for len(t.queue) > 0 {
			next := t.queue[0]
			t.queue = t.queue[1:]
			if !t.drawn[next] {
				paras = append(paras, t.tree(next, textWidth))
			}
		}
	}
	for _, rootsOnly := range []bool{true, false} {
		for v := range t.g.Nodes {
			if t.in[v] == 0 || !rootsOnly {
				start(v)
			}
		}
	}
	var legend []string
	if t.up {
		legend = append(legend, "↑ drawn above")
	}
	if slices.Contains(t.later, true) {
		legend = append(legend, "↓ drawn below")
	}
	t.legend = strings.Join(legend, "   ")
	return paras
}

// name is a node in its brackets with its note.
func (t *texter) name(v int) string {
	note := t.g.Nodes[v].note()
	if note != "" {
		note = " (" + clip(note, textNote) + ")"
	}
	return t.short(v, textName-columns(note)) + note
}

// short is a node in its brackets alone, as references show it.
func (t *texter) short(v, room int) string {
	n := t.g.Nodes[v]
	b := hueOf(n.Kind).text
	return b[0] + clip(n.name(), room-columns(b[0]+b[1])) + b[1]
}

// arrow is an edge from a node's text to the next, its first cell given.
func (t *texter) arrow(first string, e int) string {
	line := "─"
	if t.g.Edges[e].Dashed {
		line = "┄"
	}
	if label := clip(oneLine(t.g.Edges[e].Label), textLabel); label != "" {
		return first + line + label + line + "> "
	}
	return first + line + "> "
}

// need is the room a node must have: its name, and the longest way to a "↓ name" behind it.
func (t *texter) need(v int) int {
	most := 0
	for _, e := range t.out[v] {
		most = max(most, columns(t.arrow(" ─┬", e))+2+columns(t.short(t.ends[e][1], textName)))
	}
	return columns(t.name(v)) + most
}

// tree draws v and what follows it in at most room columns; v is on the first line. The room must be at least need(v).
func (t *texter) tree(v, room int) []string {
	t.drawn[v] = true
	name := t.name(v)
	outs := t.out[v]
	if len(outs) == 0 {
		return []string{name}
	}
	var lines []string
	stem := spaces(name) + "  "
	for i, e := range outs {
		first, rest := stem+"├", stem+"│"
		switch {
		case len(outs) == 1:
			first, rest = name+" ", ""
		case i == 0:
			first = name + " ─┬"
		case i == len(outs)-1:
			first, rest = stem+"└", stem+" "
		}
		lead := t.arrow(first, e)
		rest += strings.Repeat(" ", columns(lead)-columns(rest))
		lines = append(lines, under(lead, rest, t.child(t.ends[e][1], room-columns(lead)))...)
	}
	return lines
}

// child draws what an edge leads to: the node itself, or a reference when it is drawn elsewhere or does not fit here.
func (t *texter) child(v, room int) []string {
	switch {
	case t.drawn[v]:
		t.up = true
		return []string{"↑ " + t.short(v, textName)}
	case t.later[v]:
		return []string{"↓ " + t.short(v, textName)}
	case t.trial:
		return t.tree(v, room)
	case t.need(v) > room || (len(t.out[v]) > 1 && t.width(v) > room):
		t.later[v] = true
		t.queue = append(t.queue, v)
		return []string{"↓ " + t.short(v, textName)}
	}
	return t.tree(v, room)
}

// width is how wide the tree of v would be with all the room in the world.
func (t *texter) width(v int) int {
	try := *t
	try.drawn, try.trial = slices.Clone(t.drawn), true
	most := 0
	for _, line := range try.tree(v, 0) {
		most = max(most, columns(line))
	}
	return most
}

// fanIn draws the lone paths that meet in one node, one under the other, joined in front of it. It returns nil when v
// does not start such a path or no other path joins it.
func (t *texter) fanIn(v int) []string {
	meet, own := t.lonePath(v)
	if meet < 0 || t.drawn[meet] || t.later[meet] {
		return nil
	}
	paths := [][]int{own}
	for u := v + 1; u < len(t.g.Nodes); u++ {
		if m, p := t.lonePath(u); m == meet && !t.drawn[u] {
			paths = append(paths, p)
		}
	}
	lines, wide := make([]string, len(paths)), 0
	for i, p := range paths {
		for _, u := range p {
			lines[i] += t.arrow(t.name(u)+" ", t.out[u][0])
		}
		lines[i] = strings.TrimSuffix(lines[i], "> ")
		wide = max(wide, columns(lines[i]))
	}
	if len(paths) < 2 || wide > fanInWidth || wide+4+t.need(meet) > textWidth {
		return nil
	}
	for i, p := range paths {
		for _, u := range p {
			t.drawn[u] = true
		}
		dash := "─"
		if t.g.Edges[t.out[p[len(p)-1]][0]].Dashed {
			dash = "┄"
		}
		lines[i] += strings.Repeat(dash, wide-columns(lines[i])) + joint(i, len(lines))
	}
	right := t.tree(meet, textWidth-wide-4)
	for len(lines) < len(right) {
		lines = append(lines, strings.Repeat(" ", wide+4))
	}
	for i := range right {
		lines[i] += right[i]
	}
	return lines
}

func joint(i, n int) string {
	switch i {
	case 0:
		return "┬─> "
	case n - 1:
		return "┘   "
	}
	return "┤   "
}

// lonePath follows v while there is one way only, up to the node where other ways come in. meet is -1 without one.
func (t *texter) lonePath(v int) (meet int, path []int) {
	if t.in[v] != 0 {
		return -1, nil
	}
	for len(t.out[v]) == 1 && len(path) < len(t.g.Nodes) {
		path = append(path, v)
		v = t.ends[t.out[v][0]][1]
		if t.in[v] != 1 {
			break
		}
	}
	if t.in[v] < 2 || len(path) == 0 {
		return -1, nil
	}
	return v, path
}

// under puts lead before the first line of a block and rest before the others.
func under(lead, rest string, block []string) []string {
	for i := range block {
		if i == 0 {
			block[i] = lead + block[i]
		} else {
			block[i] = rest + block[i]
		}
	}
	return block
}

func spaces(s string) string { return strings.Repeat(" ", columns(s)) }
