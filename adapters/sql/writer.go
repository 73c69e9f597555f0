package sql

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"orderhub/hub"
)

// job is what one message changes. It is done as a whole, once if it has a key.
type job struct {
	once     onceKey // zero: it may be done again
	requests []request
	size     int // bytes of its values, about

	steps  []step
	tried  int  // alone
	gone   bool // nobody waits for it any more; under the writer's lock
	result chan error
}

// request is a statement with the object that its values come from.
type request struct {
	st   *statement
	body hub.Body
}

// writer makes many jobs share a transaction: what comes while one is committed
// goes together into the next. No job suffers from another one's fault.
type writer struct {
	a *Adapter

	mu      sync.Mutex
	queue   []*job
	working int
}

const (
	writers   = 2 // transactions at once: one that waits for a lock does not hold up all
	maxJobs   = 128
	maxVolume = 1 << 20 // bytes of a transaction, but for a single job

	sharedLock = "250ms" // how long a row of one job may be locked in a transaction that others share; alone it has the statement's time
)

// do returns when the job is committed, was done before, or has failed. When ctx ends, the job may yet be done if it was begun.
func (w *writer) do(ctx context.Context, j *job) error {
	j.result = make(chan error, 1)
	w.mu.Lock()
	w.queue = append(w.queue, j)
	if w.working < writers {
		w.working++
		w.a.group.Go(w.work)
	}
	w.mu.Unlock()
	select {
	case err := <-j.result:
		return err
	case <-ctx.Done():
		w.mu.Lock()
		j.gone = true
		w.mu.Unlock()
		return hub.GaveUp(ctx, "no answer")
	}
}

func (w *writer) work() {
	for {
		runtime.Gosched() // those who were just answered bring their next jobs
		runtime.Gosched()
		jobs := w.take()
		if jobs == nil {
			return
		}
		w.apply(jobs)
		w.a.sweep()
	}
}

// take gives the next jobs to do together; nil: there are none, and the worker is counted out.
func (w *writer) take() (jobs []*job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	volume, n := 0, 0
	for n < len(w.queue) && len(jobs) < maxJobs && (n == 0 || volume+w.queue[n].size <= maxVolume) {
		volume += w.queue[n].size
		if j := w.queue[n]; !j.gone {
			jobs = append(jobs, j)
		}
		n++
	}
	rest := copy(w.queue, w.queue[n:])
	clear(w.queue[rest:])
	w.queue = w.queue[:rest]
	if len(jobs) == 0 {
		if rest > 0 {
			return []*job{}
		}
		w.working--
	}
	return jobs
}

// apply does the jobs and tells each its result. When one of them fails, those before it, it alone, and those behind it are
// done again: alone an error is its own, and not that of a neighbour.
func (w *writer) apply(jobs []*job) {
	slow := 0
	for parts := [][]*job{jobs}; len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		if len(part) == 0 {
			continue
		}
		s, err := w.a.acquire(w.a.ctx)
		if err != nil {
			tell(part, err)
			continue
		}
		part = s.prepareAll(w.a.ctx, part)
		at, err := s.commit(w.a.ctx, part)
		s.rollback()
		s.Release()
		_, said := errors.AsType[*pgconn.PgError](err)
		switch {
		case err == nil, !said: // or nobody knows
			tell(part, err)
		case len(part) > 1 && at >= 0 && hub.AsError(err).Reason == reasonLocked: // the others need not wait for it
			tell(part[at:at+1], err)
			parts = append([][]*job{slices.Concat(part[:at], part[at+1:])}, parts...)
		case hub.AsError(err).Class == hub.Timeout:
			if slow++; slow > 1 || at < 0 { // it is not one of them: don't let all wait, one after another
				tell(part, err)
				continue
			}
			tell(part[at:at+1], err)
			parts = append([][]*job{part[:at], part[at+1:]}, parts...)
		case len(part) == 1:
			j := part[0]
			if j.tried++; !again(err) || j.tried > tries {
				tell(part, err)
				continue
			}
			parts = append([][]*job{part}, parts...)
		case at < 0: // at the commit: any of them may be at fault
			for i := range part {
				parts = append(parts, part[i:i+1])
			}
		default:
			parts = append([][]*job{part[:at], part[at : at+1], part[at+1:]}, parts...)
		}
	}
}

func tell(jobs []*job, err error) {
	for _, j := range jobs {
		j.result <- err
	}
}

// prepareAll makes the steps of the jobs. Those that have none are told why, and left out.
func (s *session) prepareAll(ctx context.Context, jobs []*job) (good []*job) {
	for _, j := range jobs {
		j.steps = j.steps[:0]
		var err error
		for _, r := range j.requests {
			var p *prepared
			var values [][]byte
			if p, err = s.prepare(ctx, r.st.sql); err == nil {
				values, err = r.st.values(p.params, r.body)
			}
			if err != nil {
				break
			}
			j.steps = append(j.steps, step{sql: r.st.sql, values: values})
		}
		if err != nil {
			j.result <- err
			continue
		}
		good = append(good, j)
	}
	return good
}

// commit does the jobs in one transaction. On an error nothing was done, or the connection was lost and nobody knows;
// at is the job that failed, -1 when it was none of them.
func (s *session) commit(ctx context.Context, jobs []*job) (at int, err error) {
	if len(jobs) == 0 {
		return -1, nil
	}
	var keys []onceKey
	for _, j := range jobs {
		if j.once != (onceKey{}) {
			keys = append(keys, j.once)
		}
	}
	begin := []step{{sql: "begin"}}
	if len(jobs) > 1 {
		begin = append(begin, step{sql: "set local lock_timeout = '" + sharedLock + "'"})
	}
	steps, owner := begin, slices.Repeat([]int{-1}, len(begin)) // the job of each step
	var fresh map[onceKey]bool
	if len(keys) > 0 {
		if fresh, err = s.begin(ctx, s.a.cfg.Timeout, begin, keys); err != nil {
			return -1, err
		}
		steps, owner = nil, nil
	}
	for i, j := range jobs {
		if j.once != (onceKey{}) && !fresh[j.once] {
			continue
		}
		delete(fresh, j.once) // the same key again in this transaction is done
		for _, st := range j.steps {
			steps, owner = append(steps, st), append(owner, i)
		}
	}
	steps, owner = append(steps, step{sql: "commit"}), append(owner, -1)
	n, err := s.run(ctx, s.a.cfg.Timeout, steps...)
	if err == nil || n >= len(owner) {
		return -1, err
	}
	return owner[n], err
}
