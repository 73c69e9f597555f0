package graph

import (
	"cmp"
	"math"
	"slices"
)

// point is a place in the drawing, in pixels; y grows downwards.
type point struct{ x, y float64 }

// box is where a node is drawn. layer counts from the left within its part of the graph.
type box struct {
	x, y, w, h  float64
	part, layer int
}

// path is the way of one edge, in its own direction: points joined by lines. Where two points differ in both x and y
// the writer may draw any curve inside their rectangle: no box lies there. label is the left end of the label's line.
type path struct {
	points []point
	label  point
	back   bool
	loop   bool
}

// layout is a finished drawing: boxes by node, paths by edge, and the nodes in reading order (part, layer, height).
type layout struct {
	w, h  float64
	boxes []box
	paths []path
	order []int
}

const (
	margin    = 24
	partGap   = 40
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
	back := cycles(len(g.Nodes), ends)
	l := &layout{boxes: make([]box, len(g.Nodes)), paths: make([]path, len(g.Edges))}
	s := &shelf{y: margin}
	if g.Title != "" {
		s.y += titleRoom
	}
	parts := split(len(g.Nodes), ends)
	sized := make([]*sheet, len(parts))
	for i, part := range parts {
		sized[i] = g.draw(part, ends, back, l, i)
		s.limit = max(s.limit, sized[i].w)
	}
	for _, sh := range sized {
		x, y := s.put(sh.w, sh.h)
		l.move(sh, x, y)
		l.w, l.h = max(l.w, x+sh.w+margin), max(l.h, y+sh.h+margin)
	}
	if g.Title != "" {
		l.w = max(l.w, math.Ceil(em(oneLine(g.Title))*17)+2*margin)
	}
	l.w, l.h = max(l.w, 2*margin), max(l.h, s.y+margin)
	l.read()
	return l, nil
}

// read fills l.order.
func (l *layout) read() {
	for v := range l.boxes {
		l.order = append(l.order, v)
	}
	slices.SortStableFunc(l.order, func(a, b int) int {
		x, y := l.boxes[a], l.boxes[b]
		return cmp.Or(cmp.Compare(x.part, y.part), cmp.Compare(x.layer, y.layer), cmp.Compare(x.y, y.y))
	})
}

func (g *Graph) ends(at map[string]int) [][2]int {
	ends := make([][2]int, len(g.Edges))
	for i, e := range g.Edges {
		ends[i] = [2]int{at[e.From], at[e.To]}
	}
	return ends
}

// split finds the connected parts, each a list of nodes in their given order.
func split(n int, ends [][2]int) [][]int {
	root := make([]int, n)
	for v := range root {
		root[v] = v
	}
	var find func(v int) int
	find = func(v int) int {
		if root[v] != v {
			root[v] = find(root[v])
		}
		return root[v]
	}
	for _, e := range ends {
		a, b := find(e[0]), find(e[1])
		root[max(a, b)] = min(a, b)
	}
	var parts [][]int
	place := make(map[int]int)
	for v := range n {
		r := find(v)
		if _, ok := place[r]; !ok {
			place[r] = len(parts)
			parts = append(parts, nil)
		}
		parts[place[r]] = append(parts[place[r]], v)
	}
	return parts
}

// shelf puts parts side by side in rows no wider than the widest part.
type shelf struct {
	x, y, tall, limit float64
}

func (s *shelf) put(w, h float64) (x, y float64) {
	if s.x > 0 && s.x+w > s.limit {
		s.y += s.tall + partGap
		s.x, s.tall = 0, 0
	}
	x, y = margin+s.x, s.y
	s.x += w + partGap
	s.tall = max(s.tall, h)
	return x, y
}

// move shifts a part's boxes and paths.
func (l *layout) move(sh *sheet, dx, dy float64) {
	for _, v := range sh.nodes {
		l.boxes[v].x += dx
		l.boxes[v].y += dy
	}
	for _, e := range sh.edges {
		pa := &l.paths[e]
		for i := range pa.points {
			pa.points[i].x += dx
			pa.points[i].y += dy
		}
		pa.label.x += dx
		pa.label.y += dy
	}
}
