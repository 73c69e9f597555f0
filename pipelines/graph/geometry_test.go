package graph

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// anyGraph generates graphs with cycles, loops, parallel edges, lone nodes and odd labels.
func anyGraph(t *rapid.T) *Graph {
	kinds := []Kind{Source, Target, Pipeline, Channel, Process, Dead, "router", "split", "no such kind"}
	text := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-zA-Z0-9 ./{}]{1,50}`), rapid.String())
	g := &Graph{Title: rapid.String().Draw(t, "title")}
	n := rapid.IntRange(0, 30).Draw(t, "nodes")
	for i := range n {
		g.Nodes = append(g.Nodes, Node{
			ID: fmt.Sprintf("%d:%s", i, text.Draw(t, "id")), Label: text.Draw(t, "label"), Detail: text.Draw(t, "detail"), Link: text.Draw(t, "link"),
			Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Badge: text.Draw(t, "badge"), State: rapid.SampledFrom([]string{"", "paused", "failing"}).Draw(t, "state"),
		})
	}
	if n == 0 {
		return g
	}
	for range rapid.IntRange(0, 2*n).Draw(t, "edges") {
		from, to := rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(0, n-1).Draw(t, "to")
		g.Edges = append(g.Edges, Edge{From: g.Nodes[from].ID, To: g.Nodes[to].ID, Label: text.Draw(t, "label"), Dashed: rapid.Bool().Draw(t, "dashed")})
	}
	return g
}

// area is a rectangle; what only touches does not overlap.
type area struct{ x0, y0, x1, y1 float64 }

func (a area) overlaps(b area) bool {
	const eps = 1e-6
	return a.x0 < b.x1-eps && b.x0 < a.x1-eps && a.y0 < b.y1-eps && b.y0 < a.y1-eps
}

func boxArea(b box) area { return area{b.x, b.y, b.x + b.w, b.y + b.h} }

// segment is the rectangle of two points: a straight line or any level curve between them stays inside. It is given
// the width of a hair, so that a level line has an inside.
func segment(p, q point) area {
	return area{min(p.x, q.x), min(p.y, q.y) - 0.01, max(p.x, q.x), max(p.y, q.y) + 0.01}
}

// Duty: no two boxes overlap; no edge goes through a box, not even its own; every edge starts and ends on the border of
// its nodes; no two labels overlap, no label lies on a box; everything is inside the drawing.
func TestGeometry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkGeometry(t, anyGraph(t)) })
}

func TestGeometryOfHubs(t *testing.T) {
	checkGeometry(t, smallHub())
	checkGeometry(t, fullHub())
}

func checkGeometry(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, g *Graph) {
	l, err := g.layout()
	if err != nil {
		t.Fatal(err)
	}
	at, _ := g.index()
	paper := area{0, 0, l.w, l.h}
	inside := func(a area) bool { return a.x0 >= paper.x0 && a.y0 >= paper.y0 && a.x1 <= paper.x1 && a.y1 <= paper.y1 }
	for i, b := range l.boxes {
		if !inside(boxArea(b)) || b.w < g.width(i, nil) {
			t.Fatalf("box %d %+v: outside the drawing or too narrow", i, b)
		}
		for j := range i {
			if boxArea(b).overlaps(boxArea(l.boxes[j])) {
				t.Fatalf("boxes %d and %d overlap: %+v %+v", i, j, b, l.boxes[j])
			}
		}
	}
	var labels []area
	for i, p := range l.paths {
		from, to := l.boxes[at[g.Edges[i].From]], l.boxes[at[g.Edges[i].To]]
		if !onBorder(p.points[0], from) || !onBorder(p.points[len(p.points)-1], to) {
			t.Fatalf("edge %d does not join its boxes: %+v %+v %+v", i, p, from, to)
		}
		for k := 1; k < len(p.points); k++ {
			s := segment(p.points[k-1], p.points[k])
			for v, b := range l.boxes {
				shrunk := boxArea(b)
				shrunk.y0, shrunk.y1 = shrunk.y0+0.02, shrunk.y1-0.02
				if s.overlaps(shrunk) || !inside(s) {
					t.Fatalf("edge %d goes through node %d or off the paper: %+v %+v", i, v, s, b)
				}
			}
		}
		if w := g.labelWidth(i); w > 8 {
			labels = append(labels, area{p.label.x, p.label.y - 4 - edgeSize, p.label.x + w - 8, p.label.y - 4})
		}
	}
	for i, a := range labels {
		for _, b := range labels[:i] {
			if a.overlaps(b) {
				t.Fatalf("labels overlap: %+v %+v", a, b)
			}
		}
		for v, b := range l.boxes {
			if a.overlaps(boxArea(b)) || !inside(a) {
				t.Fatalf("label %+v on node %d %+v or off the paper", a, v, b)
			}
		}
	}
}

func onBorder(p point, b box) bool {
	side := (p.x == b.x || p.x == b.x+b.w) && p.y >= b.y && p.y <= b.y+b.h
	top := p.y == b.y && p.x >= b.x && p.x <= b.x+b.w
	return side || top
}

// Duty: forward edges go at least one layer to the right, back edges to the left.
func TestForwardEdgesGoRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		l, _ := g.layout()
		at, _ := g.index()
		for i, e := range g.Edges {
			from, to := l.boxes[at[e.From]].layer, l.boxes[at[e.To]].layer
			if p := l.paths[i]; !p.loop && (from < to) == p.back || !p.loop && from == to {
				t.Fatalf("edge %d from layer %d to %d, back=%v", i, from, to, p.back)
			}
		}
	})
}

// Duty: the same graph gives the same bytes, and the graph is not changed.
func TestDeterministic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		before := fmt.Sprintf("%#v", g)
		for _, w := range writers {
			if a, b := draw(t, g, w.write), draw(t, g, w.write); !bytes.Equal(a, b) {
				t.Fatalf("%s: two drawings differ", w.ext)
			}
		}
		if after := fmt.Sprintf("%#v", g); after != before {
			t.Fatalf("graph changed:\n%s\n%s", before, after)
		}
	})
}
