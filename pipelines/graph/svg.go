package graph

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// SVG writes the drawing as one self-contained SVG document: no scripts, no outside fonts, light or dark as the reader
// prefers. A node with a Link is an <a> with the file:line in data-link. Unknown edge ends are an error; then nothing is
// written.
func (g *Graph) SVG(w io.Writer) error { return g.svg(w, "<style>"+Style()+"</style>\n") }

// Part writes the drawing as a part of a page that has the Style.
func (g *Graph) Part(w io.Writer) error { return g.svg(w, "") }

func (g *Graph) svg(w io.Writer, style string) error {
	l, err := g.layout()
	if err != nil {
		return err
	}
	var b strings.Builder
	title := cmp.Or(oneLine(g.Title), "message flow")
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="hubgraph" role="group" aria-labelledby="hubgraph-title hubgraph-desc" `+
		`width="%s" height="%s" viewBox="0 0 %[1]s %[2]s">`+"\n",
		num(l.w), num(l.h))
	fmt.Fprintf(&b, "<title id=\"hubgraph-title\">%s</title>\n", esc(title))
	fmt.Fprintf(&b, "<desc id=\"hubgraph-desc\">%s</desc>\n", esc(g.describe()))
	b.WriteString(style)
	b.WriteString(`<defs>` + tip("tip") + tip("tipback") + "</defs>\n")
	fmt.Fprintf(&b, `<rect class="paper" width="%s" height="%s"/>`+"\n", num(l.w), num(l.h))
	if g.Title != "" {
		fmt.Fprintf(&b, `<text class="title" x="%d" y="%d">%s</text>`+"\n", margin, margin+12, esc(title))
	}
	b.WriteString("<g class=\"edges\">\n")
	for i := range g.Edges {
		g.svgEdge(&b, g.Edges[i], l.paths[i])
	}
	b.WriteString("</g>\n<g class=\"nodes\">\n")
	for _, v := range l.order {
		g.svgNode(&b, g.Nodes[v], l.boxes[v])
	}
	b.WriteString("</g>\n</svg>\n")
	return write(w, "svg", b.String())
}

// describe is the drawing in a sentence, for people who do not see it.
func (g *Graph) describe() string {
	s := fmt.Sprintf("%d nodes and %d edges, flowing from left to right.", len(g.Nodes), len(g.Edges))
	for _, n := range g.Nodes {
		if n.note() != "" {
			s += " " + n.name() + ": " + n.note() + "."
		}
	}
	return s
}

func tip(id string) string {
	return `<marker id="hubgraph-` + id + `" class="` + id + `" viewBox="0 0 8 8" refX="7.5" refY="4" ` +
		`markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0.5 0.8L7.5 4L0.5 7.2Z"/></marker>`
}

func (g *Graph) svgEdge(b *strings.Builder, e Edge, p path) {
	class, marker := "edge", "tip"
	if p.back {
		class, marker = class+" back", "tipback"
	}
	if e.Dashed {
		class += " dashed"
	}
	fmt.Fprintf(b, `<g class="%s"><title>%s</title><path d="%s" marker-end="url(#hubgraph-%s)"/>`, class, esc(g.edgeTitle(e)), trace(p), marker)
	if label := oneLine(e.Label); label != "" {
		y := p.label.y - 4
		if p.loop {
			y = p.label.y
		}
		fmt.Fprintf(b, `<text x="%s" y="%s">%s</text>`, num(p.label.x), num(y), esc(clip(label, edgeCells)))
	}
	b.WriteString("</g>\n")
}

func (g *Graph) edgeTitle(e Edge) string {
	s := oneLine(e.From) + " → " + oneLine(e.To)
	if e.Label != "" {
		s += ": " + oneLine(e.Label)
	}
	return s
}

// trace is a path's d: curves that leave and arrive level, so they stay in the rectangle of their two points.
func trace(p path) string {
	var b strings.Builder
	for i, q := range p.points {
		switch {
		case i == 0:
			b.WriteString("M" + at(q.x, q.y))
		case p.loop || p.points[i-1].y == q.y:
			b.WriteString("L" + at(q.x, q.y))
		default:
			mid := (p.points[i-1].x + q.x) / 2
			b.WriteString("C" + at(mid, p.points[i-1].y) + " " + at(mid, q.y) + " " + at(q.x, q.y))
		}
	}
	return b.String()
}

