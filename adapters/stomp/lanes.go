package stomp

import (
	"sync"
	"time"

	"orderhub/hub"
)

// job is one delivery.
type job struct {
	f       *frame
	m       *hub.Message
	replyTo string // not empty: it asks for a reply
	refused error  // why it is not for the hub at all
	tries   int
	came    time.Time
	since   time.Time // of its first failure
	spent   bool      // the pause before it goes back to the queue is over
}

// lanes run jobs: those of one key one after another, in their order, others
// at the same time, up to a number. What is in the lanes is bounded by the prefetch.
type lanes struct {
	work  func(*job) time.Duration // 0: settled; more: again after that time; giveBack: the lane's jobs go back
	back  func(*job)
	clock hub.Clock
	most  int

	mu      sync.Mutex
	wake    *sync.Cond
	ready   []*lane
	byKey   map[string]*lane
	workers int
	idle    int
	stopped bool
	halt    chan struct{}
	group   sync.WaitGroup
}

// lane is the jobs of a key; the first is at work, or waits for its next try.
type lane struct {
	key  string
	jobs []*job
}

const giveBack time.Duration = -1

func newLanes(clock hub.Clock, most int, work func(*job) time.Duration, back func(*job)) *lanes {
	l := &lanes{work: work, back: back, clock: clock, most: most, byKey: map[string]*lane{}, halt: make(chan struct{})}
	l.wake = sync.NewCond(&l.mu)
	return l
}

// add puts a job in its lane. One that comes after stop is not begun: it goes back with the connection.
func (l *lanes) add(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	ln := &lane{key: j.m.Key, jobs: []*job{j}}
	if ln.key != "" {
		if running := l.byKey[ln.key]; running != nil {
			running.jobs = append(running.jobs, j)
			return
		}
		l.byKey[ln.key] = ln
	}
	l.push(ln)
}

// push makes a lane run. l.mu is held.
func (l *lanes) push(ln *lane) {
	l.ready = append(l.ready, ln)
	switch {
	case l.idle > 0:
		l.wake.Signal()
	case l.workers < l.most:
		l.workers++
		l.group.Go(l.run)
	}
}

func (l *lanes) run() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.ready) == 0 && !l.stopped {
			l.idle++
			l.wake.Wait()
			l.idle--
		}
		if l.stopped {
			return
		}
		ln := l.ready[0]
		l.ready[0] = nil
		l.ready = l.ready[1:]
		j := ln.jobs[0]
		l.mu.Unlock()
		again := l.work(j)
		l.mu.Lock()
		l.done(ln, again)
	}
}

// done goes on with a lane whose first job has run. l.mu is held.
func (l *lanes) done(ln *lane, again time.Duration) {
	switch {
	case again > 0:
		l.group.Go(func() { l.later(ln, again) })
		return
	case again == giveBack:
		for _, j := range ln.jobs {
			l.back(j)
		}
		ln.jobs = nil
	default:
		ln.jobs = ln.jobs[1:]
	}
	if len(ln.jobs) > 0 {
		l.push(ln)
	} else if ln.key != "" {
		delete(l.byKey, ln.key)
	}
}

// giveBackOld gives back what came before t and has not begun, and all behind it in its lane: in their order they come again.
func (l *lanes) giveBackOld(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waits := map[*lane]bool{}
	kept := l.ready[:0]
	for _, ln := range l.ready {
		waits[ln] = true
		if l.cut(ln, 0, t); len(ln.jobs) > 0 {
			kept = append(kept, ln)
		} else if ln.key != "" {
			delete(l.byKey, ln.key)
		}
	}
	clear(l.ready[len(kept):])
	l.ready = kept
	for _, ln := range l.byKey {
		if !waits[ln] { // its first job runs, or waits for its next try
			l.cut(ln, 1, t)
		}
	}
}

// cut gives back the jobs of a lane from the one at i on, if that came before t. l.mu is held.
func (l *lanes) cut(ln *lane, i int, t time.Time) {
	if len(ln.jobs) <= i || !ln.jobs[i].came.Before(t) {
		return
	}
	for _, j := range ln.jobs[i:] {
		l.back(j)
	}
	ln.jobs = ln.jobs[:i]
}

func (l *lanes) later(ln *lane, after time.Duration) {
	t := l.clock.Timer(after)
	defer t.Stop()
	select {
	case <-t.C():
	case <-l.halt:
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopped {
		l.push(ln)
	}
}

// stop begins no further job, and returns when those that run are done.
func (l *lanes) stop() {
	l.mu.Lock()
	l.stopped = true
	close(l.halt)
	l.wake.Broadcast()
	l.mu.Unlock()
	l.group.Wait()
}
