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
	s.expire(q, now)
	var waiting []*memoryRow
	for _, r := range q.waiting {
		if q.Claims[r.d.Seq] == nil {
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
		out = append(out, s.give(q, r, now, lease))
	}
	for len(out) < limit && len(q.ready) > 0 {
		if r := s.rows[q.ready.Take().Seq]; r != nil && r.d.State == hub.Ready {
			out = append(out, s.give(q, r, now, lease))
		}
	}
	return out, next, nil
}

func (s *Store) give(q *memoryQueue, r *memoryRow, now time.Time, lease time.Duration) *hub.Delivery {
	s.seq++
	return q.Give(&r.d, 0, s.seq, now, lease)
}

func (s *Store) expire(q *memoryQueue, now time.Time) {
	q.Expire(now, func(c *core.Claim) { s.unclaim(q, c) })
}

func (s *Store) unclaim(q *memoryQueue, c *core.Claim) {
	delete(q.Claims, c.D.Seq)
	if c.D.State == hub.Ready {
		q.ready.Add(core.Back{Seq: c.D.Seq})
	}
}

// ClaimHeld takes the held messages of a key.
func (s *Store) ClaimHeld(_ context.Context, name, key string, limit int, lease time.Duration) (out []*hub.Delivery, err error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	q, now := s.queue(name), s.o.Clock.Now()
	s.expire(q, now)
	for _, r := range s.sorted(func(r *memoryRow) bool { return r.d.Queue == name && r.d.State == hub.Held && r.d.Msg.Key == key }) {
		if q.Claims[r.d.Seq] == nil && len(out) < limit {
			out = append(out, s.give(q, r, now, lease))
		}
	}
	return out, nil
}

// Ended gives the keys of messages that were replaced or dropped by name.
func (s *Store) Ended(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue(name).TakeEnded()
}

// Release gives claimed messages back; a held one becomes ready.
func (s *Store) Release(_ context.Context, given []*hub.Delivery) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, c := range core.Release(given, s.queue, s.unclaim) {
		delete(s.queue(c.D.Queue).Claims, c.D.Seq)
		s.become(s.rows[c.D.Seq], hub.Ready, time.Time{}, s.o.Clock.Now())
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

// settle replays or drops dead letters.
func (s *Store) settle(list []hub.Settle, now time.Time) {
	for _, l := range list {
		r := s.rows[l.Seq]
		if !l.Replay {
			s.remove(r)
			continue
		}
		r.d.Attempts, r.d.Crashes, r.d.Error = 0, 0, nil
		s.become(r, hub.Ready, time.Time{}, now)
	}
}
