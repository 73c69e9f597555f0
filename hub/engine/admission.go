package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// Bound says how much may wait in a stage's queue before what comes from
// outside is refused, with the time after which there will be room. What is
// on its way inside the hub is never refused by it: a drain must go on.
type Bound struct {
	Messages int           // waiting for whatever; 0: as many as the store takes
	Bytes    int64         // of their bodies, at the mean size of what came since the start; 0: however many
	Wait     time.Duration // how long a new message would wait for its first run, at the pace of the last minute; 0: DefaultWait
}

// DefaultWait is far more than a queue that is read ever needs, and far less than would fill a disk unseen.
const DefaultWait = 24 * time.Hour

const (
	surveyEvery = time.Second
	paceWindow  = 60 // surveys that the pace is taken of
	paceLeast   = 10 // surveys before a pace is known
	waitLeast   = time.Second
	waitMost    = 5 * time.Minute // the longest Retry-After
)

// load is what a dispatcher knows of how much waits for it. The atomic
// fields are written for every message, the others by the survey alone.
type load struct {
	arrived atomic.Int64             // puts by this hub
	bytes   atomic.Int64             // of their bodies
	ran     atomic.Int64             // runs that ended
	refuse  atomic.Pointer[backlogs] // nil: what comes is taken

	seen int64                 // arrived at the last survey
	past [paceWindow + 1]int64 // ran at the last surveys, in a ring
	n    int                   // surveys
}

// backlogs is why a queue takes nothing more from outside.
type backlogs struct {
	depth int
	wait  time.Duration // until there is room
}

// survey compares, once a second, what waits with the bounds of the stages.
func (rt *Runtime) survey(ctx context.Context) {
	for hub.Pause(ctx, rt.clock, surveyEvery) {
		if !rt.moved() {
			continue
		}
		stats, err := rt.store.Queues(ctx)
		if err != nil {
			continue // whoever commits meets the store's error
		}
		found := make(map[string]store.QueueStats, len(stats))
		for _, q := range stats {
			found[q.Queue] = q
		}
		for _, d := range rt.order {
			q := found[d.stage.Queue]
			d.bound(q.Ready, q.Ready+q.Waiting+q.Held)
		}
	}
}

// moved takes a sample of each pace, and tells whether some queue may have
// passed its bound, or come back below it.
func (rt *Runtime) moved() (yes bool) {
	for _, d := range rt.order {
		l := &d.load
		l.n++
		l.past[l.n%len(l.past)] = l.ran.Load()
		arrived := l.arrived.Load()
		yes = yes || arrived != l.seen || l.refuse.Load() != nil
		l.seen = arrived
	}
	return yes
}

// bound decides whether the queue takes more. ready messages wait for their run; all counts those that wait for a time, or for
// another one of their key, too. A far end that is away for days makes those many, and must not stop what comes in.
func (d *dispatcher) bound(ready, all int) {
	l, b := &d.load, d.stage.Bound
	seconds := min(l.n-1, paceWindow)
	pace := 0.0 // messages per second
	if seconds > 0 {
		pace = float64(l.past[l.n%len(l.past)]-l.past[(l.n-seconds)%len(l.past)]) / (float64(seconds) * surveyEvery.Seconds())
	}
	over := 0 // messages that must be handled before there is room
	if b.Messages > 0 {
		over = all - b.Messages + 1
	}
	if n := l.arrived.Load(); b.Bytes > 0 && n > 0 {
		mean := max(l.bytes.Load()/n, 1)
		over = max(over, int((int64(all)*mean-b.Bytes)/mean)+1)
	}
	if seconds >= paceLeast && !d.isPaused() {
		over = max(over, ready-int(max(pace, 1.0/paceWindow)*cmp.Or(b.Wait, DefaultWait).Seconds()))
	}
	if over <= 0 {
		l.refuse.Store(nil)
		return
	}
	wait := waitMost
	if pace > 0 {
		wait = min(max(time.Duration(float64(over)/pace*float64(time.Second)), waitLeast), waitMost)
	}
	l.refuse.Store(&backlogs{depth: all, wait: wait})
}

// admit refuses a unit from outside that would put into a queue beyond its bound.
func (rt *Runtime) admit(u *hub.Unit) error {
	for i := range u.Puts {
		p := &u.Puts[i]
		d := rt.queues[p.Queue]
		if d == nil || !p.Adds() || p.Error != nil || !p.Due.IsZero() {
			continue
		}
		if b := d.load.refuse.Load(); b != nil {
			return &hub.Error{Class: hub.Throttled, Reason: "backlog_full", After: b.wait,
				Err: fmt.Errorf("queue %s: %d messages wait; try again in %s: %w", p.Queue, b.depth, b.wait.Round(time.Second), hub.ErrFull)}
		}
	}
	return nil
}

// roomTime bounds the question whether the store has room.
const roomTime = 2 * time.Second

// lookForRoom asks the store whether it takes messages from outside. While it
// does not, the sources of pipelines that need it pause, and who waits for an
// answer is told at once, before any step has run.
func (rt *Runtime) lookForRoom(ctx context.Context, use *Use) {
	limit, cancel := context.WithTimeout(ctx, roomTime)
	defer cancel()
	err := rt.store.Room(limit)
	switch {
	case ctx.Err() != nil || errors.Is(err, hub.ErrClosed):
	case err == nil:
		use.Works()
		rt.blocked.Store(false)
		if rt.room.Swap(nil) != nil {
			rt.holdSources(false)
			rt.WakeAll()
		}
	default:
		e := hub.AsError(err)
		use.Fails(e)
		rt.room.Store(e)
		rt.holdSources(e.Reason == hub.DiskFull)
	}
}

// unkept says that the store could not keep what it was given.
func (rt *Runtime) unkept(err error) {
	e := hub.AsError(err)
	rt.Health.Part(PartStore, "").Use("", false).Fails(e)
	if e.Reason == hub.DiskFull {
		rt.blocked.Store(true)
		rt.room.Store(e)
	}
}

// Ready tells why the hub can take nothing from outside now; nil: it can.
func (rt *Runtime) Ready() error {
	if rt.stopping() {
		return hub.Fail(hub.Unavailable, hub.ReasonStopping, "the hub is stopping")
	}
	if e := rt.room.Load(); e != nil {
		return e
	}
	return nil
}

// full is Ready for want of disk alone: a store that is away may be back before who asks gives up.
func (rt *Runtime) full() error {
	if e := rt.room.Load(); e != nil && e.Reason == hub.DiskFull {
		return e
	}
	return nil
}

// holdSources pauses the sources that bring messages which the store must keep, but for those that tell their callers.
func (rt *Runtime) holdSources(on bool) {
	for _, f := range rt.sources {
		if f.stage.Keeps && !f.stage.Answers {
			f.hold(on)
		}
	}
}
