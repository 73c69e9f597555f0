package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
)

const (
	sqlTerm = "clock_timestamp() + $2::bigint * interval '1 microsecond'" // from now on, for $2

	// A lease is free when nobody has it, or when it ended. One that this hub has
	// without knowing is of a call whose answer was lost.
	sqlTake = "UPDATE queues SET owner=$3, epoch=epoch+1, wanted=NULL, expires=" + sqlTerm +
		" WHERE id=$1 AND (owner IS NULL OR owner=$3 OR expires<=clock_timestamp())"
	// What the last owner held, and no retry is before it, is ready again. This is a
	// statement of its own: it must see what that hub committed while sqlTake waited for it.
	sqlFree = "UPDATE messages h SET state=1 WHERE queue=$1 AND state=3" +
		" AND NOT EXISTS(SELECT 1 FROM messages w WHERE w.queue=h.queue AND w.key=h.key AND " + retrying +
		") AND EXISTS(SELECT 1 FROM queues WHERE id=$1 AND owner=$2)"
	// A hub that has at least two queues less than the owner asks for this one.
	sqlWant = `UPDATE queues q SET wanted=$2 WHERE id=$1 AND owner<>$2 AND wanted IS DISTINCT FROM $2
		AND (SELECT count(*) FROM queues o WHERE o.owner=q.owner) >= 2 + (SELECT count(*) FROM queues m WHERE m.owner=$2)`
	sqlOwner = "SELECT coalesce(owner=$2, false), epoch, coalesce(extract(epoch FROM expires-clock_timestamp()), 0)::float8 FROM queues WHERE id=$1"
	sqlRenew = `WITH mine AS (SELECT id, wanted FROM queues WHERE owner=$1 ORDER BY id FOR UPDATE)
		UPDATE queues q SET wanted=NULL, expires=` + sqlTerm + ` FROM mine WHERE q.ID=mine.id RETURNING q.ID, q.epoch, coalesce(mine.wanted, 0)`
	sqlOwners = `SELECT h.name, coalesce(q.name, '') FROM hubs h LEFT JOIN queues q ON q.owner=h.id AND q.expires>clock_timestamp()
		WHERE h.expires>clock_timestamp() ORDER BY h.name COLLATE "C", q.name`
	sqlGive = "UPDATE queues SET owner=NULL, expires=NULL WHERE id=$1 AND owner=$2 AND epoch=$3"

	retrying = "w.state=2 AND w.key IS NOT NULL AND (w.error IS NOT NULL OR w.attempts>0)" // blocks its key
)

// until is how long a lease that was asked for at the time before may be
// relied on here: a little shorter than the database holds it.
func (s *Store) until(before time.Time) time.Time {
	return before.Add(s.o.Lease - min(time.Second, s.o.Lease/5))
}

// holds tells whether this hub has the queue's lease; it takes it if it is
// free. If not, wait is how long to wait before the next look.
func (s *Store) holds(ctx context.Context, q *queue) (held bool, wait time.Duration, err error) {
	s.mu.Lock()
	relied, has, wait := q.relied(), q.epoch != 0, time.Until(q.other)
	s.mu.Unlock()
	switch {
	case relied:
		return true, 0, nil
	case has: // leaving, or overdue: then the keeper renews it, or finds it lost
		return false, min(time.Second, s.o.Lease/3), nil
	case wait > 0:
		return false, wait, nil
	}
	return s.take(ctx, q)
}

// relied tells whether this hub may claim from the queue just now. Under s.mu.
func (q *queue) relied() bool {
	return q.epoch != 0 && q.leaving.IsZero() && time.Now().Before(q.until)
}

// Holds tells whether the claim of d may be relied on just now.
func (s *Store) Holds(d *hub.Delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[d.Queue]
	if q == nil || !time.Now().Before(q.until) {
		return false
	}
	c := q.Claims[d.Seq]
	return c != nil && c.D.Epoch == d.Epoch
}

// take asks the database for the lease.
func (s *Store) take(ctx context.Context, q *queue) (held bool, wait time.Duration, err error) {
	var before time.Time
	var epoch int64
	var left float64
	var retries []string
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		before, retries = time.Now(), nil
		b := &pgx.Batch{}
		b.Queue(sqlTake, q.ID, s.o.Lease.Microseconds(), s.id)
		b.Queue(sqlFree, q.ID, s.id)
		b.Queue(sqlWant, q.ID, s.id)
		b.Queue(sqlRetrying, q.ID).Query(reads(func(r core.Row) { retries = append(retries, r.Text(0)) }))
		b.Queue(sqlOwner, q.ID, s.id).QueryRow(func(row pgx.Row) error { return row.Scan(&held, &epoch, &left) })
		return c.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return false, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !held {
		wait = max(time.Duration(left*float64(time.Second)), 20*time.Millisecond)
		q.other = time.Now().Add(wait)
		return false, wait, nil
	}
	q.epoch, q.until, q.other, q.leaving, q.look, q.Due = epoch, s.until(before), time.Time{}, time.Time{}, true, time.Time{}
	clear(q.Claims)
	clear(q.kept)
	for _, key := range retries {
		q.kept[key] = true
	}
	return true, 0, nil
}

