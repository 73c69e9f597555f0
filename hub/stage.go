package hub

import (
	"cmp"
	"context"
	"errors"
	"runtime/debug"
	"time"
)

// Stage is the part of a pipeline that runs in memory, between two places
// where the message lies in the store. A stage starts at a source, at a queue
// of the hub, after `reply`, and at a timer's address.
type Stage struct {
	Name    string // pipeline, or pipeline#n for the part after its n-th `reply`
	From    string // what feeds it, as refusals name it: "web POST /orders", "channel orders"
	Adapter string // the one that feeds it from outside; "": none
	Queue   string // where its stored messages lie; for a stage fed from outside, where its retries lie
	Run     Next   // the steps
	React   Policy // nil: the classes' defaults
	Lanes   int    // messages in flight at most; 0: DefaultLanes
	Bound   Bound  // how much may wait for it
	Inbox   bool   // messages from outside carry IDs that are the same on redelivery: keep them in the inbox
	Direct  bool   // messages reach what it does without its queue, too, while none of their key lies there: a stage with a source, an outbox
	Trace   bool   // keep the history of every message; else of failures only
	Answers bool   // its source waits for a reply: errors go to the caller
	Replies bool   // it answers the messages that carry a Return Address; their errors go to the caller
}

// DefaultLanes bounds a stage's messages in flight. Most of a message's time
// is waiting for far ends and for the disk's flush, so lanes are many.
const DefaultLanes = 64

// conflictTries bounds the immediate re-runs after ErrConflict; past it the message is retried later.
const conflictTries = 20

// outcome is what became of a run, for the key's line.
type outcome uint8

const (
	settled outcome = iota // done, or dead
	waits                  // waits for a retry: its key is blocked
	undone                 // released: it is not run now, such as when the hub is stopping
	lost                   // its claim ended first: replaced by its name, or another hub took the queue over and has it
)

// run handles one message: m from outside with d nil, or the stored d.
func (rt *Runtime) run(ctx context.Context, s *Stage, m *Message, d *Delivery) (*Message, outcome, error) {
	asked := s.asked(m)
	if asked && !s.Answers {
		if reply, err := rt.kept(ctx, s, m); err != nil || reply != nil {
			out, err := rt.again(ctx, m, d, reply, err)
			return reply, out, err
		}
	}
	x, err := retryConflicts(ctx, func(again bool, wanted []int) (*Exchange, error) {
		x := NewExchange(m.handled(asked, s.Adapter != ""), &rt.env)
		x.Unit.Input, x.Trace, x.Again = d, s.Trace || d != nil || m.traced() || rt.sampled(), again
		if d != nil {
			x.Vars, x.Unit.History = d.Vars, repeated(d, rt.clock)
		}
		x.lockAll(wanted)
		err := Protect(ctx, s.Run, x)
		if err == nil {
			if asked && !s.Answers && x.Unit.Reply != nil && x.Unit.Effects() {
				rt.keep(s, x.Unit, m)
			}
			err = rt.commit(ctx, s, x, m)
		}
		return x, err
	})
	switch {
	case err == nil:
		rt.Counts.done(s.Name)
		if asked && !s.Answers && x.Unit.Reply == nil {
			x.Unit.Reply = rt.nothing(m)
		}
		if asked && d != nil {
			rt.answer(m, answer{reply: x.Unit.Reply})
		}
		return x.Unit.Reply, settled, nil
	case errors.Is(err, ErrDuplicate):
		return nil, settled, nil
	case errors.Is(err, ErrLost):
		return nil, lost, nil
	case d != nil && rt.stopping() && AsError(err).Reason != Ambiguous && (ctx.Err() != nil || AsError(err).Reason == reasonStopping):
		return nil, undone, rt.store.Release(context.WithoutCancel(ctx), []*Delivery{d})
	}
	if rt.store.Err() != nil { // no failure of the message: the hub ends, and what is stored is as it was
		return nil, undone, Fail(Unavailable, "store_failed", "%w", rt.store.Err())
	}
	err = x.Outcome(rt.masked(err, m))
	rt.Counts.failed(s.Name)
	if d == nil && asked {
		reply, err := rt.refuse(ctx, s, m, x, err)
		return reply, settled, err
	}
	out, err := rt.react(ctx, s, m, d, err, x.Unit.History)
	return nil, out, err
}

