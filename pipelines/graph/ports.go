package graph

import (
	"cmp"
	"slices"
)

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
	for it := range p.items {
		if p.items[it].node < 0 {
			continue
		}
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
