package graph

import (
	"cmp"
	"math"
	"slices"
)

const (
	tipRoom   = 16 // level run before a box: the arrow's tip
	loopWidth = 34
)

// grid is where the layers stand. Behind each lies a gutter: first a room where edges bend, then one where they run
// level and carry their labels, then room for the arrow's tip. No box reaches into a gutter.
type grid struct{ x, w, bend, text []float64 }

// columns sets the left side and the width of every layer.
func (g *Graph) columns(p *plan, loops map[int][]int) grid {
	n := len(p.layers)
	c := grid{make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	for v := range g.Nodes {
		l := p.items[v].layer
		c.w[l] = max(c.w[l], g.width(v, loops[v]))
	}
	for _, r := range p.runs {
		l := p.items[p.links[r.labelled()].from].layer
		c.text[l] = max(c.text[l], g.labelWidth(r.edge))
	}
	for _, k := range p.links {
		l, dy := p.items[k.from].layer, math.Abs(p.items[k.to].y+k.b-p.items[k.from].y-k.a)
		c.bend[l] = max(c.bend[l], math.Round(min(34+dy/8, 84)))
	}
	for l := range n {
		if c.x[l] = margin; l == 0 {
			continue
		}
		c.x[l] = c.x[l-1] + c.w[l-1] + c.bend[l-1] + c.text[l-1] + tipRoom
	}
	return c
}

// labelled is the link of a run that carries its label: the one at the node the edge leaves.
func (r run) labelled() int {
	if r.back {
		return r.links[len(r.links)-1]
	}
	return r.links[0]
}

func (c grid) box(i item) box {
	return box{x: c.x[i.layer], y: i.y - i.below, w: c.w[i.layer], h: 2 * i.below, layer: i.layer}
}

// route is the way of a run: level through its slots, bent only between the layers.
func (p *plan) route(r run, c grid, label float64) path {
	pa := path{back: r.back}
	for _, k := range r.links {
		from, to := p.items[p.links[k].from], p.items[p.links[k].to]
		y0, y1 := from.y+p.links[k].a, to.y+p.links[k].b
		x := c.x[from.layer] + c.w[from.layer]
		pa.points = append(pa.points, point{x, y0})
		if r.back { // its tip may be here
			pa.points = append(pa.points, point{x + tipRoom/2, y0})
		}
		pa.points = append(pa.points, point{x + c.bend[from.layer], y1}, point{c.x[to.layer], y1})
		if k == r.labelled() {
			pa.label = point{c.x[to.layer] - tipRoom - label + 6, y1}
		}
	}
	pa.points = simplify(pa.points)
	if r.back {
		slices.Reverse(pa.points)
	}
	return pa
}

// simplify drops points in the middle of a level line.
func simplify(ps []point) []point {
	out := make([]point, 0, len(ps))
	for i, q := range ps {
		if i > 0 && i+1 < len(ps) && ps[i-1].y == q.y && ps[i+1].y == q.y {
			continue
		}
		out = append(out, q)
	}
	return out
}

// loopPath is an edge from a box to itself: out of its top and in again, in the room kept above it.
func loopPath(x, top float64) path {
	return path{loop: true, label: point{x + 24, top - 7}, points: []point{
		{x, top}, {x, top - 14}, {x + 18, top - 14}, {x + 18, top},
	}}
}

const portGap = 15 // between two ports of a side, room for a label over each line

// port is one point on a node's side where links meet; back edges never share one with forward edges.
type port struct {
	links []int
	back  bool
	mean  float64
}

// ports spreads the links of every node over its sides and returns the height each node needs for them. Edges that end
// in a label get a port of their own, so labels never lie on each other.
func (p *plan) ports(labelled func(edge int) bool) []float64 {
	need := make([]float64, len(p.items))
	for it := range p.nodes {
		left := p.side(it, p.items[it].left, func(k int) bool {
			r := p.runs[p.links[k].run]
			return labelled(r.edge) && (r.back || len(r.links) == 1)
		})
		right := p.side(it, p.items[it].right, func(int) bool { return false })
		for i, q := range left {
			for _, k := range q.links {
				p.links[k].b = portAt(i, len(left))
			}
		}
		for i, q := range right {
			for _, k := range q.links {
				p.links[k].a = portAt(i, len(right))
			}
		}
		need[it] = float64((max(len(left), len(right)) - 1) * portGap)
	}
	return need
}

func portAt(i, n int) float64 { return (float64(i) - float64(n-1)/2) * portGap }

// side groups the links of one side into ports, sorted by where the links go.
func (p *plan) side(it int, links []int, own func(k int) bool) []port {
	var ports []port
	for _, k := range links {
		back := p.runs[p.links[k].run].back
		i := slices.IndexFunc(ports, func(q port) bool { return q.back == back && !own(k) && !own(q.links[0]) })
		if i < 0 {
			i = len(ports)
			ports = append(ports, port{back: back})
		}
		ports[i].links = append(ports[i].links, k)
		ports[i].mean += float64(p.items[p.other(k, it)].pos)
	}
	for i := range ports {
		ports[i].mean /= float64(len(ports[i].links))
	}
	slices.SortStableFunc(ports, func(a, b port) int { return cmp.Compare(a.mean, b.mean) })
	return ports
}
