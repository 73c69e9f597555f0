package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const (
	sqlDue   = "SELECT " + core.Columns + ", false FROM messages m WHERE queue=$1 AND state=2 AND due<=$2 AND seq<>ALL($3) ORDER BY due, seq LIMIT $4"
	sqlReady = "SELECT " + core.Columns + ", " + isBehind + " FROM messages m WHERE queue=$1 AND state=1 AND seq<>ALL($2) ORDER BY seq LIMIT $3"
	sqlNext  = "SELECT coalesce((SELECT due FROM messages WHERE queue=$1 AND state=2 AND due>$2 AND seq<>ALL($3) ORDER BY due LIMIT 1), 0)"
	sqlHeld  = "SELECT " + core.Columns + ", false FROM messages m WHERE queue=$1 AND seq<>ALL($2) AND key=$3 AND state=3" +
		" AND NOT " + isRetried + " ORDER BY seq LIMIT $4"

	earlier   = "EXISTS(SELECT 1 FROM messages w WHERE w.queue=m.queue AND w.key=m.key AND w.seq<m.seq AND "
	isRetried = earlier + retrying + ")" // an earlier message of the key waits for a retry
	// isBehind: an earlier message of the key waits for a retry, or is held behind one.
	isBehind = "(m.key IS NOT NULL AND (" + isRetried + " OR " + earlier + "w.state=3)))"
	sqlHold  = "UPDATE messages m SET state=3 WHERE seq=ANY($1) AND state=1 AND " + isBehind +
		" AND EXISTS(SELECT 1 FROM queues WHERE id=m.queue AND owner=$2 AND epoch=$3)"
)

// Claim takes messages of a queue that this hub has the lease of: the due
// ones, then the ready ones. When nothing has changed since the last look it costs no
// SQL. Messages behind a retry of their key are held, whoever put that retry.
// When another hub has the lease, next is when it may end.
func (s *Store) Claim(ctx context.Context, name string, limit int, lease time.Duration) ([]*hub.Delivery, time.Time, error) {
	if err := s.Usable(); err != nil {
		return nil, time.Time{}, err
	}
	q, err := s.queue(ctx, name)
	if err != nil {
		return nil, time.Time{}, err
	}
	q.Serial.Lock()
	defer q.Serial.Unlock()
	held, wait, err := s.holds(ctx, q)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !held {
		return nil, s.o.Clock.Now().Add(wait), nil
	}
	now := s.o.Clock.Now()
	var out []*hub.Delivery
	for more := true; more && len(out) < limit; {
		if out, more, err = s.claimSome(ctx, q, out, now, limit, lease); err != nil {
			_ = s.Release(ctx, out) // what Claim gives is free at once
			return nil, time.Time{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return out, q.Due, nil
}

// claimSome adds to out what one look finds. more: another look may find more.
func (s *Store) claimSome(ctx context.Context, q *queue, out []*hub.Delivery, now time.Time, limit int, lease time.Duration) (
	all []*hub.Delivery, more bool, err error) {
	s.mu.Lock()
	s.expire(q, now)
	if !q.look && (q.Due.IsZero() || q.Due.After(now)) {
		s.mu.Unlock()
		return out, false, nil
	}
	q.look, q.Due = false, time.Time{} // what is committed from here on sets them again
	claimed, epoch, room := slices.AppendSeq([]int64{}, maps.Keys(q.Claims)), q.epoch, limit-len(out)
	s.mu.Unlock()
	var due, ready found
	var next int64
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		due, ready = found{clock: s.o.Clock}, found{clock: s.o.Clock}
		b := &pgx.Batch{}
		b.Queue(sqlDue, q.ID, core.Nanos(now), claimed, room).Query(reads(due.scan))
		b.Queue(sqlReady, q.ID, claimed, room).Query(reads(ready.scan))
		b.Queue(sqlNext, q.ID, core.Nanos(now), claimed).QueryRow(func(row pgx.Row) error { return row.Scan(&next) })
		return c.SendBatch(ctx, b).Close()
	})
	if err == nil {
		err = s.hold(ctx, q, epoch, ready.behind)
	}
	if err == nil {
		err = s.bury(ctx, q, append(due.Bad, ready.Bad...))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		q.look = true
		return out, false, err
	}
	if q.epoch != epoch || !q.relied() { // lost while it looked
		q.look = true
		return out, false, nil
	}
	q.hint(core.TimeOf(next))
	if due.rows == room {
		q.hint(time.Unix(0, 1))
	}
	slices.SortFunc(due.Good, func(a, b *hub.Delivery) int { return int(a.Seq - b.Seq) })
	for _, d := range append(due.Good, ready.Good...) {
		if len(out) == limit {
			q.look = true
			break
		}
		out = append(out, s.give(q, d, now, lease))
	}
	q.look = q.look || ready.rows == room
	return out, ready.rows == room || due.rows == room, nil
}

// found is what a look found.
type found struct {
	core.Found
	clock  hub.Clock
	rows   int
	behind []*hub.Delivery // to be held
}

// scan takes in a row of core.Columns and of whether the message stands behind a retry.
func (f *found) scan(r core.Row) {
	f.rows++
	behind, _ := r[core.Width].(bool)
	if d := f.Add(r, f.clock); behind && len(f.Good) > 0 && f.Good[len(f.Good)-1] == d {
		f.Good, f.behind = f.Good[:len(f.Good)-1], append(f.behind, d)
	}
}

// hold makes messages wait behind a retry of their key. heal frees them if the runtime does not.
func (s *Store) hold(ctx context.Context, q *queue, epoch int64, behind []*hub.Delivery) error {
	if len(behind) == 0 {
		return nil
	}
	var seqs []int64
	s.mu.Lock()
	for _, d := range behind {
		seqs = append(seqs, d.Seq)
		q.kept[d.Msg.Key] = true
	}
	q.look = true // what is behind no more
	s.mu.Unlock()
	return s.exec(ctx, sqlHold, seqs, s.id, epoch)
}

// give claims d for the caller, under s.mu.
func (s *Store) give(q *queue, d *hub.Delivery, now time.Time, lease time.Duration) *hub.Delivery {
	s.claims++
	return q.Give(d, q.epoch, s.claims, now, lease)
}

// expire takes messages back whose claim has ended, under s.mu.
func (s *Store) expire(q *queue, now time.Time) {
	q.Expire(now, func(c *core.Claim) { s.unclaim(q, c) })
}

// unclaim makes a claimed message free, under s.mu.
func (s *Store) unclaim(q *queue, c *core.Claim) {
	delete(q.Claims, c.D.Seq)
	s.appears(q, c.D.State, c.D.Due)
	if len(q.Claims) == 0 && !q.leaving.IsZero() {
		s.kick.Give()
	}
}
