package graph

import "math"

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
	c := g.columns(p, loops)
	for it := range nodes {
		b := c.box(p.items[it], part)
		l.boxes[nodes[it]] = b
		sh.w = max(sh.w, b.x+b.w)
		x := b.x + 14
		for _, e := range loops[nodes[it]] {
			l.paths[e] = loopPath(x, b.y)
			x += g.labelWidth(e) + loopWidth
		}
	}
	for _, r := range p.runs {
		l.paths[r.edge] = p.route(r, c, g.labelWidth(r.edge))
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
		half := math.Ceil(g.height(i.node, need[it]) / 2)
		i.above, i.below = half, half
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
	pill := pillWidth(n)
	w = max(w, 96, pill+24)
	top := pill + 24
	for _, e := range loops {
		top += g.labelWidth(e) + loopWidth
	}
	if len(loops) > 0 {
		w = max(w, top)
	}
	return math.Ceil(w)
}

// pillWidth is the width of the note on a node's corner.
func pillWidth(n Node) float64 {
	if n.note() == "" {
		return 0
	}
	return math.Ceil(float64(em(clip(n.note(), nameCells))*detailSize) + 14)
}

func (g *Graph) labelWidth(e int) float64 {
	if g.Edges[e].Label == "" {
		return 0
	}
	return math.Ceil(em(clip(oneLine(g.Edges[e].Label), edgeCells))*edgeSize) + 8
}
