package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const (
	walPages = 4000  // checkpoint from here on
	walAlarm = 65536 // 256 MiB: a reader keeps the WAL from being reused
	reserve  = 100_000
)

type (
	job    = core.Job[*queue]
	putRow = core.PutRow[*queue]
)

// batch is one transaction of many units. There is one, the writer's, which is used again and again.
type batch struct {
	s       *Store
	c       *conn
	now     time.Time
	gone    map[int64]bool // rows that this batch changed: their claims are used up
	grown   map[*queue]int // rows added, dead ones not counted
	named   []*queue       // got their row in queues
	effects []effect
	adds    map[hub.Add]int64 // by Kind and Key
	limit   int64
	last    string
}

// Commit makes u durable, or nothing of it. ctx ends the waiting for a place
// in the writer's queue, never the write.
func (s *Store) Commit(ctx context.Context, u *hub.Unit) error {
	if len(u.Puts) > 0 && u.Input == nil && s.spaceLow() {
		return s.noSpace()
	}
	j, err := core.Encode(u, s.o.Clock.Now(), s.Places, func(name string) (*queue, error) { return s.queueOf(name), nil })
	if err != nil {
		return err
	}
	return s.Submit(ctx, j)
}

// do runs f in a transaction of the writer. size is about how many bytes it writes.
func (s *Store) do(ctx context.Context, size int, f func(b *batch) error) error {
	return s.Submit(ctx, &job{Size: size, Do: func() error { return f(s.batch) }})
}

// alone runs f in the writer, outside of a transaction.
func (s *Store) alone(ctx context.Context, f func() error) error {
	return s.Submit(ctx, &job{Alone: f})
}

// try writes jobs in one transaction, as core.Writer wants it.
func (b *batch) try(jobs []*job) ([]*job, error) {
	var err error
	if f := jobs[0].Alone; f != nil {
		err = f()
	} else {
		err = b.transact(jobs)
	}
	switch {
	case err == nil:
	case b.s.noRoom(err):
		b.s.full.Store(true)
		err = core.ForAll{Err: fmt.Errorf("store %s: %w", b.s.path, hub.ErrNoSpace)}
	case fatal(err):
		b.s.Fail(err)
	}
	return jobs, err
}

func (b *batch) transact(jobs []*job) error {
	b.reset()
	if _, err := b.c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := b.all(jobs)
	if err == nil {
		_, err = b.c.exec("COMMIT")
	}
	if err != nil {
		if _, e := b.c.exec("ROLLBACK"); e != nil && fatal(e) {
			err = errors.Join(err, e)
		}
		b.s.mu.Lock()
		defer b.s.mu.Unlock()
		for _, j := range jobs {
			j.Unmark()
		}
		return err
	}
	b.s.seqLimit = b.limit
	b.apply()
	b.s.checkpoint()
	return nil
}

// all runs every job inside the transaction. A conflict stays with its job.
func (b *batch) all(jobs []*job) error {
	need := int64(0)
	for _, j := range jobs {
		if j.Unit != nil {
			need += int64(len(j.Puts)+len(j.Unit.Writes)+len(j.Unit.Refused)+len(j.History)) + 1 // its inbox key
		}
	}
	if err := b.reserve(need); err != nil {
		return err
	}
	for _, j := range jobs {
		var err error
		if j.Do != nil {
			err = j.Do()
		} else {
			err = b.unit(j)
		}
		if j.Err = nil; errors.Is(err, hub.ErrConflict) || errors.Is(err, hub.ErrDuplicate) || errors.Is(err, hub.ErrFull) {
			j.Err, err = err, nil
		}
		if err != nil {
			return err
		}
	}
	return b.flushAdds()
}

func (b *batch) reset() {
	b.now = b.s.o.Clock.Now()
	b.limit, b.last = b.s.seqLimit, ""
	clear(b.gone)
	clear(b.grown)
	clear(b.adds)
	clear(b.effects)
	b.effects, b.named = b.effects[:0], b.named[:0]
}

// reserve makes sure that n sequence numbers are never given again, whatever happens.
func (b *batch) reserve(n int64) error {
	if b.s.seq+n <= b.limit {
		return nil
	}
	b.limit = b.s.seq + n + reserve
	_, err := b.c.exec("INSERT INTO meta VALUES('seq',?) ON CONFLICT DO UPDATE SET value=excluded.value", b.limit)
	return err
}

// next is a fresh sequence number.
func (b *batch) next() int64 {
	b.s.seq++
	return b.s.seq
}

// checkpoint moves the WAL into the file once it is long. SQLite's own
// automatic checkpoint hides its errors; a failed fsync must not be hidden.
func (s *Store) checkpoint() {
	s.pages += s.w.written()
	if s.pages < walPages {
		return
	}
	err := s.w.query(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)", nil, func(r core.Row) error {
		log, moved := r.Int(1), r.Int(2)
		if log >= walAlarm {
			s.o.Log.Warn("a long read keeps the store's WAL from being reused", "pages", log)
		}
		s.pages = int(log - moved) // what a reader still needs; tried again when as much is added
		if s.pages > 0 {
			s.pages = walPages * 3 / 4
		}
		return nil
	})
	if err != nil && !s.noRoom(err) { // without room: the commit itself is durable, and a later checkpoint finds space
		s.Fail(err)
	}
}

// lastCheckpoint leaves an empty WAL behind.
func (s *Store) lastCheckpoint() {
	if s.Err() != nil {
		return
	}
	if _, err := s.w.exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		s.o.Log.Warn("last checkpoint of the store", "error", errors.Unwrap(err))
	}
}
