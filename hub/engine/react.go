package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"orderhub/hub"
)

// refuse tells the requester of a message from outside why it failed. Declared
// error steps (send: orders.invalid) run all the same, and a reply that they give is the answer. Else who waits at the source
// (Answers) gets the error. Who gave a Return Address gets a reply that says it;
// what failed for now is an error of class unavailable instead: the source brings
// the message again until the request expires. x is the run that failed.
func (rt *Runtime) refuse(ctx context.Context, s *Stage, m *hub.Message, x *hub.Exchange, failed error) (*hub.Message, error) {
	first := hub.AsError(failed)
	e, r, by := first, hub.Reaction{}, (*hub.Exchange)(nil)
	if first.Reason != hub.ReasonStopping || !rt.stopping() {
		by, e, r = rt.handled(ctx, s, m, nil, failed, x.Unit)
	}
	if due, again, _ := rt.next(r, e, 0, rt.clock.Now()); by == nil && again && !s.Answers {
		return nil, &hub.Error{Class: hub.Unavailable, Reason: e.Reason, Where: e.Where, Line: e.Line, After: due.Sub(rt.clock.Now()), Err: e, Cause: e.Cause}
	}
	note := hub.RefusalOf(m, first)
	note.Correlation, note.Text = x.Msg.Correlation, e.Chain(hub.MaxText)
	rt.Refuser(s.source()).Refused(note)
	if first.Class == hub.Bug {
		rt.log.Error("bug", "stage", s.Name, "message", m.ID, "where", first.Where, "error", e)
	}
	if by != nil && by.Unit.Reply != nil {
		return by.Unit.Reply, nil
	}
	if s.Answers {
		return nil, first
	}
	if first.Class == hub.Bug && by == nil { // as of a request that lies in the store: what we did wrong is not for the requester alone
		u, _ := rt.aftermath(s.final(), m, nil, e, hub.Reaction{Retry: hub.Never}, x.Unit)
		if err := ignoreDuplicate(rt.Commit(ctx, u)); err != nil {
			return nil, err
		}
	}
	return hub.ErrorReply(m, first), nil
}

// masked is failed as it may be told and kept: what m, and the message as it was at the step, say in confidence is masked.
func (rt *Runtime) masked(failed error, m *hub.Message) error {
	return hub.Masked(failed, rt.env.Mask.About(m.Documents()...))
}

// reaction is what becomes of the message that failed: what the steps say that
// the error came out of, with the message as they had it; else what otherwise
// says, with the message as it came (nil).
func reaction(failed error, otherwise hub.Policy) (hub.Reaction, *hub.Message) {
	if r, had, ok := hub.ReactionTo(failed); ok {
		return r, had
	}
	if otherwise != nil {
		return otherwise(hub.AsError(failed)), nil
	}
	return hub.Reaction{}, nil
}

// handled runs the steps that react to the error, if there are any; by is their run, which
// ended the message. nil: e is what it waits or dies for, and r says which: e came
// up in the steps where they failed, and its Cause is what they were to handle.
func (rt *Runtime) handled(ctx context.Context, s *Stage, m *hub.Message, d *hub.Delivery, failed error, of *hub.Unit) (by *hub.Exchange, e *hub.Error, r hub.Reaction) {
	e = hub.AsError(failed)
	r, had := reaction(failed, s.React)
	for r.Steps != nil {
		by, err := rt.errorSteps(ctx, s, m, d, e, r.Steps, had, of)
		if err == nil || errors.Is(err, hub.ErrDuplicate) {
			return by, e, r
		}
		failed = rt.masked(err, m)
		e = hub.During(failed, e)
		r, had = reaction(failed, nil)
	}
	return nil, e, r
}

