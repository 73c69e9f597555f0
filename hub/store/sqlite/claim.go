package sqlite

import (
	"context"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// Claim takes messages of a queue: the due ones, then the ready ones. When it
// has nothing to give it costs no SQL.
func (s *Store) Claim(ctx context.Context, name string, limit int, lease time.Duration) ([]*hub.Delivery, time.Time, error) {
	if err := s.Usable(); err != nil {
		return nil, time.Time{}, err
	}
	q := s.queueOf(name)
	q.Serial.Lock()
	defer q.Serial.Unlock()
	now := s.o.Clock.Now()
	out, err := s.claimDue(ctx, q, now, limit, lease)
	for err == nil && len(out) < limit {
		s.mu.Lock()
		out = s.takeReady(q, out, limit, now, lease)
		more := len(out) < limit && q.disk()
		s.mu.Unlock()
		if more {
			err = s.loadReady(ctx, q)
		} else if out, err = s.fetchBare(ctx, q, out); len(out) == limit || !s.hasReady(q) {
			break
		}
	}
	if err != nil {
		_ = s.Release(ctx, out) // a store that failed has no claims to give back
		return nil, time.Time{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return out, q.Due, nil
}

// ClaimHeld takes the held messages of one key. Where it finds none but damaged ones, it looks behind them.
func (s *Store) ClaimHeld(ctx context.Context, name, key string, limit int, lease time.Duration) ([]*hub.Delivery, error) {
	if err := s.Usable(); err != nil {
		return nil, err
	}
	q := s.queueOf(name)
	q.Serial.Lock()
	defer q.Serial.Unlock()
	for {
		if out, damaged, err := s.claimHeld(ctx, q, key, limit, lease); err != nil || len(out) > 0 || damaged == 0 {
			return out, err
		}
	}
}

func (s *Store) claimHeld(ctx context.Context, q *queue, key string, limit int, lease time.Duration) (out []*hub.Delivery, damaged int, err error) {
	now := s.o.Clock.Now()
	s.mu.Lock()
	s.expire(q, now)
	none, room := q.counts[hub.Held] == 0, int64(limit+len(q.Claims))
	s.mu.Unlock()
	if none {
		return nil, 0, nil
	}
	err = s.watched(ctx, q, func(c *conn, f *core.Found) error {
		return c.query(ctx, sqlHeld, []any{q.ID, core.Optional(key), room}, func(r core.Row) error {
			f.Add(r, s.o.Clock)
			damaged = len(f.Bad)
			return nil
		})
	}, func(_ *watch, good []*hub.Delivery) {
		for _, d := range good[:min(limit, len(good))] {
			out = append(out, s.give(q, d, now, lease))
		}
	})
	if err != nil {
		_ = s.Release(ctx, out)
	}
	return out, damaged, err
}

// Ended gives the keys of messages that ended without having been given to anybody.
func (s *Store) Ended(name string) []string {
	q := s.queueOf(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	return q.TakeEnded()
}

func (s *Store) hasReady(q *queue) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(q.back) > 0 || q.ring.first() != nil || q.disk()
}

// give claims d for the caller, under s.mu.
func (s *Store) give(q *queue, d *hub.Delivery, now time.Time, lease time.Duration) *hub.Delivery {
	s.claims++
	return q.Give(d, s.epoch, s.claims, now, lease)
}

// takeReady takes from memory, in order, merging what came back with the ring.
func (s *Store) takeReady(q *queue, out []*hub.Delivery, limit int, now time.Time, lease time.Duration) []*hub.Delivery {
	for len(out) < limit {
		d := q.ring.first()
		switch {
		case len(q.back) > 0 && (d == nil || q.back[0].Seq < d.Seq):
			b := q.back.Take()
			if b.D == nil {
				b.D = &hub.Delivery{Seq: b.Seq, Queue: q.Name, State: hub.Ready} // fetchBare reads the rest
			}
			out = append(out, s.give(q, b.D, now, lease))
		case d != nil:
			s.cached -= q.ring.take()
			out = append(out, s.give(q, d, now, lease))
		default:
			return out
		}
	}
	return out
}

// expire takes messages back whose claim has ended, under s.mu.
func (s *Store) expire(q *queue, now time.Time) {
	q.Expire(now, func(c *core.Claim) { s.unclaim(q, c) })
}

// unclaim makes a claimed message free, under s.mu.
func (s *Store) unclaim(q *queue, c *core.Claim) {
	delete(q.Claims, c.D.Seq)
	switch c.D.State {
	case hub.Ready:
		b := core.Back{Seq: c.D.Seq}
		if c.D.Msg != nil {
			b.D = c.D
		}
		s.comeBack(q, b)
	case hub.Waiting:
		q.hint(c.D.Due)
	}
}

// Release gives claimed messages back. A held one becomes ready, durably.
func (s *Store) Release(ctx context.Context, given []*hub.Delivery) error {
	if err := s.Usable(); err != nil {
		return err
	}
	s.mu.Lock()
	held := core.Release(given, func(name string) *queue { return s.queues[name] }, s.unclaim)
	s.mu.Unlock()
	if len(held) == 0 {
		return nil
	}
	err := s.do(context.WithoutCancel(ctx), 256, func(b *batch) error { return b.unhold(held) })
	if err != nil { // they are held as before, and given by ClaimHeld, before what is held behind them
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range held {
			delete(s.queues[c.D.Queue].Claims, c.D.Seq)
		}
	}
	return err
}

func (b *batch) unhold(held []*core.Claim) error {
	for _, c := range held {
		n, err := b.c.exec("UPDATE messages SET state=1 WHERE seq=? AND state=3", c.D.Seq)
		if err != nil {
			return err
		}
		if n == 0 || b.gone[c.D.Seq] {
			continue
		}
		b.gone[c.D.Seq] = true
		d := *c.D
		d.State = hub.Ready
		b.effects = append(b.effects, effect{q: b.s.queueOf(d.Queue), seq: d.Seq, from: hub.Held, to: hub.Ready, d: &d, drop: true})
	}
	return nil
}
