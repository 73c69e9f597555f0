package hub

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Stage is the part of a pipeline that runs in memory, between two places
// where the message lies in the store. A stage starts at a source, at a queue
// of the hub, after `reply`, and at a timer's address.
type Stage struct {
	Name    string // pipeline, or pipeline#n for the part after its n-th `reply`
	Queue   string // where its stored messages lie; for a stage fed from outside, where its retries lie
	Run     Next   // the steps
	React   Policy // nil: the classes' defaults
	Lanes   int    // messages in flight at most; 0: DefaultLanes
	Inbox   bool   // messages from outside carry IDs that are the same on redelivery: keep them in the inbox
	Trace   bool   // keep the history of every message; else of failures only
	Answers bool   // its source waits for a reply: errors go to the caller
}

// DefaultLanes bounds a stage's messages in flight. Most of a message's time
// is waiting for far ends and for the disk's flush, so lanes are many.
const DefaultLanes = 64

// conflictTries bounds the immediate re-runs after ErrConflict; past it the message is retried later.
const conflictTries = 20

// outcome is what became of a run, for the key's line.
type outcome uint8

const (
	settled outcome = iota // done, dead, or given to somebody else
	waits                  // waits for a retry: its key is blocked
	undone                 // released: the hub is stopping
)

// run handles one message: m from outside with d nil, or the stored d.
func (rt *Runtime) run(ctx context.Context, s *Stage, m *Message, d *Delivery) (*Message, outcome, error) {
	var x *Exchange
	var err error
	for try := 1; ; try++ {
		x = &Exchange{Msg: m, Unit: &Unit{Input: d}, Env: &rt.env, Trace: s.Trace || rt.sampled()}
		if d != nil {
			x.Vars = d.Vars
		}
		if err = protect(ctx, s.Run, x); err == nil {
			err = rt.commit(ctx, s, x, m)
		}
		x.Unit.unlock()
		if !errors.Is(err, ErrConflict) || try == conflictTries || ctx.Err() != nil {
			break
		}
		time.Sleep(time.Duration(try) * time.Millisecond)
	}
	switch {
	case err == nil:
		rt.metrics.done(s.Name)
		return x.Unit.Reply, settled, nil
	case errors.Is(err, ErrDuplicate):
		return nil, settled, nil
	case ctx.Err() != nil && d != nil && rt.stopping():
		return nil, undone, rt.store.Release(context.WithoutCancel(ctx), []*Delivery{d})
	}
	e := AsError(err)
	rt.metrics.failed(s.Name)
	if d == nil && s.Answers {
		return nil, settled, rt.refuse(ctx, s, m, e)
	}
	out, err := rt.react(ctx, s, m, d, e)
	return nil, out, err
}

// commit makes the exchange's unit durable, or publishes it directly when it has no store effects.
func (rt *Runtime) commit(ctx context.Context, s *Stage, x *Exchange, m *Message) error {
	u := x.Unit
	if !u.Effects() {
		for _, send := range u.Sends {
			if err := send.Target.Send(ctx, send.Msg); err != nil {
				return At(err, Place{Where: send.Queue}, send.Msg)
			}
		}
		if len(u.History) == 0 {
			return nil
		}
		u.Root, u.Correlation = m.Root(), x.Msg.Correlation
		return rt.Commit(ctx, u)
	}
	for _, send := range u.Sends {
		u.Puts = append(u.Puts, Put{Queue: send.Queue, Msg: send.Msg})
	}
	if u.Input == nil && s.Inbox {
		u.Inbox = s.Name + " " + m.ID
	}
	u.Root = m.Root()
	if u.Correlation = x.Msg.Correlation; u.Correlation == "" {
		u.Correlation = m.Correlation
	}
	return rt.Commit(ctx, u)
}

// sampled picks one message in sampleEvery: of a pipeline that passes messages
// through without the store, history is kept of those, and of failures.
func (rt *Runtime) sampled() bool { return rt.seen.Add(1)%sampleEvery == 0 }

const sampleEvery = 1024

// Commit commits a unit and wakes the stages that read the queues it puts to.
func (rt *Runtime) Commit(ctx context.Context, u *Unit) error {
	if err := rt.store.Commit(context.WithoutCancel(ctx), u); err != nil {
		return err
	}
	for i := range u.Puts {
		rt.wake(u.Puts[i].Queue)
	}
	return nil
}

