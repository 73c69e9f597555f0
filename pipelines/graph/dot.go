package graph

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Dot writes the graph for Graphviz, left to right, with the ranks of the layout.
func (g *Graph) Dot(w io.Writer) error {
	l, err := g.layout()
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("digraph hub {\n  rankdir=LR;\n")
	if g.Title != "" {
		fmt.Fprintf(&b, "  label=%s; labelloc=t; labeljust=l;\n", quote(oneLine(g.Title)))
	}
	b.WriteString("  node [fontname=\"Helvetica\", fontsize=11, style=\"filled\"];\n  edge [fontname=\"Helvetica\", fontsize=9, color=\"#8b93a1\"];\n")
	for i, v := range l.order {
		at := l.boxes[v]
		if i == 0 || l.boxes[l.order[i-1]].layer != at.layer {
			if i > 0 {
				b.WriteString("  }\n")
			}
			b.WriteString("  { rank=same;\n")
		}
		fmt.Fprintf(&b, "    %s [%s];\n", quote(g.Nodes[v].ID), dotNode(g.Nodes[v]))
	}
	if len(l.order) > 0 {
		b.WriteString("  }\n")
	}
	for i, e := range g.Edges {
		var attrs []string
		if e.Label != "" {
			attrs = append(attrs, "label="+quote(oneLine(e.Label)))
		}
		if e.Dashed {
			attrs = append(attrs, "style=dashed")
		}
		if l.paths[i].back {
			attrs = append(attrs, "constraint=false", `color="#c07a1c"`)
		}
		fmt.Fprintf(&b, "  %s -> %s", quote(e.From), quote(e.To))
		if len(attrs) > 0 {
			fmt.Fprintf(&b, " [%s]", strings.Join(attrs, ", "))
		}
		b.WriteString(";\n")
	}
	b.WriteString("}\n")
	return write(w, "dot", b.String())
}

func dotNode(n Node) string {
	lines := filled(n.name(), oneLine(n.Detail), n.note())
	style, width := "filled", ""
	h := hueOf(n.Kind)
	if h.dot == "box" {
		style = "filled,rounded"
	}
	line, fill := h.line, h.fill
	switch n.State {
	case statePaused:
		line, style = "#b45309", style+",dashed"
	case stateFailing:
		line, width = "#c2363f", ", penwidth=2"
	}
	s := fmt.Sprintf("label=%s, shape=%s, style=%s, color=%s, fillcolor=%s%s", quote(lines...), h.dot, quote(style), quote(line), quote(fill), width)
	if n.Link != "" {
		s += ", URL=" + quote(oneLine(n.Link)) + ", tooltip=" + quote(tooltip(n))
	}
	return s
}

// dotEscapes keeps text inside its string and free of HTML entities.
var dotEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;", "\n", `\n`, "\r", "", "\x00", "")

// quote is a Graphviz string; several lines are centred one under the other.
func quote(lines ...string) string {
	lines = slices.Clone(lines)
	for i, s := range lines {
		s = strings.ToValidUTF8(s, "\uFFFD")
		lines[i] = dotEscapes.Replace(s)
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}
