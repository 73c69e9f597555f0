package sqlite

import (
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// effect is what a committed change of one row means for memory.
type effect struct {
	q        *queue
	seq      int64
	from, to hub.State // Done: there was, or is, no row
	due      time.Time // to Waiting
	d        *hub.Delivery
	size     int64
	drop     bool   // the row's claim is used up
	key      string // of a message that ends without having been given to the reader of the queue
}

// apply brings memory up to what was just committed.
func (b *batch) apply() {
	s := b.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range b.named {
		q.stored = true
	}
	if b.last != "" {
		s.last = b.last
	}
	for i := range b.effects {
		s.applyOne(&b.effects[i])
	}
}

func (s *Store) applyOne(e *effect) {
	q := e.q
	if c := q.Claims[e.seq]; q.read && (e.to == hub.Dead || c == nil || c.Taken) { // the reader of the queue hears of one that it has claimed at its commit
		q.Ends(e.key)
	}
	if e.from != hub.Done {
		q.counts[e.from]--
		s.leave(e)
	}
	if e.to == hub.Done {
		return
	}
	q.counts[e.to]++
	switch {
	case e.to == hub.Waiting:
		q.hint(e.due)
	case e.to == hub.Ready && e.from == hub.Done:
		s.pushReady(q, e.d, e.size)
	case e.to == hub.Ready:
		s.comeBack(q, core.Back{Seq: e.seq, D: e.d})
	}
}

// leave forgets the old state of a row.
func (s *Store) leave(e *effect) {
	q := e.q
	if q.watch != nil {
		q.watch.forget(e.seq)
	}
	if q.Claims[e.seq] != nil {
		if e.drop {
			delete(q.Claims, e.seq)
		}
		return
	}
	s.forget(q, e.seq, e.from)
}

// forget takes an unclaimed message out of what Claim gives next.
func (s *Store) forget(q *queue, seq int64, state hub.State) {
	switch state {
	case hub.Ready:
		if size, found := q.ring.remove(seq); found {
			s.cached -= size
		} else {
			q.back.Remove(seq)
		}
	case hub.Waiting:
		q.hint(time.Unix(0, 1)) // perhaps the earliest: the next claim looks again
	}
}

// comeBack makes an older message ready again, in its old place.
func (s *Store) comeBack(q *queue, e core.Back) {
	q.max = max(q.max, e.Seq)
	switch {
	case q.watch != nil:
		q.watch.ready = append(q.watch.ready, e)
	case e.Seq <= q.upTo:
		q.back.Add(e)
	}
}

// hint tells that a waiting message may fall due at t.
func (q *queue) hint(t time.Time) {
	q.Due = core.Earlier(q.Due, t)
	if q.watch != nil {
		q.watch.due = core.Earlier(q.watch.due, t)
	}
}

// forget notes that the row seq is not what a SELECT under way may see.
func (w *watch) forget(seq int64) {
	w.gone[seq] = true
	w.ready = slices.DeleteFunc(w.ready, func(b core.Back) bool { return b.Seq == seq })
}
