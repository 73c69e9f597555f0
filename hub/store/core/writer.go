package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/hub/store"
)

const (
	// BatchUnits is how many units one transaction takes at most.
	BatchUnits = 256
	// batchBytes is about how long the units of one transaction may be together.
	batchBytes = 4 << 20
	queued     = 1024 // jobs that wait for the writer; who brings more waits
)

// Writer is the group commit: many goroutines commit units, one goroutine writes them, a batch in each transaction.
//
//	submit(job):  put the job into the queue; wait until it is settled
//
//	writer:       until the store is closed and the queue is empty:
//	                wait for a job
//	                yield twice, then take what else is queued, up to 256 jobs or 4 MiB
//	                set aside, for the next batch, what must not be in one transaction with an earlier job
//	                settle(batch); wake its goroutines
//
//	settle(jobs): try(jobs), one transaction
//	              if nothing was written: for a reason that concerns all jobs, each gets the error;
//	              else each job that is left is settled alone, so that only the culprit fails
//
// What holds:
//   - A job is settled once, and its goroutine waits for that: what the caller passed in is not touched afterwards.
//     A caller's context ends the waiting for a place in the queue, never a write that may have begun.
//   - Jobs that name the same record or message are written in the order in which they were queued.
//   - Once the store has failed, every job gets its error and nothing is written.
//   - Close takes no new job in, and ends when all that were queued are settled: the lock that submit holds while it
//     queues orders the two.
//
// To yield twice, with no timer, lets the goroutines that the last batch woke bring their next units: it lifts a batch
// from 1.9 to 16 units at 16 writers. A timer would add its delay to every commit of a single writer.
type Writer[Q Queued] struct {
	place string // of the store, for people
	log   *slog.Logger
	units *figures.Series // of each batch
	took  *figures.Series
	try   func(jobs []*Job[Q]) (left []*Job[Q], err error)

	jobs   chan *Job[Q]
	stop   chan struct{} // closed by End
	ended  chan struct{} // closed when the writer has returned
	failed chan struct{} // closed by Fail
	cause  atomic.Pointer[error]

	senders sync.RWMutex // held for reading while a job is being queued
	closing bool         // under senders
}

// NewWriter makes a writer for the store at place, which Write runs. try writes jobs in one transaction and sets Err of those that fail by
// themselves. Its error says that nothing was written; a ForAll is every job's, any other is of a job in left.
func NewWriter[Q Queued](place string, o *store.Options, try func(jobs []*Job[Q]) (left []*Job[Q], err error)) *Writer[Q] {
	return &Writer[Q]{place: place, log: o.Log, units: o.Figures.Series(figures.CommitUnits), took: o.Figures.Series(figures.CommitDuration), try: try, jobs: make(chan *Job[Q], queued),
		stop: make(chan struct{}), ended: make(chan struct{}), failed: make(chan struct{})}
}

// ForAll is an error that does not depend on which units a transaction has.
type ForAll struct{ Err error }

func (e ForAll) Error() string { return e.Err.Error() }

func (e ForAll) Unwrap() error { return e.Err }

// Submit queues a job and waits until it is settled.
func (w *Writer[Q]) Submit(ctx context.Context, j *Job[Q]) error {
	j.done = make(chan struct{}, 1)
	if err := w.enqueue(ctx, j); err != nil {
		return err
	}
	<-j.done
	if j.Err == nil && len(j.Places) > 0 {
		j.places.keep(j.Places)
	}
	return j.Err
}

