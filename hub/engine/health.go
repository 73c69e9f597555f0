package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/hub/mask"
)

// Health is what is known of the parts that a hub depends on: its adapters, its
// store, its own queues. It is set and reset here alone: whoever asks a part says
// so to its Use, and what a source lost or found again its feed says. A part that
// fails has one Outage, however many messages meet it: one line in the log when it
// begins, one when it is over. It counts what the parts and the stages do, too. A Health outlives the configurations that a hub runs.
type Health struct {
	Figures *figures.Set // what is counted

	clock hub.Clock
	log   *slog.Logger
	mask  atomic.Pointer[mask.Masker]
	now   atomic.Int64 // the time of the last look, or failure, in Unix nanoseconds: what works after a failure is no earlier

	mu     sync.Mutex
	parts  []*Part // in the order they were named
	stages map[string]*StageCount
}

// Kinds of parts.
const (
	PartAdapter = "adapter"
	PartStore   = "store"
	PartQueue   = "queue"
)

// Part is one part of a hub. Its fields are guarded by Health.mu.
type Part struct {
	h          *Health
	kind, name string
	uses       []*Use
	probe      func(context.Context) error // Adapter.Probe; nil: nobody can tell but by using it

	outage *Outage       // nil: it works
	well   time.Time     // since when nothing of it fails any more, while there is an outage
	ended  time.Time     // of the last outage
	quiet  time.Duration // how long it must be well for the outage to be over: longer for one that comes and goes

	probing bool
	next    time.Time     // of the next probe
	trial   time.Time     // when a waiting message may be tried next
	pause   time.Duration // after that: it grows while the probe says well and messages fail
	trying  bool          // one was just made to try
	trusted bool          // the probe alone said that it is well
	doubted bool          // it said so, and soon was wrong
}

// Use is one way that a part is used: an operation, a target, a source.
type Use struct {
	part       *Part
	name       string
	source     bool            // it is well when it says so itself, whatever else of the part works
	done, took *figures.Series // nil of a source, and of what is no adapter
	tries      atomic.Pointer[Tries]
	good       atomic.Int64 // when it worked last: Health.now
	bad        time.Time    // when it failed last; zero: not in this outage. This and what follows is guarded by Health.mu
	err        *hub.Error   // that failure
	heard      int64        // how many tries had ended when it was last looked at
	silent     time.Time    // since when there was no answer
	late       bool         // the silence has been told of
	patient    time.Duration
}

// Tries are those of a use since the part's last outage was over. Those that were begun
// before hang on in their old Tries: what they met is of that outage, however late they tell.
type Tries struct {
	use   *Use
	begun atomic.Int64
	ended atomic.Int64 // with an answer, or without
}

// Try is one try of a use that is under way.
type Try struct {
	of    *Tries
	began time.Time
}

// patience is how long a part may answer nobody before it is told of.
const patience = 3 * time.Second

// NewHealth is a Health of which nothing is known.
func NewHealth(clock hub.Clock, log *slog.Logger) *Health {
	return &Health{Figures: &figures.Set{}, clock: clock, log: log, stages: map[string]*StageCount{}}
}

// tick is the time, which is that of what works from now on, too.
func (h *Health) tick() time.Time {
	now := h.clock.Now()
	h.now.Store(now.UnixNano())
	return now
}

// Part finds a part, or makes it.
func (h *Health) Part(kind, name string) *Part {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.IndexFunc(h.parts, func(p *Part) bool { return p.kind == kind && p.name == name }); i >= 0 {
		return h.parts[i]
	}
	p := &Part{h: h, kind: kind, name: name}
	h.parts = append(h.parts, p)
	return p
}

// Retain forgets the adapters and stages that are not among the names, and their figures: the configuration has them no more.
func (h *Health) Retain(adapters, stages []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts = slices.DeleteFunc(h.parts, func(p *Part) bool {
		gone := p.kind == PartAdapter && !slices.Contains(adapters, p.name) || p.kind == PartQueue && p.outage == nil
		if gone && p.outage != nil {
			p.close(h.clock.Now(), "left the configuration")
		}
		return gone
	})
	maps.DeleteFunc(h.stages, func(name string, _ *StageCount) bool { return !slices.Contains(stages, name) })
	h.Figures.Retain(func(f *figures.Family, labels []string) bool {
		a, s := slices.Index(f.Labels, "adapter"), slices.Index(f.Labels, "stage")
		return (a < 0 || slices.Contains(adapters, labels[a])) && (s < 0 || slices.Contains(stages, labels[s]) || labels[s] == figures.Other)
	})
}

