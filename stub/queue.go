package stub

import "container/heap"

// hookQueue is a heap by due time.
type hookQueue []*hook

var _ heap.Interface = (*hookQueue)(nil)

func (q hookQueue) Len() int           { return len(q) }
func (q hookQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q hookQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *hookQueue) Push(x any)        { *q = append(*q, x.(*hook)) }

func (q *hookQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return last
}
