package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// tries bounds how often a batch is run again that met a deadlock or a race.
const tries = 5

// try writes jobs in one transaction, as core.Writer wants it. A deadlock or a race runs it again, and so does a
// PostgreSQL that is away, for as long as the jobs have patience.
func (s *Store) try(jobs []*job) ([]*job, error) {
	b := s.admit(jobs)
	defer b.unmark()
	for try := 1; len(b.jobs) > 0; try++ {
		committed, err := b.run()
		switch {
		case committed:
			b.apply()
			s.arrived(b.replayed, 1)
			return nil, nil
		case err == nil: // none of them passed the checks
			return nil, nil
		case broken(err):
			s.Fail(err)
			return b.jobs, err
		case noSpace(sqlState(err)):
			return b.jobs, core.ForAll{Err: fmt.Errorf("store %s: %w", s.place, hub.ErrNoSpace)}
		case away(err):
			b.outlast(err, try)
		case again(err) && try < tries:
			time.Sleep(pause(try))
		case again(err) && len(b.jobs) == 1:
			return b.jobs, fmt.Errorf("store %s: %w: %w", s.place, hub.ErrConflict, err)
		default:
			return b.jobs, err
		}
	}
	return nil, nil
}

// outlast waits while PostgreSQL is away. Jobs that have waited long enough fail, and leave the batch.
func (b *batch) outlast(err error, try int) {
	b.jobs = slices.DeleteFunc(b.jobs, func(j *job) bool {
		if !b.s.gaveUp(j.Begun) {
			return false
		}
		j.Err = b.s.unavailable(err)
		return true
	})
	if len(b.jobs) > 0 {
		time.Sleep(pause(try))
	}
}

// run runs the batch once. committed: it is durable.
//
// The transaction marks itself in the row of this hub, with a number of its
// own. When the connection breaks while it is being committed, that row tells
// what became of it.
func (b *batch) run() (committed bool, err error) {
	s := b.s
	if b.doubt != 0 {
		if committed, err = b.resolve(); committed || err != nil {
			return committed, err
		}
	}
	s.number++
	for _, j := range b.jobs {
		j.Err = nil
	}
	err = s.writer.do(s.o.Patience, func(ctx context.Context, c *pgx.Conn) error {
		b.backend = c.PgConn().PID()
		if err := b.ask(ctx, c, s.number); err != nil {
			return b.rollback(ctx, c, err)
		}
		if b.decide(); len(b.passed) == 0 {
			return b.rollback(ctx, c, nil)
		}
		b.doubt = s.number
		err := lost(c, b.tell(ctx, c))
		switch {
		case err == nil:
			committed = true
		case !away(err): // the server says that it is not
			b.doubt = 0
			return b.rollback(ctx, c, err)
		}
		return err
	})
	return committed, err
}

// rollback ends the transaction, and gives err. A connection that cannot do even that is dropped.
func (b *batch) rollback(ctx context.Context, c *pgx.Conn, err error) error {
	if c.IsClosed() {
		return err
	}
	if _, e := c.Exec(ctx, "ROLLBACK"); e != nil {
		_ = closeConn(c)
	}
	return err
}

// resolve finds out whether the batch that was in doubt is committed. Its old
// backend, if it lives, is ended first; the row's lock waits for its end.
func (b *batch) resolve() (committed bool, err error) {
	s := b.s
	err = s.writer.do(s.o.Patience, func(ctx context.Context, c *pgx.Conn) error {
		q := &pgx.Batch{}
		q.Queue(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE pid=$1 AND pid<>pg_backend_pid() AND application_name=$2`, int32(b.backend), s.config.RuntimeParams["application_name"])
		q.Queue("SELECT batch=$2 FROM writers WHERE hub=$1 FOR UPDATE", s.id, b.doubt).QueryRow(func(row pgx.Row) error { return row.Scan(&committed) })
		return c.SendBatch(ctx, q).Close()
	})
	if err == nil {
		b.doubt = 0
	}
	if committed {
		s.settled.Add(1)
	}
	return committed, err
}
