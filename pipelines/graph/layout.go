package graph

import (
	"cmp"
	"math"
	"slices"
)

// point is a place in the drawing, in pixels; y grows downwards.
type point struct{ x, y float64 }

// box is where a node is drawn. layer counts from the left.
type box struct {
	x, y, w, h float64
	layer      int
}

// path is the way of one edge, in its own direction: points joined by lines. Where two points differ in both x and y
// the writer may draw any curve inside their rectangle: no box lies there. label is the left end of the label's line.
type path struct {
	points []point
	label  point
	back   bool
	loop   bool
}

// layout is a finished drawing: boxes by node, paths by edge, and the nodes in reading order (layer, height).
type layout struct {
	w, h  float64
	boxes []box
	paths []path
	order []int
}

const (
	margin    = 24
	titleRoom = 34
	loopRoom  = 24
)

// layout lays the graph out. Its error is index's.
func (g *Graph) layout() (*layout, error) {
	at, err := g.index()
	if err != nil {
		return nil, err
	}
	ends := g.ends(at)
	loops := map[int][]int{} // edges from a node to itself, by node
	for e, end := range ends {
		if end[0] == end[1] {
			loops[end[0]] = append(loops[end[0]], e)
		}
	}
	top, l := float64(margin), &layout{w: 2 * margin, boxes: make([]box, len(g.Nodes)), paths: make([]path, len(g.Edges))}
	if g.Title != "" {
		top += titleRoom
		l.w = max(l.w, math.Ceil(em(oneLine(g.Title))*17)+2*margin)
	}
	p := newPlan(len(g.Nodes), ends)
	g.size(p, loops)
	bottom := p.place(top)
	c := g.columns(p, loops)
	for v := range g.Nodes {
		b := c.box(p.items[v])
		l.boxes[v], l.order = b, append(l.order, v)
		l.w = max(l.w, b.x+b.w+margin)
		x := b.x + 14
		for _, e := range loops[v] {
			l.paths[e] = loopPath(x, b.y)
			x += g.labelWidth(e) + loopWidth
		}
	}
	for _, r := range p.runs {
		l.paths[r.edge] = p.route(r, c, g.labelWidth(r.edge))
	}
	l.h = bottom + margin
	slices.SortStableFunc(l.order, func(a, b int) int {
		x, y := l.boxes[a], l.boxes[b]
		return cmp.Or(cmp.Compare(x.layer, y.layer), cmp.Compare(x.y, y.y))
	})
	return l, nil
}

func (g *Graph) ends(at map[string]int) [][2]int {
	ends := make([][2]int, len(g.Edges))
	for i, e := range g.Edges {
		ends[i] = [2]int{at[e.From], at[e.To]}
	}
	return ends
}
