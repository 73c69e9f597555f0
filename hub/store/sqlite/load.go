package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// watched runs a SELECT while the queue's watch notes what the writer changes
// meanwhile. done runs under s.mu.
func (s *Store) watched(ctx context.Context, q *queue, read func(c *conn) error, done func(w *watch)) error {
	w := &watch{gone: map[int64]bool{}}
	s.mu.Lock()
	q.watch = w
	s.mu.Unlock()
	err := s.read(ctx, read)
	s.mu.Lock()
	defer s.mu.Unlock()
	q.watch = nil
	if err == nil {
		done(w)
	}
	for _, b := range w.ready {
		s.comeBack(q, b)
	}
	return err
}

// loadReady fills the empty ring from disk.
func (s *Store) loadReady(ctx context.Context, q *queue) error {
	var found, bad []*hub.Delivery
	var sizes []int64
	s.mu.Lock()
	from, newest := q.upTo, q.max
	s.mu.Unlock()
	whole, bytes, last := true, int64(0), from
	err := s.watched(ctx, q, func(c *conn) error {
		return c.query(ctx, "SELECT "+columns+" FROM messages INDEXED BY ready WHERE queue=? AND state=1 AND seq>? ORDER BY seq LIMIT ?",
			[]any{q.id, from, int64(loadRows)}, func(v []driver.Value) error {
				d, intact := s.delivery(v)
				last = d.Seq
				if !intact {
					bad = append(bad, d)
				} else {
					size := int64(d.Msg.Body.Len()) + 400
					found, sizes, bytes = append(found, d), append(sizes, size), bytes+size
				}
				if len(found)+len(bad) == loadRows || bytes > loadBytes {
					whole = false
					return errStop
				}
				return nil
			})
	}, func(w *watch) {
		for i, d := range found {
			if !w.gone[d.Seq] && q.claims[d.Seq] == nil {
				q.ring.push(d, sizes[i])
				s.cached += sizes[i]
			}
		}
		q.upTo = max(q.upTo, last)
		if whole {
			q.upTo = max(q.upTo, newest)
		}
	})
	if err == nil && len(bad) > 0 {
		err = s.bury(ctx, q, bad)
	}
	return err
}

// claimDue takes waiting messages whose time has come, and finds out when the
// next one is due.
func (s *Store) claimDue(ctx context.Context, q *queue, now time.Time, limit int, lease time.Duration) ([]*hub.Delivery, error) {
	s.mu.Lock()
	s.expire(q, now)
	look := !q.due.IsZero() && !q.due.After(now) && limit > 0
	room := int64(limit + len(q.claims) + 1)
	s.mu.Unlock()
	if !look {
		return nil, nil
	}
	type row struct{ seq, due int64 }
	var rows []row
	var found, bad []*hub.Delivery
	var next int64
	var out []*hub.Delivery
	err := s.watched(ctx, q, func(c *conn) error {
		err := c.query(ctx, "SELECT seq, due FROM messages INDEXED BY waiting WHERE queue=? AND state=2 ORDER BY due, seq LIMIT ?",
			[]any{q.id, room}, func(v []driver.Value) error {
				due, _ := v[1].(int64)
				rows = append(rows, row{v[0].(int64), due})
				return nil
			})
		if err != nil {
			return err
		}
		s.mu.Lock()
		rows = slices.DeleteFunc(rows, func(r row) bool { return q.claims[r.seq] != nil })
		s.mu.Unlock()
		for _, r := range rows {
			if r.due > core.Nanos(now) || len(found) == limit {
				next = r.due
				return nil
			}
			d, intact, err := s.one(ctx, c, r.seq, hub.Waiting)
			switch {
			case err != nil:
				return err
			case d == nil:
			case intact:
				found = append(found, d)
			default:
				bad = append(bad, d)
			}
		}
		return nil
	}, func(w *watch) {
		slices.SortFunc(found, func(a, b *hub.Delivery) int { return cmp.Compare(a.Seq, b.Seq) })
		for _, d := range found {
			if !w.gone[d.Seq] && q.claims[d.Seq] == nil {
				out = append(out, s.give(q, d, s.until(now, lease)))
			}
		}
		q.due = core.Earlier(core.TimeOf(next), w.due)
	})
	if err == nil && len(bad) > 0 {
		err = s.bury(ctx, q, bad)
	}
	if err != nil {
		return nil, s.giveBack(ctx, out, err)
	}
	return out, nil
}

