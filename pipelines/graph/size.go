package graph

import "math"

const (
	labelSize  = 13.0
	detailSize = 10.5
	edgeSize   = 10.5
	nameCells  = 40 // longer names are clipped; the full one is in the tooltip
	edgeCells  = 28
)

// size sets the room every item needs and the ports of every node.
func (g *Graph) size(p *plan, loops map[int][]int) {
	need := p.ports(func(e int) bool { return g.Edges[e].Label != "" })
	for it := range p.items {
		i := &p.items[it]
		if p.dummy(it) {
			i.above, i.below = 4, 4
			continue
		}
		half := math.Ceil(g.height(it, need[it]) / 2)
		i.above, i.below = half, half
		if len(loops[it]) > 0 {
			i.above += loopRoom
		} else if g.Nodes[it].note() != "" {
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
