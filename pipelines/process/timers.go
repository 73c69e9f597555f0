package process

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
)

// lateTimer is the number of the timer of a task.
const lateTimer = -1

// arm sets the timers of the state that tok has entered.
func (t *turn) arm(tok *instance.Token, s *definition.State) error {
	tok.Timers = nil
	for i, r := range s.Timers {
		due := t.now.Add(r.After)
		switch {
		case r.Cron != nil:
			due = r.Cron.After(t.now)
		case r.At != nil:
			var err error
			if due, err = t.momentOf(tok, r); err != nil {
				return err
			}
		}
		tok.Timers = append(tok.Timers, due)
		t.setTimer(tok, i, due)
	}
	return nil
}

// momentOf is the time that `at:` gives.
func (t *turn) momentOf(tok *instance.Token, r *definition.Timer) (time.Time, error) {
	v, err := r.At.Text(t.frame(tok))
	if err != nil {
		return noTime, err
	}
	at, ok := doc.ParseTime(v)
	if !ok {
		return noTime, hub.Fail(hub.Invalid, "time", "%s: %q is no ISO time", r.Line, v)
	}
	return at, nil
}

// setTimer puts the message that comes when the timer falls due.
func (t *turn) setTimer(tok *instance.Token, i int, due time.Time) {
	if due.IsZero() {
		return
	}
	p := put(t.m.Name, t.in.ID, hub.DeriveID(t.visit(tok), fmt.Sprintf("timer.%d.%d", i, due.UnixNano())), t.now, doc.Value{},
		doTimer, strconv.Itoa(tok.ID), strconv.Itoa(tok.Visit), strconv.Itoa(i))
	t.put(p, t.timerName(tok, i), due)
}

func (t *turn) timerName(tok *instance.Token, i int) string {
	return fmt.Sprintf("%s!%d!%d", t.in.ID, tok.ID, i)
}

// disarm drops the timers of tok that have not fired.
func (t *turn) disarm(tok *instance.Token) {
	for i, due := range tok.Timers {
		if !due.IsZero() {
			t.callOff(t.timerName(tok, i))
		}
	}
	tok.Timers = nil
}

// timer does what a timer says when it falls due; one of a state that was left meanwhile does nothing.
func (t *turn) timer(ctx context.Context, c command) (outcome, error) {
	tok := t.in.Token(c.numbers[0])
	if tok == nil || tok.Visit != c.numbers[1] || !t.in.Closed.IsZero() || tok.Phase == instance.Stopped || tok.Phase == instance.Done || t.leaving(tok) {
		return nothing, nil
	}
	i := c.numbers[2]
	if i == lateTimer {
		return t.late(ctx, tok)
	}
	s := t.state(tok)
	if i >= len(tok.Timers) || i >= len(s.Timers) || tok.Timers[i].IsZero() {
		return nothing, nil
	}
	due, r := tok.Timers[i], s.Timers[i]
	if t.now.Before(due) { // the clock went back, or the timer was set anew
		t.setTimer(tok, i, due)
		return done, nil
	}
	tok.Timers[i] = noTime
	if r.Cron != nil {
		tok.Timers[i] = r.Cron.After(t.now)
		t.setTimer(tok, i, tok.Timers[i])
	}
	t.note(tok, r.Line, "fired", "timer %s, %s late", due.Format(time.RFC3339), t.now.Sub(due).Round(time.Millisecond))
	_, err := t.react(tok, &r.Reaction, fmt.Sprintf("timer.%d.%d", i+1, due.UnixNano()))
	return done, err
}