// react does what the error's class asks for, in a unit of its own. of is
// the unit of the run that failed: its history is kept.
func (rt *Runtime) react(ctx context.Context, s *Stage, m *hub.Message, d *hub.Delivery, failed error, of *hub.Unit) (outcome, error) {
	ctx = context.WithoutCancel(ctx)
	first := hub.AsError(failed)
	by, e, r := rt.handled(ctx, s, m, d, failed, of)
	if by != nil {
		if d != nil && s.asked(m) {
			rt.tell(s, m, first, by.Unit.Reply)
		}
		return settled, nil
	}
	u, again := rt.aftermath(s, m, d, e, r, of)
	blocked := false
	if q := rt.queues[s.Queue]; again && d == nil && q != nil { // before the retry lies there: it may be over before Commit returns
		blocked = q.block(m.Key)
	}
	err := rt.Commit(ctx, u)
	if err != nil && blocked {
		rt.queues[s.Queue].unblock(m.Key)
	}
	switch {
	case errors.Is(err, hub.ErrDuplicate):
		return settled, nil
	case errors.Is(err, hub.ErrLost):
		return lost, nil
	}
	if again && err == nil {
		rt.delayed(s, e)
		return waits, nil
	}
	if !again && d != nil && s.asked(m) {
		rt.tell(s, m, first, nil)
	}
	return settled, err
}

// errorSteps runs the steps of an `errors:` entry. They end the message.
func (rt *Runtime) errorSteps(ctx context.Context, s *Stage, m *hub.Message, d *hub.Delivery, e *hub.Error, steps hub.Next, had *hub.Message, of *hub.Unit) (*hub.Exchange, error) {
	ctx = context.WithoutCancel(ctx)
	x, err := rt.env.RetryConflicts(ctx, func() *hub.Exchange {
		x := hub.NewExchange(cmp.Or(had, m), &rt.env)
		x.Trace, x.Vars = true, hub.Vars{{Name: "error", Value: e.Document()}}
		x.Unit.Span, x.Unit.Keep, x.Unit.Input, x.Unit.History = of.Span, of.Keep, d, append(x.Unit.History, of.History...)
		x.Note(failedEvent(e, rt.clock.Now()))
		return x
	}, func(x *hub.Exchange) error {
		err := hub.Protect(ctx, steps, x)
		if err == nil {
			err = rt.commit(ctx, s, x, m)
		}
		return err
	})
	if err == nil {
		err = rt.publish(ctx, x, m)
	}
	return x, err
}

// delayed says that a message of the stage waits for another try. Where no part is to blame, its queue is told of.
func (rt *Runtime) delayed(s *Stage, e *hub.Error) {
	if e.Part != "" || e.Class.Transient() && !isOutage(e) {
		return
	}
	u := rt.Health.Part(PartQueue, s.Queue).Use(e.Where, false)
	s.count.queue.Store(u)
	u.Fails(e)
}

// aftermath is the unit that puts a failed message where it waits for another
// try (again), or makes it a dead letter.
func (rt *Runtime) aftermath(s *Stage, m *hub.Message, d *hub.Delivery, e *hub.Error, r hub.Reaction, of *hub.Unit) (u *hub.Unit, again bool) {
	now := rt.clock.Now()
	f := failure(e, now, rt.Config)
	tries, repeats := 0, false
	if d != nil {
		tries, repeats = d.Attempts, follows(f, d.Error, e)
	}
	due, again, counts := rt.next(r, e, tries, now)
	ev := failedEvent(e, now)
	ev.Message = m.ID
	switch {
	case again && repeats: // counted in its failure: a history row for each try would fill the store
		return &hub.Unit{Input: d, Root: m.Root(), Correlation: m.Correlation,
			Finish: hub.Finish{State: hub.Waiting, Due: due, Tried: counts, Error: f, Await: e.Awaits()}}, true
	case again:
		ev.Detail += fmt.Sprintf("; again in %s", due.Sub(now).Round(10*time.Millisecond))
	case d != nil && s.asked(m) && e.Class != hub.Bug:
		ev.Detail += "; told the requester"
		return &hub.Unit{Input: d, Root: m.Root(), Correlation: m.Correlation, Span: of.Span, Keep: of.Keep, History: append(of.History, ev)}, false
	default:
		ev.Detail += "; dead letter"
		if rt.dead.First(deadCause{s.Name, f.Cause}, now) {
			rt.log.Warn("dead letter", "stage", s.Name, "group", f.Cause, "message", m.ID, "correlation", m.Correlation, "class", e.Class, "where", e.Where, "error", e)
		}
	}
	u = &hub.Unit{Input: d, Root: m.Root(), Correlation: m.Correlation, Span: of.Span, Keep: of.Keep, History: append(of.History, ev)}
	switch {
	case d == nil: // the hub takes over a message from outside
		put := hub.Put{Queue: s.Queue, Msg: m, Error: f, Due: due}
		if again {
			put.Await = e.Awaits()
		}
		if counts {
			put.Tries = 1
		}
		u.Puts = append(u.Puts, put)
		if s.Inbox {
			u.Inbox = s.Name + " " + m.ID
		}
	case again:
		u.Finish = hub.Finish{State: hub.Waiting, Due: due, Tried: counts, Error: f, Await: e.Awaits()}
	default:
		u.Finish = hub.Finish{State: hub.Dead, Tried: true, Error: f}
	}
	return u, again
}

