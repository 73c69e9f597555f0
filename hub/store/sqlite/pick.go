package sqlite

import (
	"context"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const sqlPick = "SELECT " + core.Columns + " FROM messages m WHERE seq=? AND queue=?"

// Pick claims the messages of the queue that have these numbers and that nobody has.
func (s *Store) Pick(ctx context.Context, name string, seqs []int64, lease time.Duration) (out []*hub.Delivery, err error) {
	if err := s.Usable(); err != nil {
		return nil, err
	}
	q := s.queueOf(name)
	q.Serial.Lock()
	defer q.Serial.Unlock()
	now := s.o.Clock.Now()
	s.mu.Lock()
	s.expire(q, now)
	s.mu.Unlock()
	err = s.watched(ctx, q, func(c *conn, f *core.Found) error {
		for _, seq := range core.InOrder(seqs) {
			if err := c.query(ctx, sqlPick, []any{seq, q.ID}, func(r core.Row) error { f.Add(r, s.o.Clock); return nil }); err != nil {
				return err
			}
		}
		return nil
	}, func(_ *watch, good []*hub.Delivery) {
		for _, d := range good {
			s.forget(q, d.Seq, d.State)
			s.claims++
			out = append(out, q.Pick(d, s.epoch, s.claims, now, lease))
		}
	})
	return out, err
}
