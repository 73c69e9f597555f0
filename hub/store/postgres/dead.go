package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// bury makes damaged messages dead letters.
func (s *Store) bury(ctx context.Context, q *pgQueue, bad []*hub.Delivery) error {
	if len(bad) == 0 {
		return nil
	}
	s.o.Log.Error("damaged messages found in the store", "queue", q.name, "count", len(bad), "first", bad[0].Seq)
	var seqs []int64
	for _, d := range bad {
		seqs = append(seqs, d.Seq)
	}
	failure, cause := core.EncodeFailure(bad[0].Error)
	err := s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "UPDATE messages SET state=4, due=$2, error=$3, cause=$4 WHERE seq=ANY($1) AND state<>4", seqs, core.Nanos(core.DeadSince(bad[0].Error, s.o.Clock.Now())), failure, cause)
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range bad {
		q.ends(d.Msg.Key)
	}
	return nil
}

// Settle replays dead letters, or drops them. Others it leaves alone.
func (s *Store) Settle(ctx context.Context, seqs []int64, replay bool) (done int, err error) {
	sql := "DELETE FROM messages WHERE seq=ANY($1) AND state=4 RETURNING queue"
	if replay {
		sql = "UPDATE messages SET state=1, due=0, attempts=0, crashes=0, error=NULL, cause=NULL WHERE seq=ANY($1) AND state=4 RETURNING queue"
	}
	for len(seqs) > 0 && err == nil { // parts, so that no transaction is long
		part := seqs[:min(len(seqs), 1000)]
		seqs = seqs[len(part):]
		var queues []int64
		err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
			rows, err := c.Query(ctx, sql, part)
			if err != nil {
				return err
			}
			queues, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
		if err != nil {
			return done, err
		}
		done += len(queues)
		if replay {
			s.arrived(queues, 1)
		}
	}
	return done, err
}

// arrived tells of messages that can be claimed in queues, one number for each, to this hub or to others. Each queue grows by grown for each.
func (s *Store) arrived(queues []int64, grown int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range queues {
		if q := s.byID[id]; q != nil {
			q.depth += grown
			q.look = true
			s.wake(q.name)
		}
		if q := s.byID[id]; q == nil || q.epoch == 0 {
			s.tell[id] = true
		}
	}
	s.nudge()
}

// DeadGroups groups the dead letters by cause, largest first.
func (s *Store) DeadGroups(ctx context.Context) (groups []hub.DeadGroup, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		groups = nil
		rows, err := c.Query(ctx, "SELECT cause, count(*), min(due), max(due) FROM messages WHERE state=4 GROUP BY cause ORDER BY 2 DESC, cause COLLATE \"C\"")
		if err != nil {
			return err
		}
		var g hub.DeadGroup
		var first, last int64
		_, err = pgx.ForEachRow(rows, []any{&g.Cause, &g.Count, &first, &last}, func() error {
			g.First, g.Last = core.TimeOf(first), core.TimeOf(last)
			groups = append(groups, g)
			return nil
		})
		for i := range groups {
			if err != nil {
				return err
			}
			groups[i].Sample, _, err = s.delivery(c.QueryRow(ctx, "SELECT "+pgColumns+" FROM messages m WHERE state=4 AND cause=$1 ORDER BY due DESC, seq DESC LIMIT 1", groups[i].Cause))
		}
		return err
	})
	return groups, err
}

// Recover counts the crash of each message that was running when this hub
// ended uncleanly. Held messages are ready again, but those of queues that other hubs have.
func (s *Store) Recover(ctx context.Context, running []int64) error {
	err := s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		b := &pgx.Batch{}
		b.Queue("UPDATE messages SET crashes=crashes+1 WHERE seq=ANY($1)", running)
		b.Queue("UPDATE messages SET state=1 WHERE state=3 AND queue IN (SELECT id FROM queues WHERE owner IS NULL OR owner=$1 OR expires<=clock_timestamp())", s.id)
		return c.SendBatch(ctx, b).Close()
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		q.look = true
	}
	return err
}

// Sweep deletes up to limit expired records, and rows of history and refusals older than
// keep (0: they are kept). What another hub is deleting it leaves alone.
func (s *Store) Sweep(ctx context.Context, keep time.Duration, limit int) (total int, err error) {
	now := s.o.Clock.Now()
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		t, err := c.Exec(ctx, "DELETE FROM records WHERE (kind,key) IN (SELECT kind, key FROM records WHERE expires<=$1 ORDER BY expires LIMIT $2 FOR UPDATE SKIP LOCKED)", core.Nanos(now), limit)
		if total = int(t.RowsAffected()); err != nil || keep <= 0 || total == limit {
			return err
		}
		t, err = c.Exec(ctx, `WITH old AS (DELETE FROM history WHERE seq IN (SELECT seq FROM (SELECT seq, time FROM history ORDER BY seq LIMIT $2) h WHERE time<$1) RETURNING seq),
			cut AS (DELETE FROM links WHERE seq IN (SELECT seq FROM old)) SELECT FROM old`, core.Nanos(now.Add(-keep)), limit-total)
		if total += int(t.RowsAffected()); err != nil || total == limit {
			return err
		}
		t, err = c.Exec(ctx, "DELETE FROM refused WHERE seq IN (SELECT seq FROM (SELECT seq, time FROM refused ORDER BY seq LIMIT $2) r WHERE time<$1)", core.Nanos(now.Add(-keep)), limit-total)
		total += int(t.RowsAffected())
		if err == nil { // hubs that ended without a goodbye
			_, err = c.Exec(ctx, "WITH gone AS (DELETE FROM hubs WHERE expires<clock_timestamp()-interval '1 day' RETURNING id) DELETE FROM writers WHERE hub IN (SELECT id FROM gone)")
		}
		return err
	})
	return total, err
}
