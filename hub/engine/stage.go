package engine

import (
	"cmp"
	"context"
	"errors"
	"time"

	"orderhub/hub"
	"orderhub/hub/mask"
)

// Stage is the part of a pipeline that runs in memory, between two places
// where the message lies in the store. A stage starts at a source, at a queue
// of the hub, after `reply`, and at a timer's address.
type Stage struct {
	Name    string        // pipeline, or pipeline#n for the part after its n-th `reply`
	From    string        // what feeds it, as refusals name it: "web POST /orders", "channel orders"
	Adapter string        // the one that feeds it from outside; "": none
	Queue   string        // where its stored messages lie; for a stage fed from outside, where its retries lie
	Run     hub.Next      // the steps
	React   hub.Policy    // nil: the classes' defaults
	Lanes   int           // messages in flight at most; 0: hub.DefaultLanes
	Bound   Bound         // how much may wait for it
	Inbox   bool          // messages from outside carry IDs that are the same on redelivery: keep them in the inbox
	Direct  bool          // messages reach what it does without its queue, too, while none of their key lies there: a stage with a source, an outbox
	Keeps   bool          // what it does with a message changes the store: nothing is taken in while that is full
	Failing bool          // history is kept of failures alone
	Keep    time.Duration // how long its history is kept; 0: as long as the store keeps what says nothing
	Bodies  time.Duration // how long the body before and after each step is kept; 0: it is not
	Answers bool          // its source waits for a reply: errors go to the caller
	Replies bool          // it answers the messages that carry a Return Address; their errors go to the caller
	Clock   bool          // it has one message, the Tick, which falls due again and again: it is given anew when the runtime begins, and is no work under way while it waits

	count *StageCount // set by AddStage
}

// outcome is what became of a run, for the key's line.
type outcome uint8

const (
	settled outcome = iota // done, or dead
	waits                  // waits for a retry: its key is blocked
	undone                 // released: it is not run now, such as when the hub is stopping
	lost                   // its claim ended first: replaced by its name, or another hub took the queue over and has it
)

// run handles one message: m from outside with d nil, or the stored d.
func (rt *Runtime) run(ctx context.Context, s *Stage, m *hub.Message, d *hub.Delivery) (*hub.Message, outcome, error) {
	asked := s.asked(m)
	if d == nil || d.Attempts == 0 && d.Error == nil {
		rt.Taps.saw(s.Name, m)
	}
	m, at, began := rt.enter(m)
	if asked && !s.Answers {
		if reply, err := rt.kept(ctx, s, m); err != nil || reply != nil {
			out, err := rt.again(ctx, m, d, reply, err)
			return reply, out, err
		}
	}
	x, err := rt.attempt(ctx, s, m, d, at, asked)
	if err == nil {
		err = rt.publish(ctx, x, m)
	}
	return rt.conclude(ctx, s, m, d, x, began, err)
}

// runLater is run of a message from outside that nobody asks with. done gets the error; see hub.HandleLater.
func (rt *Runtime) runLater(ctx context.Context, s *Stage, m *hub.Message, done func(error)) {
	rt.Taps.saw(s.Name, m)
	m, at, began := rt.enter(m)
	x, err := rt.attempt(ctx, s, m, nil, at, false)
	end := func(err error) {
		_, _, err = rt.conclude(ctx, s, m, nil, x, began, err)
		done(err)
	}
	if u := x.Unit; err == nil && !u.Effects() && len(u.Sends) == 1 {
		if to, ok := u.Sends[0].Target.(hub.Later); ok {
			to.SendLater(ctx, u.Sends[0].Msg, func(err error) {
				if err == nil {
					rt.passed(x, m)
					end(nil)
				} else {
					go end(hub.At(err, u.Sends[0].Queue, "")) // the reaction to it may take long
				}
			})
			return
		}
	}
	if err == nil {
		err = rt.publish(ctx, x, m)
	}
	end(err)
}

// conclude does what follows from the end of a run: it began at began, and err is why it failed.
func (rt *Runtime) conclude(ctx context.Context, s *Stage, m *hub.Message, d *hub.Delivery, x *hub.Exchange, began time.Time, err error) (*hub.Message, outcome, error) {
	took := rt.clock.Now().Sub(began)
	rt.ends(s, d, x, began, took, err)
	switch {
	case err == nil:
		s.count.worked(took)
		rt.keepBodies(s, x)
		rt.finished(s, m, d, x)
		return x.Unit.Reply, settled, nil
	case errors.Is(err, hub.ErrDuplicate):
		return nil, settled, nil
	case errors.Is(err, hub.ErrLost):
		return nil, lost, nil
	case d != nil && rt.stopping() && hub.AsError(err).Reason != hub.Ambiguous && (ctx.Err() != nil || hub.AsError(err).Reason == hub.ReasonStopping):
		return nil, undone, rt.store.Release(context.WithoutCancel(ctx), []*hub.Delivery{d})
	}
	if rt.store.Err() != nil { // no failure of the message: the hub ends, and what is stored is as it was
		return nil, undone, hub.Fail(hub.Unavailable, "store_failed", "%w", rt.store.Err())
	}
	rt.keepBodies(s, x)
	err = x.Outcome(rt.masked(err, m))
	s.count.failed(hub.AsError(err), took)
	if d == nil && s.asked(m) {
		reply, err := rt.refuse(ctx, s, m, x, err)
		return reply, settled, err
	}
	out, err := rt.react(ctx, s, m, d, err, x.Unit)
	return nil, out, err
}

