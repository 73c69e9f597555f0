package sqlite

import (
	"context"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const (
	loadRows  = 256     // read ahead from disk
	loadBytes = 4 << 20 // or so much, whatever is less
)

// Claim takes messages of a queue: the due ones, then the ready ones. When it
// has nothing to give it costs no SQL.
func (s *Store) Claim(ctx context.Context, name string, limit int, lease time.Duration) ([]*hub.Delivery, time.Time, error) {
	if err := s.ok(); err != nil {
		return nil, time.Time{}, err
	}
	s.mu.Lock()
	q := s.queueOf(name)
	q.read = true
	s.mu.Unlock()
	q.serial.Lock()
	defer q.serial.Unlock()
	now := s.o.Clock.Now()
	out, err := s.claimDue(ctx, q, now, limit, lease)
	for err == nil && len(out) < limit {
		s.mu.Lock()
		out = s.takeReady(q, out, limit, s.until(now, lease))
		more := len(out) < limit && q.disk()
		s.mu.Unlock()
		if more {
			err = s.loadReady(ctx, q)
		} else if out, err = s.fetchBare(ctx, q, out); len(out) == limit || !s.hasReady(q) {
			break
		}
	}
	if err != nil {
		return nil, time.Time{}, s.giveBack(ctx, out, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return out, q.due, nil
}

// Ended gives the keys of messages that ended without having been given to anybody.
func (s *Store) Ended(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queueOf(name)
	ended := q.ended
	q.ended = nil
	return ended
}

func (s *Store) until(now time.Time, lease time.Duration) time.Time {
	if lease <= 0 {
		return time.Time{}
	}
	return now.Add(lease)
}

func (s *Store) hasReady(q *queue) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(q.back) > 0 || q.ring.first() != nil || q.disk()
}

// give claims d for the caller, under s.mu. What it returns is the caller's own.
func (s *Store) give(q *queue, d *hub.Delivery, until time.Time) *hub.Delivery {
	s.claims++
	c := *d
	c.Epoch = s.epoch<<36 | s.claims
	q.claims[d.Seq] = &claim{d: &c, epoch: c.Epoch, until: until}
	q.lease = core.Earlier(q.lease, until)
	mine := c
	return &mine
}

// takeReady takes from memory, in order, merging what came back with the ring.
func (s *Store) takeReady(q *queue, out []*hub.Delivery, limit int, until time.Time) []*hub.Delivery {
	for len(out) < limit {
		d := q.ring.first()
		switch {
		case len(q.back) > 0 && (d == nil || q.back[0].Seq < d.Seq):
			b := q.back.Pop()
			if b.D == nil {
				b.D = &hub.Delivery{Seq: b.Seq, Queue: q.name, State: hub.Ready} // fetchBare reads the rest
			}
			out = append(out, s.give(q, b.D, until))
		case d != nil:
			s.cached -= q.ring.take()
			out = append(out, s.give(q, d, until))
		default:
			return out
		}
	}
	return out
}

// expire takes messages back whose lease has ended, under s.mu.
func (s *Store) expire(q *queue, now time.Time) {
	if q.lease.IsZero() || q.lease.After(now) {
		return
	}
	q.lease = time.Time{}
	for _, c := range q.claims {
		switch {
		case c.until.IsZero():
		case c.until.After(now) || c.busy:
			q.lease = core.Earlier(q.lease, c.until)
		default:
			s.unclaim(q, c)
		}
	}
}

// unclaim makes a claimed message free, under s.mu.
func (s *Store) unclaim(q *queue, c *claim) {
	delete(q.claims, c.d.Seq)
	switch c.d.State {
	case hub.Ready:
		b := core.Back{Seq: c.d.Seq}
		if c.d.Msg != nil {
			b.D = c.d
		}
		s.comeBack(q, b)
	case hub.Waiting:
		q.hint(c.d.Due)
	}
}

// Release gives claimed messages back. A held one becomes ready, durably.
func (s *Store) Release(ctx context.Context, given []*hub.Delivery) error {
	if err := s.ok(); err != nil {
		return err
	}
	var held []*claim
	s.mu.Lock()
	for _, d := range given {
		q := s.queueOf(d.Queue)
		c := q.claims[d.Seq]
		switch {
		case c == nil || c.epoch != d.Epoch || c.busy:
		case c.d.State == hub.Held:
			c.busy = true
			held = append(held, c)
		default:
			s.unclaim(q, c)
		}
	}
	s.mu.Unlock()
	if len(held) == 0 {
		return nil
	}
	return s.submit(context.WithoutCancel(ctx), &job{size: 256, run: func(b *batch) error { return b.unhold(held) }})
}

func (b *batch) unhold(held []*claim) error {
	for _, c := range held {
		n, err := b.c.exec("UPDATE messages SET state=1 WHERE seq=? AND state=3", c.d.Seq)
		if err != nil {
			return err
		}
		if n == 0 || b.gone[c.d.Seq] {
			continue
		}
		b.gone[c.d.Seq] = true
		d := *c.d
		d.State = hub.Ready
		b.s.mu.Lock()
		q := b.s.queueOf(d.Queue)
		b.s.mu.Unlock()
		b.effects = append(b.effects, effect{q: q, seq: d.Seq, from: hub.Held, to: hub.Ready, d: &d, drop: true})
	}
	return nil
}

// giveBack releases what a failed call had claimed, and returns its error.
func (s *Store) giveBack(ctx context.Context, out []*hub.Delivery, err error) error {
	_ = s.Release(ctx, out) // a store that failed has no claims to give back
	return err
}
