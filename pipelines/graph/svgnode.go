package graph

import (
	"fmt"
	"strings"
)

const round = 9.0 // half width of a pipe's round ends

// svgNode draws one node: its shape, its icon in a tinted square, its lines of text and its note.
func (g *Graph) svgNode(b *strings.Builder, n Node, at box) {
	class := "node " + family(n.Kind)
	if n.State != "" {
		class += " " + n.State
	}
	if n.Link != "" {
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
		num(left), num(mid-12), num(left+4), num(mid-8), iconOf(n.Kind))
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
	if n.Link != "" {
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
	parts := []string{n.name()}
	for _, s := range []string{string(n.Kind), n.Detail, n.note(), n.Link} {
		if s = oneLine(s); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " · ")
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
