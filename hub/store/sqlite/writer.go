package sqlite

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"orderhub/hub"
	"orderhub/hub/store/core"
)

const (
	walPages = 4000  // checkpoint from here on
	walAlarm = 65536 // 256 MiB: a reader keeps the WAL from being reused
	reserve  = 100_000
)

// batch is one transaction of many units.
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

// write is the writer: it lives until Close, or until the store fails.
func (s *Store) write() {
	defer close(s.ended)
	b := &batch{s: s, c: s.w, gone: map[int64]bool{}, grown: map[*queue]int{}, adds: map[hub.Add]int64{}}
	var jobs []*job
	for {
		jobs = jobs[:0]
		select {
		case j := <-s.jobs:
			jobs = append(jobs, j)
		case <-s.stop:
			if len(s.jobs) == 0 {
				s.lastCheckpoint()
				return
			}
			continue
		}
		jobs = s.gather(jobs)
		s.settle(b, jobs)
		clear(jobs)
	}
}

// gather waits two turns of the scheduler, so that the goroutines that the
// last batch released are in the next one, then drains what is there.
func (s *Store) gather(jobs []*job) []*job {
	runtime.Gosched()
	runtime.Gosched()
	size := jobs[0].size
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

// settle runs the jobs and tells each what became of it.
func (s *Store) settle(b *batch, jobs []*job) {
	for len(jobs) > 0 {
		n := 0
		for n < len(jobs) && jobs[n].alone == nil {
			n++
		}
		if n == 0 {
			jobs[0].err = s.runAlone(jobs[0])
			n = 1
		} else {
			s.transact(b, jobs[:n])
		}
		for _, j := range jobs[:n] {
			j.done <- struct{}{}
		}
		jobs = jobs[n:]
	}
}

func (s *Store) runAlone(j *job) error {
	if err := s.Err(); err != nil {
		return err
	}
	err := j.alone()
	if fatal(err) && !s.noRoom(err) {
		s.fail(err)
		return s.Err()
	}
	return err
}

// transact commits the jobs in one transaction. When one of them cannot be
// written at all, each gets a transaction of its own, so that only it fails.
func (s *Store) transact(b *batch, jobs []*job) {
	err := s.Err()
	if err == nil {
		err = s.try(b, jobs)
	}
	switch {
	case err == nil:
	case s.Err() != nil:
		refuse(jobs, s.Err())
	case s.noRoom(err):
		s.full.Store(true)
		refuse(jobs, fmt.Errorf("store %s: %w", s.path, hub.ErrNoSpace))
	case fatal(err):
		s.fail(err)
		refuse(jobs, s.Err())
	case len(jobs) > 1:
		for i := range jobs {
			s.transact(b, jobs[i:i+1])
		}
	default:
		refuse(jobs, err)
	}
}

func refuse(jobs []*job, err error) {
	for _, j := range jobs {
		j.err = err
	}
}

func (s *Store) try(b *batch, jobs []*job) error {
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
		s.unmark(jobs)
		return err
	}
	s.seqLimit = b.limit
	s.apply(b)
	return s.checkpoint()
}

// all runs every job inside the transaction. A conflict stays with its job.
func (b *batch) all(jobs []*job) error {
	need := int64(0)
	for _, j := range jobs {
		need += j.numbers
	}
	if err := b.reserve(need); err != nil {
		return err
	}
	for _, j := range jobs {
		j.err = nil
		var err error
		if j.run != nil {
			err = j.run(b)
		} else {
			err = b.unit(j)
		}
		if errors.Is(err, hub.ErrConflict) || errors.Is(err, hub.ErrDuplicate) || errors.Is(err, hub.ErrFull) {
			j.err, err = err, nil
			b.s.unmark([]*job{j})
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

// unmark gives claims back that a unit had marked, because it was not written.
func (s *Store) unmark(jobs []*job) {
	s.mu.Lock()
	for _, j := range jobs {
		if j.held != nil {
			j.held.busy, j.held = false, nil
		}
	}
	s.mu.Unlock()
}
