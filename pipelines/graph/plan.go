package graph

import (
	"cmp"
	"slices"
)

// plan is the graph in layers, which run left to right. Items are nodes and the dummies that hold a place for a long edge
// in every layer it passes; links join items of neighbouring layers.
type plan struct {
	nodes  int
	items  []item
	links  []link
	layers [][]int // items by layer, top to bottom
	runs   []run
}

type item struct {
	layer, pos   int
	part         int     // items of different parts are not joined: they stand one part under the other in every layer
	left, right  []int   // links
	above, below float64 // room it needs over and under y
	y            float64 // its middle
}

// link goes from an item to one in the next layer. a and b are the port heights on its two ends, relative to y.
type link struct {
	from, to int
	a, b     float64
	run      int
}

// run is the way of one edge: its items from left to right. back is true when the edge points to the left.
type run struct {
	edge  int
	back  bool
	items []int
	links []int
}

// newPlan layers n nodes, the first items of the plan, with the edges between them; an edge from a node to itself has no place in it.
func newPlan(n int, ends [][2]int) *plan {
	p := &plan{nodes: n, items: make([]item, n)}
	back := cycles(n, ends)
	var edges []int
	var forward [][2]int
	for e, end := range ends {
		if end[0] == end[1] {
			continue
		}
		if back[e] {
			end[0], end[1] = end[1], end[0]
		}
		edges, forward = append(edges, e), append(forward, end)
	}
	for v, l := range layers(n, forward) {
		p.items[v].layer = l
	}
	for i, e := range edges {
		p.addRun(e, back[e], forward[i][0], forward[i][1])
	}
	p.firstOrder()
	p.sortLayers()
	return p
}

// dummy tells that an item is no node: it holds the place of a long edge.
func (p *plan) dummy(it int) bool { return it >= p.nodes }

// addRun adds the links of one edge, with a dummy in each layer between its ends.
func (p *plan) addRun(edge int, back bool, from, to int) {
	r := run{edge: edge, back: back, items: []int{from}}
	for l := p.items[from].layer + 1; l < p.items[to].layer; l++ {
		r.items = append(r.items, len(p.items))
		p.items = append(p.items, item{layer: l})
	}
	r.items = append(r.items, to)
	for i := 1; i < len(r.items); i++ {
		k := len(p.links)
		a, b := r.items[i-1], r.items[i]
		p.links = append(p.links, link{from: a, to: b, run: len(p.runs)})
		p.items[a].right = append(p.items[a].right, k)
		p.items[b].left = append(p.items[b].left, k)
		r.links = append(r.links, k)
	}
	p.runs = append(p.runs, r)
}

// firstOrder fills the layers by depth-first search, so that what belongs together starts together: one part under the other.
func (p *plan) firstOrder() {
	seen := make([]bool, len(p.items))
	var visit func(it int)
	visit = func(it int) {
		if seen[it] {
			return
		}
		seen[it] = true
		for l := p.items[it].layer; len(p.layers) <= l; {
			p.layers = append(p.layers, nil)
		}
		row := &p.layers[p.items[it].layer]
		*row = append(*row, it)
		for _, k := range p.items[it].right {
			visit(p.links[k].to)
		}
	}
	for it := range p.nodes {
		p.join(it, it+1)
	}
	for _, rootsOnly := range []bool{true, false} {
		for it := range p.nodes {
			if len(p.items[it].left) == 0 || !rootsOnly {
				visit(it)
			}
		}
	}
	for l, row := range p.layers {
		slices.SortStableFunc(row, func(a, b int) int { return cmp.Compare(p.items[a].part, p.items[b].part) })
		p.number(l)
	}
}

// join makes all that links join with an item one part, unless it is in one.
func (p *plan) join(it, part int) {
	i := &p.items[it]
	if i.part > 0 {
		return
	}
	i.part = part
	for _, k := range slices.Concat(i.left, i.right) {
		p.join(p.other(k, it), part)
	}
}

// other is the end of link k that is not it.
func (p *plan) other(k, it int) int {
	if p.links[k].from == it {
		return p.links[k].to
	}
	return p.links[k].from
}

// cycles finds the edges that close a cycle, by depth-first search from the nodes nothing leads to, then from the rest
// in their given order. Turning the found edges round leaves no cycle. Edges from a node to itself are not counted.
func cycles(n int, edges [][2]int) []bool {
	back := make([]bool, len(edges))
	out, in := make([][]int, n), make([]int, n)
	for i, e := range edges {
		if e[0] != e[1] {
			out[e[0]] = append(out[e[0]], i)
			in[e[1]]++
		}
	}
	const open, done = 1, 2
	state := make([]int, n)
	var visit func(v int)
	visit = func(v int) {
		state[v] = open
		for _, i := range out[v] {
			switch to := edges[i][1]; state[to] {
			case open:
				back[i] = true
			case 0:
				visit(to)
			}
		}
		state[v] = done
	}
	for _, rootsOnly := range []bool{true, false} {
		for v := range n {
			if state[v] == 0 && (in[v] == 0 || !rootsOnly) {
				visit(v)
			}
		}
	}
	return back
}

// layers gives every node a column: each edge goes at least one column to the right (longest path), then nodes slide
// towards the side with more of their edges, so that edges get short. The edges must not form a cycle.
func layers(n int, edges [][2]int) []int {
	out, in := make([][]int, n), make([][]int, n)
	wait := make([]int, n)
	for _, e := range edges {
		out[e[0]] = append(out[e[0]], e[1])
		in[e[1]] = append(in[e[1]], e[0])
		wait[e[1]]++
	}
	layer, order := make([]int, n), make([]int, 0, n)
	for v := range n {
		if wait[v] == 0 {
			order = append(order, v)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, to := range out[order[i]] {
			layer[to] = max(layer[to], layer[order[i]]+1)
			if wait[to]--; wait[to] == 0 {
				order = append(order, to)
			}
		}
	}
	for range 8 {
		moved := false
		for i := len(order) - 1; i >= 0; i-- {
			moved = slide(order[i], layer, in, out) || moved
		}
		if !moved {
			break
		}
	}
	if n > 0 {
		first := slices.Min(layer)
		for v := range layer {
			layer[v] -= first
		}
	}
	return layer
}

// slide moves v right when more edges leave it than come in, and left when it is the other way round.
func slide(v int, layer []int, in, out [][]int) bool {
	was := layer[v]
	if len(out[v]) > len(in[v]) {
		to := layer[out[v][0]]
		for _, o := range out[v] {
			to = min(to, layer[o])
		}
		layer[v] = to - 1
	} else if len(in[v]) > len(out[v]) {
		from := layer[in[v][0]]
		for _, o := range in[v] {
			from = max(from, layer[o])
		}
		layer[v] = from + 1
	}
	return layer[v] != was
}
