package graph

import (
	"cmp"
	"slices"
)

// sortLayers orders the items of every layer so that few edges cross: barycentre sweeps to the right and to the left
// with swaps of neighbours; the best order met is kept.
func (p *plan) sortLayers() {
	best, count := p.snapshot(), p.crossings()
	for sweep := 0; sweep < 14 && count > 0; sweep++ {
		toRight := sweep%2 == 0
		for i := range p.layers {
			l := i
			if !toRight {
				l = len(p.layers) - 1 - i
			}
			p.barycentre(l, toRight)
		}
		p.transpose()
		if c := p.crossings(); c < count {
			best, count = p.snapshot(), c
		}
	}
	for l := range p.layers {
		p.layers[l] = best[l]
		p.number(l)
	}
}

func (p *plan) snapshot() [][]int {
	s := make([][]int, len(p.layers))
	for l := range s {
		s[l] = slices.Clone(p.layers[l])
	}
	return s
}

func (p *plan) number(l int) {
	for pos, it := range p.layers[l] {
		p.items[it].pos = pos
	}
}

// barycentre sorts one layer by the mean place of each item's neighbours in the layer before (or after) it. Items
// without such neighbours stay where they are.
func (p *plan) barycentre(l int, fromLeft bool) {
	row := p.layers[l]
	key := make(map[int]float64, len(row)) // within its part
	for _, it := range row {
		ends := p.items[it].left
		if !fromLeft {
			ends = p.items[it].right
		}
		key[it] = float64(p.items[it].pos)
		if len(ends) > 0 {
			sum := 0
			for _, k := range ends {
				sum += p.items[p.other(k, it)].pos
			}
			key[it] = float64(sum) / float64(len(ends))
		}
	}
	slices.SortStableFunc(row, func(a, b int) int {
		return cmp.Or(cmp.Compare(p.items[a].part, p.items[b].part), cmp.Compare(key[a], key[b]))
	})
	p.number(l)
}

// transpose swaps neighbours while that removes crossings.
func (p *plan) transpose() {
	for range 4 {
		better := false
		for l, row := range p.layers {
			for i := 0; i+1 < len(row); i++ {
				a, b := &p.items[row[i]], &p.items[row[i+1]]
				now := p.cross(a.left, b.left, row[i], row[i+1]) + p.cross(a.right, b.right, row[i], row[i+1])
				then := p.cross(b.left, a.left, row[i+1], row[i]) + p.cross(b.right, a.right, row[i+1], row[i])
				if then < now {
					row[i], row[i+1] = row[i+1], row[i]
					p.number(l)
					better = true
				}
			}
		}
		if !better {
			return
		}
	}
}

// cross counts crossings between the links of a and b when a lies above b.
func (p *plan) cross(as, bs []int, a, b int) int {
	n := 0
	for _, x := range as {
		for _, y := range bs {
			if p.items[p.other(x, a)].pos > p.items[p.other(y, b)].pos {
				n++
			}
		}
	}
	return n
}

// crossings counts all crossings of the present order.
func (p *plan) crossings() (n int) {
	for _, row := range p.layers {
		for i, b := range row {
			for _, a := range row[:i] {
				n += p.cross(p.items[a].right, p.items[b].right, a, b)
			}
		}
	}
	return n
}
