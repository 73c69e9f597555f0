package graph

// plan is one connected part of the graph in layers. Items are nodes and the dummies that hold a place for a long edge
// in every layer it passes; links join items of neighbouring layers. Layers run left to right.
type plan struct {
	items  []item
	links  []link
	layers [][]int // items by layer, top to bottom
	runs   []run
}

type item struct {
	node         int // place in Graph.Nodes, or -1 for a dummy
	layer, pos   int
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

// newPlan layers the given nodes. ends are the edges' places in nodes-of-the-graph; loops must not be among edges.
func newPlan(nodes, edges []int, ends [][2]int, back []bool) *plan {
	p := &plan{}
	local := make(map[int]int, len(nodes))
	for i, v := range nodes {
		local[v] = i
		p.items = append(p.items, item{node: v})
	}
	turned := make([][2]int, len(edges))
	for i, e := range edges {
		turned[i] = [2]int{local[ends[e][0]], local[ends[e][1]]}
		if back[e] {
			turned[i][0], turned[i][1] = turned[i][1], turned[i][0]
		}
	}
	for i, l := range layers(len(nodes), turned) {
		p.items[i].layer = l
	}
	for i, e := range edges {
		p.addRun(e, back[e], turned[i][0], turned[i][1])
	}
	p.firstOrder(len(nodes))
	p.sortLayers()
	return p
}

// addRun adds the links of one edge, with a dummy in each layer between its ends.
func (p *plan) addRun(edge int, back bool, from, to int) {
	r := run{edge: edge, back: back, items: []int{from}}
	for l := p.items[from].layer + 1; l < p.items[to].layer; l++ {
		r.items = append(r.items, len(p.items))
		p.items = append(p.items, item{node: -1, layer: l})
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

// firstOrder fills the layers by depth-first search, so that what belongs together starts together.
func (p *plan) firstOrder(nodes int) {
	seen := make([]bool, len(p.items))
	var visit func(it int)
	visit = func(it int) {
		if seen[it] {
			return
		}
		seen[it] = true
		l := p.items[it].layer
		for len(p.layers) <= l {
			p.layers = append(p.layers, nil)
		}
		p.items[it].pos = len(p.layers[l])
		p.layers[l] = append(p.layers[l], it)
		for _, k := range p.items[it].right {
			visit(p.links[k].to)
		}
	}
	for _, rootsOnly := range []bool{true, false} {
		for it := range nodes {
			if len(p.items[it].left) == 0 || !rootsOnly {
				visit(it)
			}
		}
	}
}

// other is the end of link k that is not it.
func (p *plan) other(k, it int) int {
	if p.links[k].from == it {
		return p.links[k].to
	}
	return p.links[k].from
}