// attempt runs the steps and commits what they did, again while another unit was quicker.
func (rt *Runtime) attempt(ctx context.Context, s *Stage, m *hub.Message, d *hub.Delivery, at hub.Span, asked bool) (*hub.Exchange, error) {
	return rt.env.RetryConflicts(ctx, func() *hub.Exchange {
		x := hub.NewExchange(handled(m, asked), &rt.env)
		x.Unit.Span, x.Unit.Keep, x.Unit.Input, x.Trace = at, s.Keep, d, !s.Failing || d != nil && d.Error != nil
		if s.Bodies > 0 && x.Trace {
			x.Bodies = &hub.Bodies{}
		}
		if d != nil {
			x.Vars, x.Unit.History = d.Vars, repeated(d, rt.clock)
		}
		return x
	}, func(x *hub.Exchange) error {
		err := hub.Protect(ctx, s.Run, x)
		if err == nil {
			if asked && !s.Answers && x.Unit.Reply != nil && x.Unit.Effects() {
				rt.keep(s, x.Unit, m)
			}
			err = rt.commit(ctx, s, x, m)
		}
		return err
	})
}

// finished answers the requester of a message whose unit is committed.
func (rt *Runtime) finished(s *Stage, m *hub.Message, d *hub.Delivery, x *hub.Exchange) {
	asked := s.asked(m)
	if asked && !s.Answers && x.Unit.Reply == nil {
		x.Unit.Reply = rt.nothing(m)
	}
	if asked && d != nil {
		rt.answer(m, answer{reply: x.Unit.Reply})
	}
}

// handled is m as a stage's steps see it. The expiry of a request that they answer
// says how long somebody waits for the answer; what else they send does not end with it.
func handled(m *hub.Message, asked bool) *hub.Message {
	if !asked || m.Expires.IsZero() {
		return m
	}
	c := *m
	c.Expires = time.Time{}
	return &c
}

// source is what feeds the stage.
func (s *Stage) source() string { return cmp.Or(s.From, s.Name) }

// commit makes the exchange's unit durable. A unit without effects in the store is left to publish, unless an outbox has what goes before it.
func (rt *Runtime) commit(ctx context.Context, s *Stage, x *hub.Exchange, m *hub.Message) error {
	u := x.Unit
	if !u.Effects() {
		if held, err := rt.behind(ctx, u.Sends); !held || err != nil {
			return err
		}
	}
	if u.Input == nil {
		if err := rt.admit(u); err != nil {
			return err
		}
		if s.Inbox {
			u.Inbox = s.Name + " " + m.ID
		}
		rt.Index.note(u, m)
	}
	return rt.save(ctx, x, m.Root(), cmp.Or(x.Msg.Correlation, m.Correlation))
}

// publish sends what a unit without effects in the store sends.
func (rt *Runtime) publish(ctx context.Context, x *hub.Exchange, m *hub.Message) error {
	if x.Unit.Effects() {
		return nil
	}
	for _, send := range x.Unit.Sends {
		if err := send.Target.Send(ctx, send.Msg); err != nil {
			return hub.At(err, send.Queue, "")
		}
	}
	rt.passed(x, m)
	return nil
}

// passed notes the history of a unit without effects that is published; who looks on is told.
func (rt *Runtime) passed(x *hub.Exchange, m *hub.Message) {
	u := x.Unit
	for _, send := range u.Sends {
		rt.Taps.saw(send.Queue, send.Msg)
	}
	if len(u.History) == 0 {
		return
	}
	u.Root, u.Correlation = m.Root(), x.Msg.Correlation
	rt.Index.note(u, m)
	rt.notes.passed(u)
}

// save commits x's unit, with its sends in their outboxes.
func (rt *Runtime) save(ctx context.Context, x *hub.Exchange, root, correlation string) error {
	u := x.Unit
	for _, send := range u.Sends {
		u.Puts = append(u.Puts, hub.Put{Queue: send.Queue, Msg: send.Msg})
	}
	u.Sends = nil
	u.Root, u.Correlation = root, correlation
	return rt.Commit(ctx, u)
}

// behind tells that an earlier message of a send's key still lies in its
// outbox: then this one must go the same way.
func (rt *Runtime) behind(ctx context.Context, sends []hub.Send) (bool, error) {
	for i := range sends {
		if q := rt.queues[sends[i].Queue]; q != nil {
			if held, err := q.holds(ctx, sends[i].Msg.Key); held || err != nil {
				return held, err
			}
		}
	}
	return false, nil
}

// Commit commits a unit and wakes the stages that read the queues it puts to.
func (rt *Runtime) Commit(ctx context.Context, u *hub.Unit) error {
	maskUnit(rt.env.Mask, u)
	if u.Terms == nil {
		rt.Index.note(u, nil)
	}
	if err := rt.store.Commit(context.WithoutCancel(ctx), u); err != nil {
		return err
	}
	for i := range u.Puts {
		rt.Taps.saw(u.Puts[i].Queue, u.Puts[i].Msg)
		if d := rt.queues[u.Puts[i].Queue]; d != nil {
			d.came(&u.Puts[i])
		}
	}
	if u.Finish.State == hub.Dead {
		if d := rt.queues[u.Input.Queue]; d != nil {
			d.stage.count.buried(u.Finish.Error.Class)
		}
	}
	return nil
}

// maskUnit masks the texts of u: its history, and why its messages wait or are dead.
func maskUnit(m *mask.Masker, u *hub.Unit) {
	for i := range u.History {
		u.History[i].Detail = m.Text(u.History[i].Detail)
	}
	for _, past := range u.Past {
		maskUnit(m, past)
	}
	for i := range u.Puts {
		maskFailure(m, u.Puts[i].Error)
	}
	maskFailure(m, u.Finish.Error)
}

func maskFailure(m *mask.Masker, f *hub.Failure) {
	for ; f != nil; f = f.First {
		f.Message = m.Text(f.Message)
	}
}
