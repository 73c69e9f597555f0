package broker

import (
	"context"
	"sync"
	"time"

	"orderhub/hub"
)

// What Work.Handle returns of a job beside the pause before its next try.
const (
	Settled  time.Duration = 0  // the job is done
	GiveBack time.Duration = -1 // the job and those behind it in its lane go to Work.Back
)

// Work says what Lanes do with jobs.
type Work[J any] struct {
	Workers int                   // jobs handled at once
	Key     func(J) string        // jobs of one key are handled in their order; "": the job needs no order
	Handle  func(J) time.Duration // Settled, GiveBack, or the pause before the job is handled again
	Back    func(J)               // takes what is given back, in its order; nil: nothing ever is

	// Bounds of what Put takes: lanes, and jobs that wait behind others of their keys. 0: whoever calls Put bounds them.
	Lanes, Behind int
}

// Lanes handle jobs: those of one key one after another, in their order, others at the same time. A job that waits for its next
// try keeps its place and holds back its own key only; lanes that are ready take turns.
type Lanes[J any] struct {
	work  Work[J]
	clock hub.Clock

	open, behind chan struct{} // a token for each lane, and for each job that is not the first of its lane; nil: not bounded
	halt         chan struct{} // closed by Stop
	running      sync.WaitGroup

	mu      sync.Mutex
	wake    *sync.Cond
	ready   []*lane[J]
	byKey   map[string]*lane[J]
	workers int
	idle    int // workers that wait, and that nobody has woken
	stopped bool
}

// lane is the jobs of one key. The first is ready, in the handler, or waits for its next try.
type lane[J any] struct {
	key  string
	jobs []J
}

// NewLanes returns lanes that do work until Stop.
func NewLanes[J any](clock hub.Clock, work Work[J]) *Lanes[J] {
	l := &Lanes[J]{work: work, clock: clock, byKey: map[string]*lane[J]{}, halt: make(chan struct{})}
	if work.Lanes > 0 {
		l.open, l.behind = make(chan struct{}, work.Lanes), make(chan struct{}, work.Behind)
	}
	l.wake = sync.NewCond(&l.mu)
	return l
}

// Put takes a job. It waits while there is no room, and returns false when ctx ended first: the job was not taken.
// What comes after Stop is not handled.
func (l *Lanes[J]) Put(ctx context.Context, j J) bool {
	key := l.work.Key(j)
	for enter(ctx, l.open) {
		if l.begin(key, j) {
			return true
		}
		leave(l.open, 1)
		if !enter(ctx, l.behind) {
			return false
		}
		if l.follow(key, j) {
			return true
		}
		leave(l.behind, 1) // the key has become free meanwhile
	}
	return false
}

func enter(ctx context.Context, room chan struct{}) bool {
	if room == nil {
		return true
	}
	select {
	case room <- struct{}{}:
		return true
	default:
	}
	select {
	case room <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func leave(room chan struct{}, n int) {
	for ; room != nil && n > 0; n-- {
		<-room
	}
}

// begin opens a lane for the job, unless its key has one.
func (l *Lanes[J]) begin(key string, j J) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := &lane[J]{key: key, jobs: []J{j}}
	if key != "" {
		if l.byKey[key] != nil {
			return false
		}
		l.byKey[key] = ln
	}
	l.push(ln)
	return true
}

// follow puts the job behind those of its key, if there are any.
func (l *Lanes[J]) follow(key string, j J) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := l.byKey[key]
	if ln != nil {
		ln.jobs = append(ln.jobs, j)
	}
	return ln != nil
}

// push makes a lane ready. l.mu is held.
func (l *Lanes[J]) push(ln *lane[J]) {
	l.ready = append(l.ready, ln)
	switch {
	case l.stopped:
	case l.idle > 0:
		l.idle-- // here, not where it wakes up: another lane must not count on the same worker
		l.wake.Signal()
	case l.workers < l.work.Workers:
		l.workers++
		l.running.Go(l.run)
	}
}

// run is a worker: it handles the first jobs of lanes that are ready.
func (l *Lanes[J]) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.ready) == 0 && !l.stopped {
			l.idle++
			l.wake.Wait()
		}
		if l.stopped {
			return
		}
		ln := l.ready[0]
		l.ready[0] = nil
		l.ready = l.ready[1:]
		j := ln.jobs[0]
		l.mu.Unlock()
		again := l.work.Handle(j)
		l.mu.Lock()
		l.handled(ln, again)
	}
}

// handled goes on with a lane whose first job was handled. l.mu is held.
func (l *Lanes[J]) handled(ln *lane[J], again time.Duration) {
	switch {
	case again > 0:
		l.running.Go(func() { l.later(ln, again) })
		return
	case again == GiveBack:
		l.back(ln, 0)
	case len(ln.jobs) > 1: // the next takes over the token of the lane
		clear(ln.jobs[:1])
		ln.jobs = ln.jobs[1:]
		leave(l.behind, 1)
	default:
		l.end(ln)
	}
	if len(ln.jobs) > 0 {
		l.push(ln)
	}
}

// end closes a lane whose last job is gone. l.mu is held.
func (l *Lanes[J]) end(ln *lane[J]) {
	ln.jobs = nil
	leave(l.open, 1)
	if ln.key != "" {
		delete(l.byKey, ln.key)
	}
}

// later makes a lane ready again after a pause.
func (l *Lanes[J]) later(ln *lane[J], after time.Duration) {
	t := l.clock.Timer(after)
	defer t.Stop()
	select {
	case <-t.C():
	case <-l.halt:
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.push(ln)
}

// GiveBack gives back each job that has not begun and is old, and all behind it in its lane, so that they come again in their order.
func (l *Lanes[J]) GiveBack(old func(J) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ready := map[*lane[J]]bool{}
	kept := l.ready[:0]
	for _, ln := range l.ready {
		ready[ln] = true
		if old(ln.jobs[0]) {
			l.back(ln, 0)
		} else {
			kept = append(kept, ln)
		}
	}
	clear(l.ready[len(kept):])
	l.ready = kept
	for _, ln := range l.byKey {
		if !ready[ln] && len(ln.jobs) > 1 && old(ln.jobs[1]) { // the first is in the handler, or waits for its next try
			l.back(ln, 1)
		}
	}
}

// back gives back the jobs of a lane from the one at i on. l.mu is held.
func (l *Lanes[J]) back(ln *lane[J], i int) {
	for _, j := range ln.jobs[i:] {
		l.work.Back(j)
	}
	leave(l.behind, len(ln.jobs)-max(i, 1))
	if ln.jobs = ln.jobs[:i]; i == 0 {
		l.end(ln)
	}
}

// Stop makes no further job begin. The channel is closed when those in the handler are done; the others stay unhandled.
func (l *Lanes[J]) Stop() (idle <-chan struct{}) {
	l.mu.Lock()
	l.stopped = true
	close(l.halt)
	l.wake.Broadcast()
	l.mu.Unlock()
	done := make(chan struct{})
	go func() {
		l.running.Wait()
		close(done)
	}()
	return done
}
