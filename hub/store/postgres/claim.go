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
	pgColumns = "m.seq, (SELECT name FROM queues WHERE id=m.queue), m.queue, m.state, m.key, m.id, m.corr, m.crc, m.head, m.body, m.attempts, m.crashes, m.due, m.name, m.error"

	sqlDue   = "SELECT " + pgColumns + ", false FROM messages m WHERE queue=$1 AND state=2 AND due<=$2 AND seq<>ALL($3) ORDER BY due, seq LIMIT $4"
	sqlReady = "SELECT " + pgColumns + ", " + isBehind + " FROM messages m WHERE queue=$1 AND state=1 AND seq<>ALL($2) ORDER BY seq LIMIT $3"
	sqlNext  = "SELECT coalesce((SELECT due FROM messages WHERE queue=$1 AND state=2 AND due>$2 AND seq<>ALL($3) ORDER BY due LIMIT 1), 0)"
	sqlHeld  = "SELECT " + pgColumns + ", false FROM messages m WHERE queue=$1 AND key=$2 AND state=3 AND seq<>ALL($3) ORDER BY seq LIMIT $4"

	// isBehind: an earlier message of the key waits for a retry, or is held behind one.
	isBehind = "(m.key IS NOT NULL AND (EXISTS(SELECT 1 FROM messages w WHERE w.queue=m.queue AND w.key=m.key AND w.seq<m.seq AND " + retrying +
		") OR EXISTS(SELECT 1 FROM messages w WHERE w.queue=m.queue AND w.key=m.key AND w.seq<m.seq AND w.state=3)))"
	sqlHold = "UPDATE messages m SET state=3 WHERE seq=ANY($1) AND state=1 AND " + isBehind + " AND EXISTS(SELECT 1 FROM queues WHERE id=m.queue AND owner=$2 AND epoch=$3)"
)

// Claim takes messages of a queue that this hub has the lease of: the due
// ones, then the ready ones. When nothing has changed since the last look it costs no
// SQL. Messages behind a retry of their key are held, whoever put that retry.
// When another hub has the lease, next is when it may end.
func (s *Store) Claim(ctx context.Context, name string, limit int, lease time.Duration) ([]*hub.Delivery, time.Time, error) {
	if err := s.ok(); err != nil {
		return nil, time.Time{}, err
	}
	q, err := s.queue(ctx, name)
	if err != nil {
		return nil, time.Time{}, err
	}
	q.serial.Lock()
	defer q.serial.Unlock()
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
			return nil, time.Time{}, s.giveBack(ctx, out, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return out, q.due, nil
}

// claimSome adds to out what one look finds. more: another look may find more.
func (s *Store) claimSome(ctx context.Context, q *pgQueue, out []*hub.Delivery, now time.Time, limit int, lease time.Duration) ([]*hub.Delivery, bool, error) {
	s.mu.Lock()
	s.expire(q, now)
	if !q.look && (q.due.IsZero() || q.due.After(now)) {
		s.mu.Unlock()
		return out, false, nil
	}
	q.look, q.due = false, time.Time{} // what is committed from here on sets them again
	claimed, epoch, room := slices.Collect(maps.Keys(q.claims)), q.epoch, limit-len(out)
	s.mu.Unlock()
	if claimed == nil {
		claimed = []int64{}
	}
	var due, ready pgFound
	var next int64
	err := s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		due, ready = pgFound{s: s}, pgFound{s: s}
		b := &pgx.Batch{}
		b.Queue(sqlDue, q.id, core.Nanos(now), claimed, room).Query(due.scan)
		b.Queue(sqlReady, q.id, claimed, room).Query(ready.scan)
		b.Queue(sqlNext, q.id, core.Nanos(now), claimed).QueryRow(func(row pgx.Row) error { return row.Scan(&next) })
		return c.SendBatch(ctx, b).Close()
	})
	if err == nil {
		err = s.hold(ctx, q, epoch, ready.behind)
	}
	if err == nil {
		err = s.bury(ctx, q, append(due.bad, ready.bad...))
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
	slices.SortFunc(due.good, func(a, b *hub.Delivery) int { return int(a.Seq - b.Seq) })
	for _, d := range append(due.good, ready.good...) {
		if len(out) == limit {
			q.look = true
			break
		}
		out = append(out, s.give1(q, d, now, lease))
	}
	q.look = q.look || ready.rows == room
	return out, ready.rows == room || due.rows == room, nil
}

// pgFound is what a look found.
type pgFound struct {
	s      *Store
	rows   int
	good   []*hub.Delivery
	bad    []*hub.Delivery // damaged
	behind []*hub.Delivery // to be held
}

func (f *pgFound) scan(rows pgx.Rows) error {
	for rows.Next() {
		var behind bool
		d, intact, err := f.s.delivery(rows, &behind)
		if err != nil {
			return err
		}
		f.rows++
		switch {
		case !intact:
			f.bad = append(f.bad, d)
		case behind:
			f.behind = append(f.behind, d)
		default:
			f.good = append(f.good, d)
		}
	}
	return rows.Err()
}

// hold makes messages wait behind a retry of their key. heal frees them if the runtime does not.
func (s *Store) hold(ctx context.Context, q *pgQueue, epoch int64, behind []*hub.Delivery) error {
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
	return s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sqlHold, seqs, s.id, epoch)
		return err
	})
}

// give1 claims d for the caller, under s.mu. What it returns is the caller's own.
func (s *Store) give1(q *pgQueue, d *hub.Delivery, now time.Time, lease time.Duration) *hub.Delivery {
	s.claims++
	c := *d
	c.Epoch = q.epoch<<36 | s.claims
	claim := &pgClaim{d: &c, epoch: q.epoch}
	if lease > 0 {
		claim.until = now.Add(lease)
		q.lease = core.Earlier(q.lease, claim.until)
	}
	q.claims[d.Seq] = claim
	mine := c
	return &mine
}

// expire takes messages back whose claim has ended, under s.mu.
func (s *Store) expire(q *pgQueue, now time.Time) {
	if q.lease.IsZero() || q.lease.After(now) {
		return
	}
	q.lease = time.Time{}
	for _, c := range q.claims {
		switch {
		case c.until.IsZero():
		case c.until.After(now) || c.busy:
			q.lease = core.Earlier(q.lease, c.until)
		default:
			s.unclaim(q, c)
		}
	}
}

// unclaim makes a claimed message free, under s.mu.
func (s *Store) unclaim(q *pgQueue, c *pgClaim) {
	delete(q.claims, c.d.Seq)
	s.appears(q, c.d.State, c.d.Due)
	if len(q.claims) == 0 && !q.leaving.IsZero() {
		s.nudge()
	}
}