// refuse tells the caller of a synchronous stage why its message was not
// taken. Declared error steps (send: orders.invalid) run all the same.
func (rt *Runtime) refuse(ctx context.Context, s *Stage, m *Message, e *Error) error {
	if r, _ := s.reaction(e); r.Steps != nil {
		if _, err := rt.react(ctx, s, m, nil, e); err != nil {
			rt.log.Warn("error steps failed", "stage", s.Name, "message", m.ID, "error", err)
		}
	}
	if e.Class == Bug {
		rt.log.Error("bug", "stage", s.Name, "message", m.ID, "where", e.Where, "error", e.Err)
	}
	return e
}

// reaction is what becomes of e's message: what the failed step says, with the
// message as it had it; else what the pipeline says, with the message as it came (nil).
func (s *Stage) reaction(e *Error) (Reaction, *Message) {
	if e.react != nil {
		if r, ok := e.react(e); ok {
			return r, e.msg
		}
	}
	if s.React != nil {
		return s.React(e), nil
	}
	return Reaction{}, nil
}

// react does what the error's class asks for, in a unit of its own.
func (rt *Runtime) react(ctx context.Context, s *Stage, m *Message, d *Delivery, e *Error) (outcome, error) {
	ctx = context.WithoutCancel(ctx)
	r, had := s.reaction(e)
	now := rt.clock.Now()
	u := &Unit{Input: d, Root: m.Root(), Correlation: m.Correlation}
	if r.Steps != nil {
		x := &Exchange{Msg: m, Unit: u, Env: &rt.env, Trace: true, Vars: Vars{{"error", e.Document()}}}
		if had != nil {
			x.Msg = had
		}
		x.Note(failedEvent(e, now))
		if err := protect(ctx, r.Steps, x); err != nil {
			u.unlock()
			e = AsError(err)
			u = &Unit{Input: d, Root: u.Root, Correlation: u.Correlation}
			r = Reaction{}
		} else {
			defer u.unlock()
			return settled, rt.commit(ctx, s, x, m)
		}
	}
	f := failure(e, now, rt.Config)
	tries := 0
	if d != nil {
		tries = d.Attempts
	}
	due, again, counts := rt.next(r, e, tries, now)
	ev := failedEvent(e, now)
	ev.Message = m.ID
	if again {
		ev.Detail += fmt.Sprintf("; again in %s", due.Sub(now).Round(10*time.Millisecond))
	} else {
		ev.Detail += "; dead letter"
		rt.log.Warn("dead letter", "stage", s.Name, "message", m.ID, "correlation", m.Correlation, "class", e.Class, "where", e.Where, "error", e.Error())
	}
	u.History = append(u.History, ev)
	if d == nil { // the hub takes over a message from outside
		put := Put{Queue: s.Queue, Msg: m, Error: f, Due: due}
		if counts {
			put.Tries = 1
		}
		u.Puts = append(u.Puts, put)
		if s.Inbox {
			u.Inbox = s.Name + " " + m.ID
		}
	} else if again {
		u.Finish = Finish{State: Waiting, Due: due, Tried: counts, Error: f}
	} else {
		u.Finish = Finish{State: Dead, Tried: true, Error: f}
	}
	err := rt.Commit(ctx, u)
	if errors.Is(err, ErrDuplicate) {
		return settled, nil
	}
	if again {
		return waits, err
	}
	return settled, err
}

// next decides whether and when a failed message runs again. Throttling and an
// open breaker cost no attempt.
func (rt *Runtime) next(r Reaction, e *Error, tries int, now time.Time) (due time.Time, again, counts bool) {
	policy := r.Retry
	if policy == nil {
		policy = DefaultRetry
	}
	if !policy.Takes(e.Class) {
		return time.Time{}, false, true
	}
	counts = e.Class != Throttled && e.Reason != "breaker_open" && e.Reason != "conflict"
	if counts && tries >= policy.Times {
		return time.Time{}, false, true
	}
	return now.Add(max(policy.Delay(tries+1), e.After)), true, counts
}

func failedEvent(e *Error, now time.Time) Event {
	detail := string(e.Class)
	if e.Reason != "" && e.Reason != string(e.Class) {
		detail += " " + e.Reason
	}
	return Event{Time: now, Where: e.Where, Line: e.Line, What: "failed", Detail: detail + ": " + e.Error()}
}

// protect runs steps; a panic becomes a Bug of that message alone.
func protect(ctx context.Context, run Next, x *Exchange) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Class: Bug, Reason: "panic", Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	return run(ctx, x)
}
