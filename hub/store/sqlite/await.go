package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// Awaiting groups the messages that wait after a failure.
func (s *Store) Awaiting(ctx context.Context) (out []hub.Awaiting, err error) {
	err = s.read(ctx, func(c *conn) error {
		var ids []int64
		err := c.query(ctx, "SELECT cause, queue, count(*), min(due) FROM messages INDEXED BY awaiting WHERE state=2 AND cause IS NOT NULL GROUP BY cause, queue",
			nil, func(v []driver.Value) error {
				part, _ := v[0].(string)
				due, _ := v[3].(int64)
				ids = append(ids, v[1].(int64))
				out = append(out, hub.Awaiting{For: part, Queue: s.nameOf(v[1].(int64)), Count: int(v[2].(int64)), Next: core.TimeOf(due)})
				return nil
			})
		for i := range out {
			if err != nil {
				return err
			}
			err = c.query(ctx, "SELECT "+columns+" FROM messages INDEXED BY awaiting WHERE state=2 AND cause=? AND queue=? ORDER BY due LIMIT 1",
				[]any{out[i].For, ids[i]}, func(v []driver.Value) error {
					out[i].Sample, _ = s.delivery(v)
					return nil
				})
		}
		return err
	})
	out = slices.DeleteFunc(out, func(a hub.Awaiting) bool { return a.Sample == nil }) // it ran meanwhile
	return core.SortAwaiting(out), err
}

// Hasten makes messages that await a part of the hub due now.
func (s *Store) Hasten(ctx context.Context, part string, limit int) (n int, err error) {
	err = s.submit(ctx, &job{size: 64 * limit, run: func(b *batch) error {
		n = 0
		now := core.Nanos(b.now)
		return b.c.query(context.Background(), `UPDATE messages SET due=? WHERE seq IN (SELECT seq FROM messages INDEXED BY awaiting
			WHERE state=2 AND cause=? AND due>? ORDER BY due LIMIT ?) RETURNING seq, queue`, []any{now, part, now, int64(limit)}, func(v []driver.Value) error {
			name := s.nameOf(v[1].(int64))
			s.mu.Lock()
			q := s.queueOf(name)
			s.mu.Unlock()
			b.effects = append(b.effects, effect{q: q, seq: v[0].(int64), from: hub.Waiting, to: hub.Waiting, due: b.now})
			n++
			return nil
		})
	}})
	return n, err
}
