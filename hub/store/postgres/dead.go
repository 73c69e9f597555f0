package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// bury makes damaged messages dead letters.
func (s *Store) bury(ctx context.Context, q *queue, bad []*hub.Delivery) error {
	if len(bad) == 0 {
		return nil
	}
	s.o.Log.Error("damaged messages found in the store", "queue", q.Name, "count", len(bad), "first", bad[0].Seq)
	var seqs []int64
	for _, d := range bad {
		seqs = append(seqs, d.Seq)
	}
	failure, cause := core.EncodeFailure(bad[0].Error)
	err := s.exec(ctx, "UPDATE messages SET state=4, due=$2, error=$3, cause=$4 WHERE seq=ANY($1) AND state<>4",
		seqs, core.Nanos(core.DeadSince(bad[0].Error, s.o.Clock.Now())), failure, cause)
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

const (
	sqlDead   = "SELECT seq FROM messages WHERE seq=ANY($1) AND state=4 ORDER BY seq FOR UPDATE"
	sqlReplay = "UPDATE messages SET state=1, due=0, attempts=0, crashes=0, error=NULL, cause=NULL WHERE seq=ANY($1) RETURNING queue"
)

// askDead locks the dead letters that units settle, and finds out which are there.
func (b *batch) askDead(q *pgx.Batch) {
	var seqs []int64
	for _, j := range b.jobs {
		for _, l := range j.Unit.Settles {
			seqs = append(seqs, l.Seq)
		}
	}
	if len(seqs) > 0 {
		q.Queue(sqlDead, seqs).Query(reads(func(r core.Row) { b.dead[r.Int(0)] = true }))
	}
}

// tellDead replays the dead letters, or drops them.
func (b *batch) tellDead(q *pgx.Batch) {
	var replay, drop []int64
	for _, j := range b.passed {
		for _, l := range j.Unit.Settles {
			if l.Replay {
				replay = append(replay, l.Seq)
			} else {
				drop = append(drop, l.Seq)
			}
		}
	}
	if len(drop) > 0 {
		q.Queue(sqlDelete, drop)
	}
	if len(replay) > 0 {
		q.Queue(sqlReplay, replay).Query(reads(func(r core.Row) { b.replayed = append(b.replayed, r.Int(0)) }))
	}
}

// changed runs a statement that returns, for each message that it changes, the number of its queue.
func (s *Store) changed(ctx context.Context, sql string, args ...any) (queues []int64, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		queues = nil
		return ask(ctx, c, func(r core.Row) { queues = append(queues, r.Int(0)) }, sql, args...)
	})
	return queues, err
}

// Hasten makes messages that await a part of the hub due now. Its clock is this hub's.
func (s *Store) Hasten(ctx context.Context, part string, limit int) (int, error) {
	queues, err := s.changed(ctx, `UPDATE messages SET due=$2 WHERE seq IN
		(SELECT seq FROM messages WHERE state=2 AND cause=$1 AND due>$2 ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING queue`,
		part, core.Nanos(s.o.Clock.Now()), limit)
	if err == nil {
		s.arrived(queues, 0)
	}
	return len(queues), err
}

// arrived tells of messages that can be claimed in queues, one number for each, to this hub or to others. Each queue grows by grown for each.
func (s *Store) arrived(queues []int64, grown int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range queues {
		if q := s.byID[id]; q != nil {
			q.depth += grown
			q.look = true
			s.wake(q.Name)
		}
		if q := s.byID[id]; q == nil || q.epoch == 0 {
			s.tell[id] = true
		}
	}
	s.kick.Give()
}

// Recover counts the crash of each message that was running when this hub
// ended uncleanly. Held messages are ready again, but those of queues that other hubs have.
func (s *Store) Recover(ctx context.Context, running []int64) error {
	err := s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		b := &pgx.Batch{}
		b.Queue("UPDATE messages SET crashes=crashes+1 WHERE seq=ANY($1)", running)
		b.Queue(`UPDATE messages SET state=1 WHERE state=3
			AND queue IN (SELECT id FROM queues WHERE owner IS NULL OR owner=$1 OR expires<=clock_timestamp())`, s.id)
		return c.SendBatch(ctx, b).Close()
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.queues {
		q.look = true
	}
	return err
}