// lose forgets a lease; its claims are void. Under s.mu.
func (s *Store) lose(q *queue) {
	q.epoch, q.until, q.other, q.leaving = 0, time.Time{}, time.Time{}, time.Time{}
	clear(q.Claims)
	clear(q.kept)
}

// owned is the queues that this hub has the lease of, with their epochs.
func (s *Store) owned() map[int64]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[int64]int64{}
	for id, q := range s.byID {
		if q.epoch != 0 {
			out[id] = q.epoch
		}
	}
	return out
}

// renew keeps the leases, and finds out which ones are lost.
func (s *Store) renew() {
	had, before := s.owned(), time.Now()
	kept, wants := map[int64]int64{}, map[int64]int64{} // queue -> epoch; queue -> hub that asks for it
	err := s.tend(func(ctx context.Context, c *pgx.Conn) error {
		if err := s.enter(ctx, c); err != nil {
			return err
		}
		return ask(ctx, c, func(r core.Row) {
			id := r.Int(0)
			if kept[id] = r.Int(1); r.Int(2) != 0 {
				wants[id] = r.Int(2)
			}
		}, sqlRenew, s.id, s.o.Lease.Microseconds())
	})
	if err != nil {
		return // away: heard has told, until passes
	}
	var lost []string
	s.mu.Lock()
	for id, epoch := range had {
		switch q := s.byID[id]; {
		case q.epoch != epoch:
		case kept[id] == epoch:
			q.until = s.until(before)
		default:
			s.lose(q)
			lost = append(lost, q.Name)
		}
	}
	s.mu.Unlock()
	if len(lost) > 0 {
		s.o.Log.Warn("another hub took queues over: this one was silent for too long", "queues", lost)
	}
	for _, name := range lost {
		s.wake(name)
	}
	if len(wants) > 0 {
		s.share(wants)
	}
}

// enter keeps the row of this hub. Another start of a hub of the same name
// frees what that one had.
func (s *Store) enter(ctx context.Context, c *pgx.Conn) error {
	if s.id != 0 {
		_, err := c.Exec(ctx, "WITH h AS (INSERT INTO hubs(id,name,expires) OVERRIDING SYSTEM VALUE VALUES($1,$3,"+sqlTerm+`)
			ON CONFLICT(id) DO UPDATE SET expires=excluded.expires) INSERT INTO writers VALUES($1,0) ON CONFLICT DO NOTHING`,
			s.id, s.o.Lease.Microseconds(), s.o.Hub)
		return err
	}
	const sqlEnter = "WITH h AS (INSERT INTO hubs(name,expires) VALUES($1," + sqlTerm + ") RETURNING id)" +
		" INSERT INTO writers SELECT id, 0 FROM h RETURNING hub"
	err := c.QueryRow(ctx, sqlEnter, s.o.Hub, s.o.Lease.Microseconds()).Scan(&s.id)
	if err != nil || s.o.Hub == "" {
		return err
	}
	_, err = c.Exec(ctx, "UPDATE queues SET expires='-infinity' WHERE owner IN (SELECT id FROM hubs WHERE name=$1 AND id<>$2)", s.o.Hub, s.id)
	return err
}

// Owners tells which hubs use the store now, and which queues each has. A hub that was killed counts until its term is over.
func (s *Store) Owners(ctx context.Context) (out []store.Owner, err error) {
	err = s.read(ctx, func(ctx context.Context, c *pgx.Conn) error {
		out = nil
		return ask(ctx, c, func(r core.Row) {
			name, queue := r.Text(0), r.Text(1)
			if n := len(out); n == 0 || out[n-1].Hub != name {
				out = append(out, store.Owner{Hub: name})
			}
			if last := &out[len(out)-1]; queue != "" {
				last.Queues = append(last.Queues, queue)
			}
		}, sqlOwners)
	})
	return out, err
}

// leave gives all leases back, and takes the hub's name out. If PostgreSQL is away, the leases end by themselves.
func (s *Store) leave() {
	for id := range s.owned() {
		s.freed[id] = true
	}
	err := s.keeper.do(2*time.Second, func(ctx context.Context, c *pgx.Conn) error {
		b := &pgx.Batch{}
		b.Queue("UPDATE queues SET owner=NULL, expires=NULL WHERE owner=$1", s.id)
		b.Queue("DELETE FROM hubs WHERE id=$1", s.id)
		b.Queue("DELETE FROM writers WHERE hub=$1", s.id)
		return c.SendBatch(ctx, b).Close()
	})
	if err == nil {
		err = s.notify()
	}
	if err != nil {
		s.o.Log.Warn("the leases were not given back, they end by themselves", "store", s.place, "error", err)
	}
}
