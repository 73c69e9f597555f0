package core

import (
	"container/heap"
	"slices"

	"orderhub/hub"
)

// Back is a ready message that came back; D is nil when only the disk has it.
type Back struct {
	Seq int64
	D   *hub.Delivery
}

// Backlog is a heap of them, the lowest number first.
type Backlog []Back

// InOrder are the numbers, the lowest first, each once.
func InOrder(seqs []int64) []int64 {
	seqs = slices.Clone(seqs)
	slices.Sort(seqs)
	return slices.Compact(seqs)
}

// Add adds e.
func (b *Backlog) Add(e Back) { heap.Push(b, e) }

// Take takes the lowest number out.
func (b *Backlog) Take() Back { return heap.Pop(b).(Back) }

// Remove drops seq; it is rare and walks the heap.
func (b *Backlog) Remove(seq int64) {
	if i := slices.IndexFunc(*b, func(e Back) bool { return e.Seq == seq }); i >= 0 {
		heap.Remove(b, i)
	}
}

// These are for container/heap.

func (b Backlog) Len() int           { return len(b) }
func (b Backlog) Less(i, j int) bool { return b[i].Seq < b[j].Seq }
func (b Backlog) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

// Push appends e, a Back.
func (b *Backlog) Push(e any) { *b = append(*b, e.(Back)) }

// Pop takes the last one off.
func (b *Backlog) Pop() any {
	last := len(*b) - 1
	e := (*b)[last]
	(*b)[last] = Back{}
	*b = (*b)[:last]
	return e
}