// next decides whether and when a failed message runs again; zero: it does not.
func (rt *Runtime) next(r hub.Reaction, e *hub.Error, tries int, now time.Time) (due time.Time, again, counts bool) {
	policy := cmp.Or(r.Retry, hub.DefaultRetry)
	delay := policy.Delay
	if rt.manual {
		delay = policy.Longest
	}
	pause, again, counts := policy.Next(e, tries, delay)
	if !again {
		return time.Time{}, false, counts
	}
	return now.Add(pause), true, counts
}

func failedEvent(e *hub.Error, now time.Time) hub.Event {
	at := *e
	at.Where = ""
	return hub.Event{Time: now, Where: e.Where, Line: e.Line, What: "failed", Detail: at.Label() + ": " + e.Chain(hub.MaxText)}
}

// repeated is the event of what a message met again and again before this run; nil: nothing.
func repeated(d *hub.Delivery, clock hub.Clock) []hub.Event {
	if d == nil || d.Error == nil || d.Error.Times < 2 {
		return nil
	}
	f := d.Error
	return []hub.Event{{Time: clock.Now(), Message: d.Msg.ID, Where: f.Where, What: "retried", Detail: hub.RetriedText(f.Times, f.Since, f.Time, f.Message)}}
}

// causeNoise are the values in a text: what is quoted, and words with a digit, such as numbers, times and identifiers.
var causeNoise = regexp.MustCompile(`"[^"]*"|[0-9A-Za-z_.:/+-]*[0-9][0-9A-Za-z_.:/+-]*`)

// follows makes f, the stored form of e, the failure that follows before. It tells
// whether it is the same once more; what was not even tried says nothing new.
func follows(f, before *hub.Failure, e *hub.Error) (again bool) {
	if before == nil || before.Cause != f.Cause && !e.Untried() {
		return false
	}
	f.Since, f.Times = before.Since, before.Times+1
	if e.Untried() {
		f.Class, f.Reason, f.Message, f.Cause = before.Class, before.Reason, before.Message, before.Cause
	}
	return true
}

// failure is the stored form of e. The group is of failures of one kind: the
// class, the place and the message without its values, of e and of what led to it.
func failure(e *hub.Error, now time.Time, config string) *hub.Failure {
	f := &hub.Failure{Times: 1, Since: now, Class: e.Class, Reason: e.Reason, Where: e.Where, Line: e.Line, Message: hub.Clip(e.Error(), hub.MaxText), Time: now, Config: config}
	kind := ""
	for c := e; c != nil; c = c.Cause {
		kind += string(c.Class) + "|" + c.Where + "|" + causeNoise.ReplaceAllString(hub.Clip(c.Error(), hub.MaxText), "…")
	}
	if e.Cause != nil {
		f.First = failure(e.Cause, time.Time{}, "")
	}
	f.Cause = "g" + hub.HashID(kind)[:6]
	return f
}