func (w *Writer[Q]) enqueue(ctx context.Context, j *Job[Q]) error {
	w.senders.RLock()
	defer w.senders.RUnlock()
	if err := w.Err(); err != nil {
		return err
	}
	if w.closing {
		return hub.ErrClosed
	}
	select {
	case w.jobs <- j:
		return nil
	default:
	}
	select {
	case w.jobs <- j: // the writer settles what it has in bounded time
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Write is the writer: it returns after End, when all that was queued is settled.
func (w *Writer[Q]) Write() {
	defer close(w.ended)
	var jobs, later []*Job[Q]
	for {
		jobs, later = append(jobs[:0], later...), later[:0]
		if len(jobs) == 0 {
			select {
			case j := <-w.jobs:
				jobs = append(jobs, j)
			case <-w.stop:
				if len(w.jobs) == 0 {
					return
				}
				continue
			}
		}
		jobs, later = apart(w.gather(jobs), later)
		began := time.Now()
		w.settle(jobs)
		w.took.Observe(int64(time.Since(began)))
		w.units.Observe(int64(len(jobs)))
		for _, j := range jobs {
			j.done <- struct{}{}
		}
		clear(jobs)
	}
}

// gather waits two turns of the scheduler, so that the goroutines that the
// last batch released are in the next one, then drains what is there.
func (w *Writer[Q]) gather(jobs []*Job[Q]) []*Job[Q] {
	runtime.Gosched()
	runtime.Gosched()
	size := 0
	for _, j := range jobs {
		size += j.Size
	}
	for len(jobs) < BatchUnits && size < batchBytes {
		select {
		case j := <-w.jobs:
			jobs = append(jobs, j)
			size += j.Size
		default:
			return jobs
		}
	}
	return jobs
}

// apart leaves for the next batch what touches a name that an earlier job of this one touches, and whatever stands
// beside a job that runs alone.
func apart[Q Queued](jobs, later []*Job[Q]) (now, then []*Job[Q]) {
	taken := map[Name]*Job[Q]{}
	now = jobs[:0]
	for i, j := range jobs {
		if i > 0 && (j.Alone != nil || jobs[0].Alone != nil) {
			return now, append(later, jobs[i:]...)
		}
		if take(taken, j) {
			now = append(now, j)
		} else {
			later = append(later, j)
		}
	}
	return now, later
}

// take takes the names of j, and tells whether they were free. A job that has to wait takes those that were, so that what
// comes later goes behind it.
func take[Q Queued](taken map[Name]*Job[Q], j *Job[Q]) bool {
	free := true
	for _, n := range j.Names {
		switch taken[n] {
		case nil:
			taken[n] = j
		case j:
		default:
			free = false
		}
	}
	return free
}

func (w *Writer[Q]) settle(jobs []*Job[Q]) {
	left, err := jobs, w.Err()
	if err == nil {
		left, err = w.try(jobs)
	}
	if failed := w.Err(); err != nil && failed != nil {
		err = ForAll{failed}
	}
	all, whole := errors.AsType[ForAll](err)
	switch {
	case err == nil:
	case whole:
		for _, j := range left {
			j.Err = all.Err
		}
	case len(left) > 1:
		for i := range left {
			w.settle(left[i : i+1])
		}
	default:
		for _, j := range left {
			j.Err = err
		}
	}
}

// End takes no more jobs, and returns when the writer has settled those that it has.
func (w *Writer[Q]) End() {
	w.senders.Lock()
	w.closing = true
	w.senders.Unlock()
	close(w.stop)
	<-w.ended
}

// Stopping is closed when End begins.
func (w *Writer[Q]) Stopping() <-chan struct{} { return w.stop }

// Drained is closed when the writer has settled its last job.
func (w *Writer[Q]) Drained() <-chan struct{} { return w.ended }

// Done is closed when the store has failed for good.
func (w *Writer[Q]) Done() <-chan struct{} { return w.failed }

// Err is why the store has failed; nil while it works.
func (w *Writer[Q]) Err() error {
	if p := w.cause.Load(); p != nil {
		return *p
	}
	return nil
}

// Fail makes every later call return err. The first error stays.
func (w *Writer[Q]) Fail(err error) {
	err = fmt.Errorf("store %s failed and must be opened again: %w", w.place, err)
	if w.cause.CompareAndSwap(nil, &err) {
		w.log.Error("store failed", "error", err)
		close(w.failed)
	}
}

// Usable is the error of a call that may not begin; nil while the store is open and works.
func (w *Writer[Q]) Usable() error {
	if err := w.Err(); err != nil {
		return err
	}
	select {
	case <-w.stop:
		return hub.ErrClosed
	default:
		return nil
	}
}
