package hub

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// refuse tells the caller of a synchronous stage why its message was not
// taken. Declared error steps (send: orders.invalid) run all the same. correlation
// is what the steps that ran made of it.
func (rt *Runtime) refuse(ctx context.Context, s *Stage, m *Message, correlation string, e *Error) error {
	final := s.Answers || !e.Class.Transient() // a broker brings what failed for now again
	if final {
		r := RefusalOf(m, e)
		r.Correlation = correlation
		rt.Refuser(s.source()).Refused(r)
	}
	if r, _ := s.reaction(e); r.Steps != nil && final {
		if _, err := rt.react(ctx, s, m, nil, e, nil); err != nil {
			rt.log.Warn("error steps failed", "stage", s.Name, "message", m.ID, "error", err)
		}
	}
	if e.Class == Bug {
		rt.log.Error("bug", "stage", s.Name, "message", m.ID, "where", e.Where, "error", e.Err)
	}
	return e
}

// masked is err as it may be told and kept: what m, and the message as it was at the step, say in confidence is masked.
func (rt *Runtime) masked(err error, m *Message) *Error {
	e := AsError(err)
	return rt.env.Mask.About(m, e.msg).Error(e)
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

// react does what the error's class asks for, in a unit of its own. notes are
// the history of the run that failed.
func (rt *Runtime) react(ctx context.Context, s *Stage, m *Message, d *Delivery, e *Error, notes []Event) (outcome, error) {
	ctx = context.WithoutCancel(ctx)
	r, had := s.reaction(e)
	if r.Steps != nil {
		err := rt.errorSteps(ctx, s, m, d, e, r.Steps, had, notes)
		if err == nil || errors.Is(err, ErrDuplicate) {
			if d != nil && s.asked(m) {
				rt.answer(m, answer{err: e})
			}
			return settled, nil
		}
		e, r = rt.masked(err, m), Reaction{} // the reaction failed: the message waits for another try, or is a dead letter
	}
	u, again := rt.aftermath(s, m, d, e, r, notes)
	blocked := false
	if q := rt.queues[s.Queue]; again && d == nil && q != nil { // before the retry lies there: it may be over before Commit returns
		blocked = q.block(m.Key)
	}
	err := rt.Commit(ctx, u)
	if err != nil && blocked {
		rt.queues[s.Queue].unblock(m.Key)
	}
	if errors.Is(err, ErrDuplicate) {
		return settled, nil
	}
	if again && err == nil {
		return waits, nil
	}
	if !again && d != nil && s.asked(m) {
		rt.answer(m, answer{err: e})
	}
	return settled, err
}

// errorSteps runs the steps of an `errors:` entry. They end the message.
func (rt *Runtime) errorSteps(ctx context.Context, s *Stage, m *Message, d *Delivery, e *Error, steps Next, had *Message, notes []Event) error {
	for try := 1; ; try++ {
		x := &Exchange{Msg: m, Unit: &Unit{Input: d}, Env: &rt.env, Trace: true, Again: try > 1, Vars: Vars{{"error", e.Document()}}}
		if had != nil {
			x.Msg = had
		}
		x.Unit.History = append(x.Unit.History, notes...)
		x.Note(failedEvent(e, rt.clock.Now()))
		err := Protect(ctx, steps, x)
		if err == nil {
			err = rt.commit(ctx, s, x, m)
		}
		x.Unit.unlock()
		if !errors.Is(err, ErrConflict) || errors.Is(err, ErrLost) || try == conflictTries {
			return err
		}
	}
}

// aftermath is the unit that puts a failed message where it waits for another
// try (again), or makes it a dead letter.
func (rt *Runtime) aftermath(s *Stage, m *Message, d *Delivery, e *Error, r Reaction, notes []Event) (u *Unit, again bool) {
	now := rt.clock.Now()
	f := failure(e, now, rt.Config)
	tries := 0
	if d != nil {
		tries = d.Attempts
	}
	due, again, counts := rt.next(r, e, tries, now)
	ev := failedEvent(e, now)
	ev.Message = m.ID
	switch {
	case again:
		ev.Detail += fmt.Sprintf("; again in %s", due.Sub(now).Round(10*time.Millisecond))
	case d != nil && s.asked(m) && e.Class != Bug:
		ev.Detail += "; told the requester"
		return &Unit{Input: d, Root: m.Root(), Correlation: m.Correlation, History: append(notes, ev)}, false
	default:
		ev.Detail += "; dead letter"
		rt.log.Warn("dead letter", "stage", s.Name, "message", m.ID, "correlation", m.Correlation, "class", e.Class, "where", e.Where, "error", e.Error())
	}
	u = &Unit{Input: d, Root: m.Root(), Correlation: m.Correlation, History: append(notes, ev)}
	switch {
	case d == nil: // the hub takes over a message from outside
		put := Put{Queue: s.Queue, Msg: m, Error: f, Due: due}
		if counts {
			put.Tries = 1
		}
		u.Puts = append(u.Puts, put)
		if s.Inbox {
			u.Inbox = s.Name + " " + m.ID
		}
	case again:
		u.Finish = Finish{State: Waiting, Due: due, Tried: counts, Error: f}
	default:
		u.Finish = Finish{State: Dead, Tried: true, Error: f}
	}
	return u, again
}

// next decides whether and when a failed message runs again.
func (rt *Runtime) next(r Reaction, e *Error, tries int, now time.Time) (due time.Time, again, counts bool) {
	policy := r.Retry
	if policy == nil {
		policy = DefaultRetry
	}
	delay := policy.Delay
	if rt.manual {
		delay = policy.longest
	}
	pause, again, counts := policy.Next(e, tries, delay)
	if !again {
		return time.Time{}, false, counts
	}
	return now.Add(pause), true, counts
}

func failedEvent(e *Error, now time.Time) Event {
	detail := string(e.Class)
	if e.Reason != "" && e.Reason != string(e.Class) {
		detail += " " + e.Reason
	}
	return Event{Time: now, Where: e.Where, Line: e.Line, What: "failed", Detail: detail + ": " + e.Error()}
}