func at(x, y float64) string { return num(x) + " " + num(y) }

// num is a coordinate with at most two decimals.
func num(f float64) string {
	s := strconv.FormatFloat(f, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func esc(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes every write
	return b.String()
}

const round = 9.0 // half width of a pipe's round ends

// svgNode draws one node: its shape, its icon in a tinted square, its lines of text and its note.
func (g *Graph) svgNode(b *strings.Builder, n Node, at box) {
	class := "node " + hueOf(n.Kind).name
	if n.State != "" {
		class += " " + n.State
	}
	link := n.Href != "" || n.Link != ""
	switch {
	case n.Href != "":
		fmt.Fprintf(b, `<a href="%s">`, esc(n.Href))
	case link:
		fmt.Fprintf(b, `<a href="#%s" data-link="%s">`, esc(fragment(n.Link)), esc(oneLine(n.Link)))
	}
	fmt.Fprintf(b, `<g class="%s" data-id="%s" transform="translate(%s %s)"><title>%s</title>`,
		class, esc(oneLine(n.ID)), num(at.x), num(at.y), esc(tooltip(n)))
	b.WriteString(shape(n.Kind, at.w, at.h))
	left := 10.0
	if n.Kind == Channel {
		left = round*2 + 6
	}
	mid := at.h / 2
	fmt.Fprintf(b, `<rect class="tile" x="%s" y="%s" width="24" height="24" rx="6"/><path class="icon" transform="translate(%s %s)" d="%s"/>`,
		num(left), num(mid-12), num(left+4), num(mid-8), hueOf(n.Kind).icon)
	x, y := left+32, mid+4.5
	if n.Detail != "" {
		y = mid - 2.5
		fmt.Fprintf(b, `<text class="detail" x="%s" y="%s">%s</text>`, num(x), num(mid+12.5), esc(clip(oneLine(n.Detail), nameCells)))
	}
	fmt.Fprintf(b, `<text class="name" x="%s" y="%s">%s</text>`, num(x), num(y), esc(clip(n.name(), nameCells)))
	if note := clip(n.note(), nameCells); note != "" {
		w := pillWidth(n)
		fmt.Fprintf(b, `<rect class="pill" x="%s" y="-8" width="%s" height="16" rx="8"/><text class="note" x="%s" y="3.5">%s</text>`,
			num(at.w-w-10), num(w), num(at.w-10-w/2), esc(note))
	}
	b.WriteString("</g>")
	if link {
		b.WriteString("</a>")
	}
	b.WriteString("\n")
}

// shape is the outline: a lying cylinder for channels, round ends where messages enter and leave, a double edge for
// processes, rounded boxes for the rest.
func shape(k Kind, w, h float64) string {
	switch k {
	case Channel:
		pipe := fmt.Sprintf(`<path class="shape" d="M%[1]s 0.5H%[2]sA%[1]s %[3]s 0 0 1 %[2]s %[4]sH%[1]sA%[1]s %[3]s 0 0 1 %[1]s 0.5Z"/>`,
			num(round), num(w-round), num((h-1)/2), num(h-0.5))
		return pipe + fmt.Sprintf(`<ellipse class="mouth" cx="%s" cy="%s" rx="%[1]s" ry="%s"/>`, num(round), num(h/2), num((h-1)/2))
	case Source, Target:
		return rect("shape", 0.5, w, h, min(h/2, 20))
	case Process:
		return rect("shape", 0.5, w, h, 9) + rect("inner", 3.5, w, h, 6)
	}
	return rect("shape", 0.5, w, h, 9)
}

func rect(class string, inset, w, h, r float64) string {
	return fmt.Sprintf(`<rect class="%s" x="%s" y="%[2]s" width="%s" height="%s" rx="%s"/>`, class, num(inset), num(w-2*inset), num(h-2*inset), num(r))
}

// tooltip is everything known about a node, unclipped.
func tooltip(n Node) string {
	return strings.Join(filled(n.name(), oneLine(string(n.Kind)), oneLine(n.Detail), n.note(), oneLine(n.Link)), " · ")
}

// fragment makes a link safe inside a URL.
func fragment(s string) string {
	var b strings.Builder
	for _, c := range []byte(oneLine(s)) {
		if c > ' ' && c < 0x7f && !strings.ContainsRune(`"<>%#\^{}|`+"`", rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