// one reads a row that is in the given state; nil when there is none.
func (s *Store) one(ctx context.Context, c *conn, seq int64, state hub.State) (d *hub.Delivery, intact bool, err error) {
	err = c.query(ctx, "SELECT "+columns+" FROM messages WHERE seq=? AND state=?", []any{seq, int64(state)}, func(v []driver.Value) error {
		d, intact = s.delivery(v)
		return errStop
	})
	return d, intact, err
}

// fetchBare reads the messages of claims that came back without them.
func (s *Store) fetchBare(ctx context.Context, q *queue, out []*hub.Delivery) ([]*hub.Delivery, error) {
	if !slices.ContainsFunc(out, func(d *hub.Delivery) bool { return d.Msg == nil }) {
		return out, nil
	}
	var bad []*hub.Delivery
	err := s.read(ctx, func(c *conn) error {
		for i, d := range out {
			if d.Msg != nil {
				continue
			}
			full, intact, err := s.one(ctx, c, d.Seq, hub.Ready)
			if err != nil {
				return err
			}
			s.mu.Lock()
			held := q.claims[d.Seq]
			switch mine := held != nil && held.epoch == d.Epoch; {
			case full == nil || !mine: // replaced or dropped meanwhile
				if mine {
					delete(q.claims, d.Seq)
				}
				out[i] = nil
			case !intact:
				bad = append(bad, full)
				out[i] = nil
			default:
				full.Epoch = d.Epoch
				own := *full
				held.d, out[i] = &own, full
			}
			s.mu.Unlock()
		}
		return nil
	})
	out = slices.DeleteFunc(out, func(d *hub.Delivery) bool { return d == nil })
	if err == nil && len(bad) > 0 {
		err = s.bury(ctx, q, bad)
	}
	return out, err
}

// ClaimHeld takes the held messages of one key. Where it finds none but damaged ones, it looks behind them.
func (s *Store) ClaimHeld(ctx context.Context, name, key string, limit int, lease time.Duration) ([]*hub.Delivery, error) {
	for {
		if out, bad, err := s.claimHeld(ctx, name, key, limit, lease); err != nil || len(out) > 0 || bad == 0 {
			return out, err
		}
	}
}

func (s *Store) claimHeld(ctx context.Context, name, key string, limit int, lease time.Duration) (out []*hub.Delivery, damaged int, err error) {
	if err := s.ok(); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	q := s.queueOf(name)
	s.mu.Unlock()
	q.serial.Lock()
	defer q.serial.Unlock()
	now := s.o.Clock.Now()
	s.mu.Lock()
	s.expire(q, now)
	none, room := q.counts[hub.Held] == 0, int64(limit+len(q.claims))
	s.mu.Unlock()
	if none {
		return nil, 0, nil
	}
	var found, bad []*hub.Delivery
	err = s.watched(ctx, q, func(c *conn) error {
		return c.query(ctx, "SELECT "+columns+" FROM messages INDEXED BY held WHERE queue=? AND key IS ? AND state=3 ORDER BY seq LIMIT ?",
			[]any{q.id, core.Optional(key), room}, func(v []driver.Value) error {
				if d, intact := s.delivery(v); intact {
					found = append(found, d)
				} else {
					bad = append(bad, d)
				}
				return nil
			})
	}, func(w *watch) {
		for _, d := range found {
			if len(out) < limit && !w.gone[d.Seq] && q.claims[d.Seq] == nil {
				out = append(out, s.give(q, d, s.until(now, lease)))
			}
		}
	})
	if err == nil && len(bad) > 0 {
		err = s.bury(ctx, q, bad)
	}
	if err != nil {
		return nil, 0, s.giveBack(ctx, out, err)
	}
	return out, len(bad), nil
}
