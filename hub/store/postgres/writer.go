package postgres

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

// tries bounds how often a batch is run again that met a deadlock or a race.
const tries = 5

// write is the writer: it lives until Close has been called and all is settled.
func (s *Store) write() {
	defer close(s.ended)
	var jobs, later []*pgJob
	for {
		jobs, later = append(jobs[:0], later...), later[:0]
		if len(jobs) == 0 {
			select {
			case j := <-s.jobs:
				jobs = append(jobs, j)
			case <-s.stop:
				if len(s.jobs) == 0 {
					return
				}
				continue
			}
		}
		jobs = s.gather(jobs)
		jobs, later = apart(jobs, later)
		s.transact(jobs)
		for _, j := range jobs {
			j.done <- struct{}{}
		}
		clear(jobs)
	}
}

// gather waits two turns of the scheduler, so that the goroutines that the
// last batch released are in the next one, then drains what is there.
func (s *Store) gather(jobs []*pgJob) []*pgJob {
	runtime.Gosched()
	runtime.Gosched()
	size := 0
	for _, j := range jobs {
		size += j.size
	}
	for len(jobs) < core.BatchUnits && size < core.BatchBytes {
		select {
		case j := <-s.jobs:
			jobs = append(jobs, j)
			size += j.size
		default:
			return jobs
		}
	}
	return jobs
}

// apart leaves for the next batch what touches a record or a named message
// that an earlier unit of this one touches.
func apart(jobs, later []*pgJob) (now, then []*pgJob) {
	taken := map[pgName]*pgJob{}
	keep := jobs[:0]
	for _, j := range jobs {
		clash := false
		for _, n := range j.names {
			if o := taken[n]; o != nil && o != j {
				clash = true
			}
		}
		for _, n := range j.names { // also of one that waits: what comes later goes behind it
			if taken[n] == nil {
				taken[n] = j
			}
		}
		if clash {
			later = append(later, j)
		} else {
			keep = append(keep, j)
		}
	}
	return keep, later
}

// transact commits the jobs in one transaction. When one of them cannot be
// written at all, each gets a transaction of its own, so that only it fails.
func (s *Store) transact(jobs []*pgJob) {
	if err := s.Err(); err != nil {
		refusePg(jobs, err)
		return
	}
	b := s.admit(jobs)
	defer b.unmark(jobs)
	for try := 1; len(b.jobs) > 0; try++ {
		committed, err := b.run()
		switch {
		case committed:
			b.apply()
			return
		case err == nil: // none of them passed the checks
			return
		case broken(err):
			s.fail(err)
			refusePg(b.jobs, s.Err())
			return
		case noSpace(sqlState(err)):
			refusePg(b.jobs, fmt.Errorf("store %s: %w", s.place, hub.ErrNoSpace))
			return
		case away(err):
			if b.outlast(err, try) {
				continue
			}
			return
		case again(err) && try < tries:
			time.Sleep(pause(try))
		case len(b.jobs) > 1:
			rest := b.jobs
			b.unmark(rest)
			for i := range rest {
				s.transact(rest[i : i+1])
			}
			return
		case again(err):
			refusePg(b.jobs, fmt.Errorf("store %s: %w: %w", s.place, hub.ErrConflict, err))
			return
		default:
			refusePg(b.jobs, err)
			return
		}
	}
}

func refusePg(jobs []*pgJob, err error) {
	for _, j := range jobs {
		j.err = err
	}
}

// outlast waits while PostgreSQL is away; jobs that have waited long enough fail.
// True: those that are left are to be run again.
func (b *pgBatch) outlast(err error, try int) bool {
	s := b.s
	keep := b.jobs[:0]
	for _, j := range b.jobs {
		if s.gaveUp(j.begun) {
			j.err = s.unavailable(err)
		} else {
			keep = append(keep, j)
		}
	}
	if b.jobs = keep; len(keep) > 0 {
		time.Sleep(pause(try))
	}
	return len(keep) > 0
}

// run runs the batch once. committed: it is durable.
//
// The transaction marks itself in the row of this hub, with a number of its
// own. When the connection breaks while it is being committed, that row tells
// what became of it.
func (b *pgBatch) run() (committed bool, err error) {
	s := b.s
	if b.doubt != 0 {
		if committed, err = b.resolve(); committed || err != nil {
			return committed, err
		}
	}
	s.batch++
	for _, j := range b.jobs {
		j.err = nil
	}
	err = s.writer.do(s.o.Patience, func(ctx context.Context, c *pgx.Conn) error {
		b.backend = c.PgConn().PID()
		if err := b.ask(ctx, c, s.batch); err != nil {
			return b.rollback(ctx, c, err)
		}
		if b.decide(); len(b.passed) == 0 {
			return b.rollback(ctx, c, nil)
		}
		b.doubt = s.batch
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
func (b *pgBatch) rollback(ctx context.Context, c *pgx.Conn, err error) error {
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
func (b *pgBatch) resolve() (committed bool, err error) {
	s := b.s
	err = s.writer.do(s.o.Patience, func(ctx context.Context, c *pgx.Conn) error {
		q := &pgx.Batch{}
		q.Queue("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid=$1 AND pid<>pg_backend_pid() AND application_name=$2", int32(b.backend), s.config.RuntimeParams["application_name"])
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
