package sqlite

import (
	"cmp"
	"slices"

	"orderhub/hub"
)

// ring is a queue of deliveries in sequence order. A removed one leaves a hole.
type ring struct {
	list  []entry
	head  int
	bytes int64
}

type entry struct {
	d    *hub.Delivery // nil: removed
	seq  int64
	size int64
}

func (r *ring) len() int { return len(r.list) - r.head }

func (r *ring) push(d *hub.Delivery, size int64) {
	if r.head > 256 && r.head*2 > len(r.list) {
		n := copy(r.list, r.list[r.head:])
		clear(r.list[n:])
		r.list, r.head = r.list[:n], 0
	}
	r.list = append(r.list, entry{d, d.Seq, size})
	r.bytes += size
}

// first is the next delivery; nil when there is none. Holes are skipped.
func (r *ring) first() *hub.Delivery {
	for r.head < len(r.list) {
		if d := r.list[r.head].d; d != nil {
			return d
		}
		r.head++
	}
	r.list, r.head = r.list[:0], 0
	if cap(r.list) > 1024 {
		r.list = nil
	}
	return nil
}

// take removes first.
func (r *ring) take() (size int64) {
	e := &r.list[r.head]
	size = e.size
	*e = entry{}
	r.head++
	r.bytes -= size
	return size
}

// remove makes a hole where seq is. size is what that frees.
func (r *ring) remove(seq int64) (size int64, found bool) {
	waiting := r.list[r.head:]
	i, found := slices.BinarySearchFunc(waiting, seq, func(e entry, seq int64) int { return cmp.Compare(e.seq, seq) })
	if !found || waiting[i].d == nil {
		return 0, false
	}
	size = waiting[i].size
	waiting[i].d, waiting[i].size = nil, 0
	r.bytes -= size
	return size, true
}

// pushReady keeps a message that was just committed, if there is room; it is
// the newest of its queue. Under s.mu.
func (s *Store) pushReady(q *queue, d *hub.Delivery, size int64) {
	contiguous := !q.disk()
	q.max = max(q.max, d.Seq)
	if d.Seq <= q.upTo || !contiguous || d.Msg == nil {
		return
	}
	if q.ring.len() >= s.o.RingCount || s.cached+size > s.o.RingBytes {
		return // it is on disk: q.disk() is true now
	}
	q.ring.push(d, size)
	s.cached += size
	q.upTo = d.Seq
}

func (s *Store) dropRing(q *queue) {
	s.cached -= q.ring.bytes
	q.ring = ring{}
}