// retryConflicts runs a unit of work again as long as another one changed a record that it had read; past conflictTries the
// message is retried later. run gets the stripes that the run before asked for, and need not unlock those of its unit.
func retryConflicts(ctx context.Context, run func(again bool, wanted []int) (*Exchange, error)) (x *Exchange, err error) {
	var wanted []int
	for try := 1; ; try++ {
		x, err = run(try > 1, wanted)
		wanted = x.Unit.unlock()
		if !errors.Is(err, ErrConflict) || errors.Is(err, ErrLost) || try == conflictTries || ctx.Err() != nil {
			return x, err
		}
		time.Sleep(time.Duration(try) * time.Millisecond)
	}
}

// source is what feeds the stage.
func (s *Stage) source() string { return cmp.Or(s.From, s.Name) }

// commit makes the exchange's unit durable, or publishes it directly when it has no store effects.
func (rt *Runtime) commit(ctx context.Context, s *Stage, x *Exchange, m *Message) error {
	u := x.Unit
	direct := !u.Effects()
	if direct {
		held, err := rt.behind(ctx, u.Sends)
		if err != nil {
			return err
		}
		direct = !held
	}
	if direct {
		for _, send := range u.Sends {
			if err := send.Target.Send(ctx, send.Msg); err != nil {
				return At(err, send.Queue, "")
			}
		}
		if len(u.History) == 0 {
			return nil
		}
		u.Root, u.Correlation = m.Root(), x.Msg.Correlation
		if err := rt.Commit(ctx, u); err != nil { // what it tells of is done: it must not come again for that
			rt.unkept(err)
		}
		return nil
	}
	if u.Input == nil {
		if err := rt.admit(u); err != nil {
			return err
		}
		if s.Inbox {
			u.Inbox = s.Name + " " + m.ID
		}
	}
	return rt.save(ctx, x, m.Root(), cmp.Or(x.Msg.Correlation, m.Correlation))
}

// save commits x's unit, with its sends in their outboxes.
func (rt *Runtime) save(ctx context.Context, x *Exchange, root, correlation string) error {
	u := x.Unit
	for _, send := range u.Sends {
		u.Puts = append(u.Puts, Put{Queue: send.Queue, Msg: send.Msg})
	}
	u.Sends = nil
	u.Root, u.Correlation = root, correlation
	return rt.Commit(ctx, u)
}

// behind tells that an earlier message of a send's key still lies in its
// outbox: then this one must go the same way.
func (rt *Runtime) behind(ctx context.Context, sends []Send) (bool, error) {
	for i := range sends {
		if q := rt.queues[sends[i].Queue]; q != nil {
			if held, err := q.holds(ctx, sends[i].Msg.Key); held || err != nil {
				return held, err
			}
		}
	}
	return false, nil
}

// sampled picks one message in sampleEvery: of a pipeline that passes messages
// through without the store, history is kept of those, and of failures.
func (rt *Runtime) sampled() bool { return rt.seen.Add(1)%sampleEvery == 0 }

const sampleEvery = 1024

// Commit commits a unit and wakes the stages that read the queues it puts to.
func (rt *Runtime) Commit(ctx context.Context, u *Unit) error {
	rt.env.Mask.unit(u)
	if err := rt.store.Commit(context.WithoutCancel(ctx), u); err != nil {
		return err
	}
	for i := range u.Puts {
		if d := rt.queues[u.Puts[i].Queue]; d != nil {
			d.came(&u.Puts[i])
		}
	}
	return nil
}

// Panicked is the error of a panic that was recovered, with the stack of the goroutine that calls it.
func Panicked(p any) *Error { return Fail(Bug, "panic", "panic: %v\n%s", p, debug.Stack()) }

// Protect runs steps; a panic becomes a Bug of that message alone.
func Protect(ctx context.Context, run Next, x *Exchange) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Panicked(p)
		}
	}()
	return run(ctx, x)
}
