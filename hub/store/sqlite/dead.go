package sqlite

import (
	"context"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// bury makes damaged messages dead letters, and gives up their claims.
func (s *Store) bury(ctx context.Context, q *queue, bad []*hub.Delivery) error {
	if len(bad) == 0 {
		return nil
	}
	s.o.Log.Error("damaged messages found in the store", "queue", q.Name, "count", len(bad), "first", bad[0].Seq)
	return s.do(context.WithoutCancel(ctx), 256, func(b *batch) error {
		for _, d := range bad {
			if b.gone[d.Seq] {
				continue
			}
			failure, cause := core.EncodeFailure(d.Error)
			n, err := b.c.exec("UPDATE messages SET state=4, due=?, error=?, cause=? WHERE seq=? AND state=?",
				core.Nanos(core.DeadSince(d.Error, s.o.Clock.Now())), failure, cause, d.Seq, int64(d.State))
			if err != nil {
				return err
			}
			if n > 0 {
				b.gone[d.Seq] = true
				b.effects = append(b.effects, effect{q: q, seq: d.Seq, from: d.State, to: hub.Dead, drop: true, key: d.Msg.Key})
			}
		}
		return nil
	})
}

// dead checks that what a unit settles are dead letters.
func (b *batch) dead(list []hub.Settle) error {
	for _, l := range list {
		there := false
		err := b.c.query(context.Background(), "SELECT 1 FROM messages WHERE seq=? AND state=4", []any{l.Seq}, func(core.Row) error { there = true; return nil })
		if err != nil {
			return err
		}
		if !there {
			return core.NotDead(l)
		}
	}
	return nil
}

// settle replays dead letters, or drops them.
func (b *batch) settle(list []hub.Settle) error {
	for _, l := range list {
		sql, to := "DELETE FROM messages WHERE seq=? AND state=4 RETURNING seq, queue", hub.Done
		if l.Replay {
			sql, to = "UPDATE messages SET state=1, due=NULL, attempts=NULL, crashes=NULL, error=NULL, cause=NULL"+
				" WHERE seq=? AND state=4 RETURNING seq, queue", hub.Ready
		}
		if _, err := b.changes(effect{from: hub.Dead, to: to}, sql, l.Seq); err != nil {
			return err
		}
		b.gone[l.Seq] = true
	}
	return nil
}

// changes runs a statement that returns the number and the queue of each message that it changes, and notes what that is for memory.
func (b *batch) changes(e effect, sql string, args ...any) (n int, err error) {
	err = b.c.query(context.Background(), sql, args, func(r core.Row) error {
		e.seq, e.q = r.Int(0), b.s.queueByID(r.Int(1))
		b.effects = append(b.effects, e)
		n++
		return nil
	})
	return n, err
}

// Hasten makes messages that await a part of the hub due now.
func (s *Store) Hasten(ctx context.Context, part string, limit int) (n int, err error) {
	err = s.do(ctx, 64*limit, func(b *batch) (err error) {
		now := core.Nanos(b.now)
		n, err = b.changes(effect{from: hub.Waiting, to: hub.Waiting, due: b.now}, `UPDATE messages SET due=? WHERE seq IN
			(SELECT seq FROM messages INDEXED BY awaiting WHERE state=2 AND cause=? AND due>? ORDER BY due LIMIT ?) RETURNING seq, queue`,
			now, part, now, int64(limit))
		return err
	})
	return n, err
}

// Recover counts the crash of each message that was running when the last run
// ended uncleanly, and makes held messages ready.
func (s *Store) Recover(ctx context.Context, running []int64) error {
	err := s.do(ctx, 256, func(b *batch) error {
		for _, seq := range running {
			if _, err := b.c.exec("UPDATE messages SET crashes=coalesce(crashes,0)+1 WHERE seq=?", seq); err != nil {
				return err
			}
		}
		_, err := b.c.exec("UPDATE messages SET state=1 WHERE state=3")
		return err
	})
	if err != nil {
		return err
	}
	return s.alone(ctx, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.count(s.w)
	})
}