// Probed says who can tell whether the part is there; nil: nobody, but by using it.
func (p *Part) Probed(by func(context.Context) error) *Part {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	p.probe = by
	return p
}

// Use finds a way that the part is used, or makes it. source: it is one that brings messages.
func (p *Part) Use(name string, source bool) *Use {
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	if i := slices.IndexFunc(p.uses, func(u *Use) bool { return u.name == name }); i >= 0 {
		return p.uses[i]
	}
	u := &Use{part: p, name: name, source: source, patient: patience}
	if p.kind == PartAdapter && !source {
		u.done = p.h.Figures.Series(figures.Requests, p.name, name, figures.Done)
		u.took = p.h.Figures.Series(figures.RequestDuration, p.name, name)
	}
	u.renew()
	p.uses = append(p.uses, u)
	return u
}

// renew leaves the tries of an outage that is over to themselves.
func (u *Use) renew() {
	u.tries.Store(&Tries{use: u})
	u.bad, u.err = time.Time{}, nil
	u.heard, u.silent, u.late = 0, time.Time{}, false
}

// Begin says that the part is asked now. The end is told to what it gives.
func (u *Use) Begin() Try {
	t := u.tries.Load()
	t.begun.Add(1)
	return Try{t, u.part.h.clock.Now()}
}

// asked tells that tries are under way: how they end says more than a probe does.
func (u *Use) asked() bool {
	t := u.tries.Load()
	return t.ended.Load() < t.begun.Load()
}

// End says what the part answered to m, and gives err marked with the part, if the part is to blame.
func (y Try) End(m *hub.Message, err error) error {
	t := y.of
	t.ended.Add(1)
	u := t.use
	u.took.Observe(int64(u.part.h.clock.Now().Sub(y.began)))
	if err == nil {
		u.done.Add(1)
		u.Works()
		return nil
	}
	e := hub.AsError(err)
	u.part.h.Figures.Series(figures.Requests, u.part.name, u.name, string(e.Class)).Add(1)
	if !isOutage(e) {
		return err
	}
	c := *e
	c.Part, c.Trial = u.part.name, t.fails(e.Masked(u.part.h.mask.Load().About(m.Documents()...)))
	return &c
}

// Works says that it worked just now. It costs an atomic store.
func (u *Use) Works() { u.good.Store(u.part.h.now.Load()) }

// Fails says that it failed just now. trial: it was tried to find out whether it works again.
func (u *Use) Fails(e *hub.Error) (trial bool) { return u.tries.Load().fails(e) }

func (t *Tries) fails(e *hub.Error) (trial bool) {
	u, p := t.use, t.use.part
	now := p.h.tick()
	p.h.mu.Lock()
	defer p.h.mu.Unlock()
	if t != u.tries.Load() { // what it met has been told of, and is over
		return false
	}
	u.fail(e, now)
	trial, p.trying = p.trying, false
	return trial
}

func (u *Use) fail(e *hub.Error, now time.Time) {
	p := u.part
	u.bad, u.err, p.well = now, e, time.Time{}
	if p.outage == nil {
		p.open(e, now)
	}
	o := p.outage
	o.Class, o.Reason, o.Last, o.Next = e.Class, e.Reason, now, time.Time{}
	o.Failed++
	if !e.Untried() || o.Error == "" { // what was not tried has nothing to say of why
		o.Error = briefly(e)
	}
	if e.After > 0 {
		o.Next = now.Add(e.After)
	}
}

// trouble is the use's last failure, when it did not work since; "": none.
func (u *Use) trouble() string {
	u.part.h.mu.Lock()
	defer u.part.h.mu.Unlock()
	if u.bad.IsZero() || u.good.Load() >= u.bad.UnixNano() {
		return ""
	}
	return briefly(u.err)
}
