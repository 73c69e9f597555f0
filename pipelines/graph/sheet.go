package graph

import (
	"math"
	"slices"
)

const (
	labelSize  = 13.0
	detailSize = 10.5
	edgeSize   = 10.5
	nameCells  = 40 // longer names are clipped; the full one is in the tooltip
	edgeCells  = 28
)

// sheet is one connected part, drawn with its top left corner at 0,0.
type sheet struct {
	nodes, edges []int
	w, h         float64
}

// draw lays out one part and writes its boxes and paths into l.
func (g *Graph) draw(nodes []int, ends [][2]int, back []bool, l *layout, part int) *sheet {
	sh := &sheet{nodes: nodes}
	in := make(map[int]bool, len(nodes))
	for _, v := range nodes {
		in[v] = true
	}
	var flow []int
	loops := map[int][]int{}
	for i, e := range ends {
		if !in[e[0]] {
			continue
		}
		sh.edges = append(sh.edges, i)
		if e[0] == e[1] {
			loops[e[0]] = append(loops[e[0]], i)
		} else {
			flow = append(flow, i)
		}
	}
	p := newPlan(nodes, flow, ends, back)
	g.size(p, loops)
	p.place()
	xs, widths := g.columns(p, loops)
	for it := range nodes {
		b := g.box(p, it, xs, widths)
		b.part = part
		l.boxes[nodes[it]] = b
		sh.w = max(sh.w, b.x+b.w)
		for _, e := range loops[nodes[it]] {
			l.paths[e] = loopPath(b)
		}
	}
	for _, r := range p.runs {
		l.paths[r.edge] = p.route(r, xs, widths, g.labelWidth(r.edge))
	}
	for i := range p.items {
		sh.h = max(sh.h, p.items[i].y+p.items[i].below)
	}
	return sh
}

// size sets the room every item needs and the ports of every node.
func (g *Graph) size(p *plan, loops map[int][]int) {
	need := p.ports(func(e int) bool { return g.Edges[e].Label != "" })
	for it := range p.items {
		i := &p.items[it]
		if i.node < 0 {
			i.above, i.below = 4, 4
			continue
		}
		h := g.height(i.node, need[it])
		i.above, i.below = h/2, h/2
		if len(loops[i.node]) > 0 {
			i.above += loopRoom
		} else if g.Nodes[i.node].note() != "" {
			i.above += 8
		}
	}
	for _, r := range p.runs {
		if g.Edges[r.edge].Label != "" && !r.back && len(r.links) > 1 {
			p.items[r.items[1]].above = edgeSize + 4
		}
	}
	for it := range p.items {
		if p.items[it].node >= 0 { // the box must not depend on the room above it
			p.items[it].below = math.Ceil(p.items[it].below)
		}
	}
}

// height is a box's height: one or two lines of text, or as much as its ports need.
func (g *Graph) height(v int, ports float64) float64 {
	h := 36.0
	if g.Nodes[v].Detail != "" {
		h = 46
	}
	return max(h, ports+32)
}

// width is what a node's icon and text need.
func (g *Graph) width(v int, loops []int) float64 {
	n := g.Nodes[v]
	w := max(float64(em(clip(n.name(), nameCells))*labelSize), float64(em(clip(oneLine(n.Detail), nameCells))*detailSize)) + 56
	if n.Kind == Channel {
		w += 14
	}
	w = max(w, 96, float64(em(clip(n.note(), nameCells))*detailSize)+40)
	for _, e := range loops {
		w = max(w, g.labelWidth(e)+60)
	}
	return math.Ceil(w)
}

func (g *Graph) labelWidth(e int) float64 {
	if g.Edges[e].Label == "" {
		return 0
	}
	return math.Ceil(em(clip(oneLine(g.Edges[e].Label), edgeCells))*edgeSize) + 8
}

// columns sets the left side and the width of every layer. Between two layers lie a room where edges bend and, right
// of it, one where they run level and carry their labels.
func (g *Graph) columns(p *plan, loops map[int][]int) (xs, widths []float64) {
	xs, widths = make([]float64, len(p.layers)), make([]float64, len(p.layers))
	bend, text := make([]float64, len(p.layers)), make([]float64, len(p.layers))
	for _, it := range p.items {
		if it.node >= 0 {
			widths[it.layer] = max(widths[it.layer], g.width(it.node, loops[it.node]))
		}
	}
	for _, r := range p.runs {
		at := r.links[0]
		if r.back {
			at = r.links[len(r.links)-1]
		}
		l := p.items[p.links[at].from].layer
		text[l] = max(text[l], g.labelWidth(r.edge))
	}
	for _, k := range p.links {
		l := p.items[k.from].layer
		bend[l] = max(bend[l], math.Abs(p.items[k.to].y+k.b-p.items[k.from].y-k.a))
	}
	for l := 1; l < len(xs); l++ {
		xs[l] = xs[l-1] + widths[l-1] + math.Round(min(34+bend[l-1]/8, 84)) + text[l-1] + tipRoom
	}
	return xs, widths
}

const tipRoom = 16 // level run before a box: the arrow's tip

func (g *Graph) box(p *plan, it int, xs, widths []float64) box {
	i := p.items[it]
	return box{x: xs[i.layer], y: i.y - i.below, w: widths[i.layer], h: 2 * i.below, layer: i.layer}
}

// route is the way of a run: level through its slots, bent between the layers only.
func (p *plan) route(r run, xs, widths []float64, label float64) path {
	pa := path{back: r.back}
	for i, k := range r.links {
		from, to := p.items[p.links[k].from], p.items[p.links[k].to]
		y0, y1 := from.y+p.links[k].a, to.y+p.links[k].b
		right := xs[to.layer] - tipRoom - p.textRoom(from.layer, xs, widths, k)
		pa.points = append(pa.points, point{xs[from.layer] + widths[from.layer], y0}, point{right, y1}, point{xs[to.layer], y1})
		if label > 0 && ((!r.back && i == 0) || (r.back && i == len(r.links)-1)) {
			pa.label = point{xs[to.layer] - tipRoom - label + 6, y1}
		}
	}
	pa.points = simplify(pa.points)
	if r.back {
		slices.Reverse(pa.points)
	}
	return pa
}

// textRoom is how wide the level part of a gutter is, beyond the tip.
func (p *plan) textRoom(l int, xs, widths []float64, _ int) float64 {
	return xs[l+1] - xs[l] - widths[l] - tipRoom - p.bendRoom(l)
}

// bendRoom is how wide the bending part of the gutter behind layer l is.
func (p *plan) bendRoom(l int) float64 {
	dy := 0.0
	for _, it := range p.layers[l] {
		for _, k := range p.items[it].right {
			dy = max(dy, math.Abs(p.items[p.links[k].to].y+p.links[k].b-p.items[it].y-p.links[k].a))
		}
	}
	return math.Round(min(34+dy/8, 84))
}

// simplify drops points on a level line.
func simplify(ps []point) []point {
	out := ps[:0:0]
	for i, q := range ps {
		if i > 0 && i+1 < len(ps) && ps[i-1].y == q.y && ps[i+1].y == q.y {
			continue
		}
		out = append(out, q)
	}
	return out
}

// loopPath is an edge from a box to itself: out of its top and in again, in the room kept above it.
func loopPath(b box) path {
	x := b.x + b.w - 14
	return path{loop: true, label: point{b.x + 4, b.y - 8}, points: []point{
		{x - 22, b.y}, {x - 22, b.y - 14}, {x, b.y - 14}, {x, b.y},
	}}
}
