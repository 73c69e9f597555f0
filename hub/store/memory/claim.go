package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// Claim takes the due messages, then the ready ones.
func (s *Store) Claim(_ context.Context, name string, limit int, lease time.Duration) ([]*hub.Delivery, time.Time, error) {
	if err := s.enter(); err != nil {
		return nil, time.Time{}, err
	}
	defer s.mu.Unlock()
	now := s.o.Clock.Now()
	q := s.queue(name)
	var waiting []*memoryRow
	for _, r := range q.waiting {
		s.expire(r, now)
		if !r.held {
			waiting = append(waiting, r)
		}
	}
	slices.SortFunc(waiting, func(a, b *memoryRow) int {
		return cmp.Or(a.d.Due.Compare(b.d.Due), cmp.Compare(a.d.Seq, b.d.Seq))
	})
	n := 0
	for n < len(waiting) && n < limit && !waiting[n].d.Due.After(now) {
		n++
	}
	var next time.Time
	if n < len(waiting) {
		next = waiting[n].d.Due
	}
	due := waiting[:n]
	slices.SortFunc(due, func(a, b *memoryRow) int { return cmp.Compare(a.d.Seq, b.d.Seq) })
	var out []*hub.Delivery
	for _, r := range due {
		out = append(out, s.give(r, now, lease))
	}
	var kept core.Backlog // claimed rows stay, so that an ended lease finds them
	for len(out) < limit && len(q.ready) > 0 {
		r := s.rows[q.ready.Pop().Seq]
		if r == nil || r.d.State != hub.Ready {
			continue
		}
		if s.expire(r, now); !r.held {
			out = append(out, s.give(r, now, lease))
		}
		kept.Push(core.Back{Seq: r.d.Seq})
	}
	s.keepLeased(q, kept)
	return out, next, nil
}

// keepLeased keeps claimed rows in the ready list only if a lease can end.
func (s *Store) keepLeased(q *memoryQueue, kept core.Backlog) {
	for _, b := range kept {
		if !s.rows[b.Seq].until.IsZero() {
			q.ready.Push(b)
		}
	}
}

func (s *Store) give(r *memoryRow, now time.Time, lease time.Duration) *hub.Delivery {
	s.seq++
	r.held, r.until, r.d.Epoch = true, time.Time{}, s.seq
	if lease > 0 {
		r.until = now.Add(lease)
	}
	d := r.d
	return &d
}

func (s *Store) expire(r *memoryRow, now time.Time) {
	if r.held && !r.until.IsZero() && !r.until.After(now) {
		r.held = false
	}
}

// ClaimHeld takes the held messages of a key.
func (s *Store) ClaimHeld(_ context.Context, name, key string, limit int, lease time.Duration) (out []*hub.Delivery, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	now := s.o.Clock.Now()
	for _, r := range s.sorted(func(r *memoryRow) bool { return r.d.Queue == name && r.d.State == hub.Held && r.d.Msg.Key == key }) {
		if s.expire(r, now); !r.held && len(out) < limit {
			out = append(out, s.give(r, now, lease))
		}
	}
	return out, nil
}

// Ended gives the keys of messages that were replaced or dropped by name.
func (s *Store) Ended(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue(name)
	ended := q.ended
	q.ended = nil
	return ended
}

// Release gives claimed messages back; a held one becomes ready.
func (s *Store) Release(_ context.Context, given []*hub.Delivery) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, d := range given {
		r := s.rows[d.Seq]
		if r == nil || !r.held || r.d.Epoch != d.Epoch {
			continue
		}
		r.held = false
		if r.d.State == hub.Held || r.d.State == hub.Ready {
			s.become(r, hub.Ready, time.Time{}, s.o.Clock.Now())
		}
	}
	return nil
}

// sorted is the rows that match, by number.
func (s *Store) sorted(match func(*memoryRow) bool) (out []*memoryRow) {
	for _, r := range s.rows {
		if match(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *memoryRow) int { return cmp.Compare(a.d.Seq, b.d.Seq) })
	return out
}

// Recover counts crashes, and makes held messages ready.
func (s *Store) Recover(_ context.Context, running []int64) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, seq := range running {
		if r := s.rows[seq]; r != nil {
			r.d.Crashes++
		}
	}
	for _, r := range s.sorted(func(r *memoryRow) bool { return r.d.State == hub.Held }) {
		s.become(r, hub.Ready, time.Time{}, s.o.Clock.Now())
	}
	return nil
}

// Settle replays or drops dead letters.
func (s *Store) Settle(_ context.Context, seqs []int64, replay bool) (n int, err error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for _, seq := range seqs {
		r := s.rows[seq]
		if r == nil || r.d.State != hub.Dead {
			continue
		}
		if n++; !replay {
			s.remove(r)
			continue
		}
		r.d.Attempts, r.d.Crashes, r.d.Error = 0, 0, nil
		s.become(r, hub.Ready, time.Time{}, s.o.Clock.Now())
	}
	return n, nil
}
