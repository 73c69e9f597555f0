package graph

import (
	"fmt"
	"io"
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
	for _, l := range t.later {
		if l {
			legend = append(legend, "↓ drawn below")
			break
		}
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
	open, end := "", ""
	switch n.Kind {
	case Channel:
		open, end = "[", "]"
	case Process:
		open, end = "((", "))"
	case Dead:
		open, end = "✗ ", ""
	}
	return open + clip(n.name(), room-columns(open+end)) + end
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
