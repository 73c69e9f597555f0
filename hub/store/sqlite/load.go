package sqlite

import (
	"cmp"
	"context"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const (
	loadRows  = 256     // read ahead from disk
	loadBytes = 4 << 20 // or so much, whatever is less

	sqlReady = "SELECT " + core.Columns + " FROM messages m INDEXED BY ready WHERE queue=? AND state=1 AND seq>? ORDER BY seq LIMIT ?"
	sqlHeld  = "SELECT " + core.Columns + " FROM messages m INDEXED BY held WHERE queue=? AND key IS ? AND state=3 ORDER BY seq LIMIT ?"
	sqlDue   = "SELECT seq, due FROM messages INDEXED BY waiting WHERE queue=? AND state=2 ORDER BY due, seq LIMIT ?"
	sqlOne   = "SELECT " + core.Columns + " FROM messages m WHERE seq=? AND state=?"
)

// watched runs a SELECT while the queue's watch notes what the writer changes
// meanwhile. done runs under s.mu. Messages that read found damaged are dead letters then.
func (s *Store) watched(ctx context.Context, q *queue, read func(c *conn, f *core.Found) error, done func(w *watch, good []*hub.Delivery)) error {
	var f core.Found
	w := &watch{gone: map[int64]bool{}}
	s.mu.Lock()
	q.watch = w
	s.mu.Unlock()
	err := s.read(ctx, func(c *conn) error { return read(c, &f) })
	s.mu.Lock()
	q.watch = nil
	if err == nil {
		done(w, slices.DeleteFunc(f.Good, func(d *hub.Delivery) bool { return w.gone[d.Seq] || q.Claims[d.Seq] != nil }))
	}
	for _, b := range w.ready {
		s.comeBack(q, b)
	}
	s.mu.Unlock()
	if err == nil {
		err = s.bury(ctx, q, f.Bad)
	}
	return err
}

// loadReady fills the empty ring from disk.
func (s *Store) loadReady(ctx context.Context, q *queue) error {
	s.mu.Lock()
	from, newest := q.upTo, q.max
	s.mu.Unlock()
	whole, n, bytes, last := true, 0, int64(0), from
	return s.watched(ctx, q, func(c *conn, f *core.Found) error {
		return c.query(ctx, sqlReady, []any{q.ID, from, int64(loadRows)}, func(r core.Row) error {
			d := f.Add(r, s.o.Clock)
			n, bytes, last = n+1, bytes+ringSize(d), d.Seq
			if n == loadRows || bytes > loadBytes {
				whole = false
				return core.ErrStop
			}
			return nil
		})
	}, func(_ *watch, good []*hub.Delivery) {
		for _, d := range good {
			q.ring.push(d, ringSize(d))
			s.cached += ringSize(d)
		}
		q.upTo = max(q.upTo, last)
		if whole {
			q.upTo = max(q.upTo, newest)
		}
	})
}

// ringSize is about how much memory a message that was read takes.
func ringSize(d *hub.Delivery) int64 { return int64(d.Msg.Body.Len()) + 400 }

// claimDue takes waiting messages whose time has come, and finds out when the
// next one is due.
func (s *Store) claimDue(ctx context.Context, q *queue, now time.Time, limit int, lease time.Duration) (out []*hub.Delivery, err error) {
	s.mu.Lock()
	q.read = true
	s.expire(q, now)
	look := !q.Due.IsZero() && !q.Due.After(now) && limit > 0
	s.mu.Unlock()
	if !look {
		return nil, nil
	}
	var next int64
	err = s.watched(ctx, q, func(c *conn, f *core.Found) (err error) {
		next, err = s.readDue(ctx, c, q, f, core.Nanos(now), limit)
		return err
	}, func(w *watch, good []*hub.Delivery) {
		slices.SortFunc(good, func(a, b *hub.Delivery) int { return cmp.Compare(a.Seq, b.Seq) })
		for _, d := range good {
			out = append(out, s.give(q, d, now, lease))
		}
		q.Due = core.Earlier(core.TimeOf(next), w.due)
	})
	return out, err
}

// readDue reads up to limit messages that are due and not claimed. next is when the one behind them is due; 0: there is none.
func (s *Store) readDue(ctx context.Context, c *conn, q *queue, f *core.Found, now int64, limit int) (next int64, err error) {
	type row struct{ seq, due int64 }
	var rows []row
	s.mu.Lock()
	room := int64(limit + len(q.Claims) + 1)
	s.mu.Unlock()
	err = c.query(ctx, sqlDue, []any{q.ID, room}, func(r core.Row) error {
		rows = append(rows, row{r.Int(0), r.Int(1)})
		return nil
	})
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	rows = slices.DeleteFunc(rows, func(r row) bool { return q.Claims[r.seq] != nil })
	s.mu.Unlock()
	for _, r := range rows {
		if r.due > now || len(f.Good) == limit {
			return r.due, nil
		}
		if err := s.one(ctx, c, f, r.seq, hub.Waiting); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// one reads a row if it is in the given state.
func (s *Store) one(ctx context.Context, c *conn, f *core.Found, seq int64, state hub.State) error {
	return c.query(ctx, sqlOne, []any{seq, int64(state)}, func(r core.Row) error {
		f.Add(r, s.o.Clock)
		return core.ErrStop
	})
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
			var f core.Found
			if err := s.one(ctx, c, &f, d.Seq, hub.Ready); err != nil {
				return err
			}
			out[i] = s.fill(q, d, &f)
			bad = append(bad, f.Bad...)
		}
		return nil
	})
	out = slices.DeleteFunc(out, func(d *hub.Delivery) bool { return d == nil })
	if err == nil {
		err = s.bury(ctx, q, bad)
	}
	return out, err
}

// fill gives the claim of d what was found for it. It is nil when that was damaged, replaced or dropped meanwhile.
func (s *Store) fill(q *queue, d *hub.Delivery, f *core.Found) *hub.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := q.Claims[d.Seq]
	mine := c != nil && c.D.Epoch == d.Epoch
	switch {
	case mine && len(f.Good) > 0:
		full := f.Good[0]
		full.Epoch = d.Epoch
		own := *full
		c.D = &own
		return full
	case mine && len(f.Bad) == 0:
		delete(q.Claims, d.Seq)
	case !mine:
		f.Bad = nil
	}
	return nil
}
