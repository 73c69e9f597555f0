package sqlite

import (
	"context"
	"database/sql/driver"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// bury makes damaged messages dead letters, and gives up their claims.
func (s *Store) bury(ctx context.Context, q *queue, bad []*hub.Delivery) error {
	s.o.Log.Error("damaged messages found in the store", "queue", q.name, "count", len(bad), "first", bad[0].Seq)
	return s.submit(context.WithoutCancel(ctx), &job{size: 256, run: func(b *batch) error {
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
	}})
}

// Settle replays dead letters, or drops them. Others it leaves alone.
func (s *Store) Settle(ctx context.Context, seqs []int64, replay bool) (done int, err error) {
	for len(seqs) > 0 && err == nil { // parts, so that no transaction is long
		part := seqs[:min(len(seqs), 1000)]
		seqs = seqs[len(part):]
		n := 0
		err = s.submit(ctx, &job{size: 256 * len(part), run: func(b *batch) (err error) {
			n, err = b.settleDead(part, replay)
			return err
		}})
		done += n
	}
	return done, err
}

func (b *batch) settleDead(seqs []int64, replay bool) (n int, err error) {
	sql, to := "DELETE FROM messages WHERE seq=? AND state=4 RETURNING queue", hub.Done
	if replay {
		sql, to = "UPDATE messages SET state=1, due=NULL, attempts=NULL, crashes=NULL, error=NULL, cause=NULL WHERE seq=? AND state=4 RETURNING queue", hub.Ready
	}
	for _, seq := range seqs {
		err := b.c.query(context.Background(), sql, []any{seq}, func(v []driver.Value) error {
			name := b.s.nameOf(v[0].(int64))
			b.s.mu.Lock()
			q := b.s.queueOf(name)
			b.s.mu.Unlock()
			b.gone[seq] = true
			b.effects = append(b.effects, effect{q: q, seq: seq, from: hub.Dead, to: to})
			n++
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// DeadGroups groups the dead letters by cause, largest first.
func (s *Store) DeadGroups(ctx context.Context) (groups []hub.DeadGroup, err error) {
	err = s.read(ctx, func(c *conn) error {
		err := c.query(ctx, "SELECT cause, count(*), min(due), max(due) FROM messages INDEXED BY dead WHERE state=4 GROUP BY cause ORDER BY 2 DESC, 1",
			nil, func(v []driver.Value) error {
				cause, _ := v[0].(string)
				first, _ := v[2].(int64)
				last, _ := v[3].(int64)
				groups = append(groups, hub.DeadGroup{Cause: cause, Count: int(v[1].(int64)), First: core.TimeOf(first), Last: core.TimeOf(last)})
				return nil
			})
		for i := range groups {
			if err != nil {
				return err
			}
			err = c.query(ctx, "SELECT "+columns+" FROM messages INDEXED BY dead WHERE state=4 AND cause=? ORDER BY due DESC, seq DESC LIMIT 1",
				[]any{groups[i].Cause}, func(v []driver.Value) error {
					groups[i].Sample, _ = s.delivery(v)
					return nil
				})
		}
		return err
	})
	return groups, err
}

// Recover counts the crash of each message that was running when the last run
// ended uncleanly, and makes held messages ready.
func (s *Store) Recover(ctx context.Context, running []int64) error {
	return s.submit(ctx, &job{size: 256, alone: func() error {
		return s.inTransaction(func() error {
			for _, seq := range running {
				if _, err := s.w.exec("UPDATE messages SET crashes=coalesce(crashes,0)+1 WHERE seq=?", seq); err != nil {
					return err
				}
			}
			_, err := s.w.exec("UPDATE messages SET state=1 WHERE state=3")
			return err
		}, func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.count(s.w)
		})
	}})
}

// inTransaction is for the writer's work outside of a batch. then runs after the commit.
func (s *Store) inTransaction(f, then func() error) error {
	if _, err := s.w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = s.w.exec("COMMIT")
	}
	if err != nil {
		_, _ = s.w.exec("ROLLBACK") // err says what is wrong
		return err
	}
	return then()
}
