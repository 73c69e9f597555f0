package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// Awaiting groups the messages that wait after a failure.
func (s *Store) Awaiting(ctx context.Context) (out []hub.Awaiting, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		out = nil
		rows, err := c.Query(ctx, `SELECT `+pgColumns+`, g.cause, g.n FROM (SELECT cause, queue, count(*) n FROM messages WHERE state=2 AND cause IS NOT NULL GROUP BY cause, queue) g,
			LATERAL (SELECT * FROM messages o WHERE o.state=2 AND o.cause=g.cause AND o.queue=g.queue ORDER BY o.due LIMIT 1) m`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var a hub.Awaiting
			if a.Sample, _, err = s.delivery(rows, &a.For, &a.Count); err != nil {
				return err
			}
			a.Queue, a.Next = a.Sample.Queue, a.Sample.Due
			out = append(out, a)
		}
		return rows.Err()
	})
	return core.SortAwaiting(out), err
}

// Hasten makes messages that await a part of the hub due now. Its clock is this hub's.
func (s *Store) Hasten(ctx context.Context, part string, limit int) (n int, err error) {
	now := s.o.Clock.Now()
	var queues []int64
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, `UPDATE messages SET due=$2 WHERE seq IN (SELECT seq FROM messages WHERE state=2 AND cause=$1 AND due>$2 ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED)
			RETURNING queue`, part, core.Nanos(now), limit)
		if err != nil {
			return err
		}
		queues, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err == nil {
		s.arrived(queues, 0)
	}
	return len(queues), err
}
