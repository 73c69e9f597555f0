package core

import "orderhub/hub"

// Back is a ready message that came back; D is nil when only the disk has it.
type Back struct {
	Seq int64
	D   *hub.Delivery
}

// Backlog is a heap of them, the lowest number first.
type Backlog []Back

// Push adds e.
func (b *Backlog) Push(e Back) {
	h := append(*b, e)
	for i := len(h) - 1; i > 0; {
		p := (i - 1) / 2
		if h[p].Seq <= h[i].Seq {
			break
		}
		h[p], h[i] = h[i], h[p]
		i = p
	}
	*b = h
}

// Pop takes the lowest number out.
func (b *Backlog) Pop() Back {
	h := *b
	e := h[0]
	n := len(h) - 1
	h[0], h[n] = h[n], Back{}
	h = h[:n]
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && h[c+1].Seq < h[c].Seq {
			c++
		}
		if h[i].Seq <= h[c].Seq {
			break
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
	*b = h
	return e
}

// Remove drops seq; it is rare and walks the heap.
func (b *Backlog) Remove(seq int64) {
	h := *b
	for i := range h {
		if h[i].Seq == seq {
			var n Backlog
			for j, e := range h {
				if j != i {
					n.Push(e)
				}
			}
			*b = n
			return
		}
	}
}
