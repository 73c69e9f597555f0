package graph

import "math"

const (
	nodeGap  = 20 // between two boxes of a layer
	partGap  = 30 // between two parts
	dummyGap = 7  // between an edge that passes and anything else
)

// gap is the least distance between the middles of two neighbours in a layer, a above b.
func (p *plan) gap(a, b int) float64 {
	g := float64(dummyGap)
	switch {
	case p.items[a].part != p.items[b].part:
		g = partGap
	case !p.dummy(a) && !p.dummy(b):
		g = nodeGap
	}
	return p.items[a].below + g + p.items[b].above
}

// place sets every y: each layer in turn goes as near as it can to its neighbours, keeping its order and its gaps; then
// chains and long edges are pulled straight. The plan starts at y = top; place gives its end.
func (p *plan) place(top float64) (bottom float64) {
	for _, row := range p.layers {
		y := 0.0
		for i, it := range row {
			if i > 0 {
				y += p.gap(row[i-1], it)
			}
			p.items[it].y = y
		}
	}
	for sweep := range 24 {
		for i := range p.layers {
			l := i
			if sweep%2 == 1 {
				l = len(p.layers) - 1 - i
			}
			p.settle(p.layers[l], sweep%2 == 0 || sweep > 15, sweep%2 == 1 || sweep > 15)
		}
	}
	for range 3 {
		p.straighten()
	}
	first := math.Inf(1)
	for i := range p.items {
		p.items[i].y = math.Round(p.items[i].y)
		first = min(first, p.items[i].y-p.items[i].above)
	}
	bottom = top
	for i := range p.items {
		p.items[i].y += top - math.Floor(first)
		bottom = max(bottom, p.items[i].y+p.items[i].below)
	}
	return bottom
}

// settle moves the items of one layer to the weighted mean of their neighbours on the chosen sides. Where that would
// break the order, neighbours move as one block (pool adjacent violators): the least-squares answer.
func (p *plan) settle(row []int, left, right bool) {
	type block struct{ at, weight, n float64 }
	var blocks []block
	offset := 0.0
	offsets := make([]float64, len(row))
	for i, it := range row {
		if i > 0 {
			offset += p.gap(row[i-1], it)
		}
		offsets[i] = offset
		y, weight := p.wish(it, left, right)
		blocks = append(blocks, block{y - offset, weight, 1})
		for len(blocks) > 1 {
			b, a := blocks[len(blocks)-1], blocks[len(blocks)-2]
			if a.at <= b.at {
				break
			}
			w := a.weight + b.weight
			blocks = append(blocks[:len(blocks)-2], block{float64(a.at*a.weight)/w + float64(b.at*b.weight)/w, w, a.n + b.n})
		}
	}
	i := 0
	for _, b := range blocks {
		for range int(b.n) {
			p.items[row[i]].y = b.at + offsets[i]
			i++
		}
	}
}

// wish is where it would like to be, and how much. Links between dummies pull hardest: they are long edges.
func (p *plan) wish(it int, left, right bool) (y, weight float64) {
	sum := 0.0
	pull := func(k int, at float64) {
		w := 1.0
		if p.dummy(p.links[k].from) {
			w *= 3
		}
		if p.dummy(p.links[k].to) {
			w *= 3
		}
		sum += float64(w * at)
		weight += w
	}
	if left {
		for _, k := range p.items[it].left {
			pull(k, p.items[p.links[k].from].y+p.links[k].a-p.links[k].b)
		}
	}
	if right {
		for _, k := range p.items[it].right {
			pull(k, p.items[p.links[k].to].y+p.links[k].b-p.links[k].a)
		}
	}
	if weight == 0 {
		return p.items[it].y, 0.1
	}
	return sum / weight, weight
}

// straighten lays threads (dummies of one edge, nodes one behind the other) on one height as far as the free room
// between their neighbours allows. A thread that does not fit is broken where it must be.
func (p *plan) straighten() {
	seen := make([]bool, len(p.items))
	for _, row := range p.layers {
		for _, it := range row {
			if seen[it] {
				continue
			}
			thread := []int{it}
			for next := p.follow(it); next >= 0 && !seen[next]; next = p.follow(next) {
				thread = append(thread, next)
			}
			for _, t := range thread {
				seen[t] = true
			}
			for len(thread) > 0 {
				thread = thread[p.level(thread):]
			}
		}
	}
}

// follow is the next item of a thread, or -1 at its end.
func (p *plan) follow(it int) int {
	if len(p.items[it].right) != 1 {
		return -1
	}
	to := p.links[p.items[it].right[0]].to
	if len(p.items[to].left) != 1 {
		return -1
	}
	return to
}

// level puts as many items from the start of the thread as can be on one height, and returns how many.
func (p *plan) level(thread []int) int {
	lo, hi := p.room(thread[0])
	n := 1
	mean := p.items[thread[0]].y
	for ; n < len(thread); n++ {
		l, h := p.room(thread[n])
		if max(lo, l) > min(hi, h) {
			break
		}
		lo, hi = max(lo, l), min(hi, h)
		mean += p.items[thread[n]].y
	}
	mean /= float64(n)
	best := min(max(mean, lo), hi)
	first, last := p.items[thread[0]], p.items[thread[n-1]]
	for _, side := range [][]int{first.left, last.right} {
		if len(side) != 1 {
			continue
		}
		k := p.links[side[0]]
		y := p.items[k.from].y + k.a - k.b
		if k.from == thread[n-1] {
			y = p.items[k.to].y + k.b - k.a
		}
		if y >= lo && y <= hi {
			best = y
			break
		}
	}
	for _, it := range thread[:n] {
		p.items[it].y = best
	}
	return n
}

// room is how far up and down an item can move without touching its neighbours.
func (p *plan) room(it int) (lo, hi float64) {
	lo, hi = math.Inf(-1), math.Inf(1)
	row, pos := p.layers[p.items[it].layer], p.items[it].pos
	if pos > 0 {
		lo = p.items[row[pos-1]].y + p.gap(row[pos-1], it)
	}
	if pos+1 < len(row) {
		hi = p.items[row[pos+1]].y - p.gap(it, row[pos+1])
	}
	y := p.items[it].y
	return min(lo, y), max(hi, y)
}
