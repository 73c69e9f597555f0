package process

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
)

// lateTimer is the number of the timer of a task.
const lateTimer = -1

// arm sets the timers of the state that tok has entered.
func (t *turn) arm(tok *Token, s *definition.State) error {
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
func (t *turn) momentOf(tok *Token, r *definition.Timer) (time.Time, error) {
	v, err := r.At.Text(t.frame(tok))
	if err != nil {
		return noTime, err
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, v); err == nil {
			return at.UTC(), nil
		}
	}
	return noTime, hub.Fail(hub.Invalid, "time", "%s: %q is no ISO time", r.Line, v)
}

// setTimer puts the message that comes when the timer falls due.
func (t *turn) setTimer(tok *Token, i int, due time.Time) {
	if due.IsZero() {
		return
	}
	p := put(t.m.Name, t.in.ID, hub.DeriveID(t.in.visit(t.m.Name, tok), fmt.Sprintf("timer.%d.%d", i, due.UnixNano())), t.now, doc.Value{},
		doTimer, strconv.Itoa(tok.ID), strconv.Itoa(tok.Visit), strconv.Itoa(i))
	p.Name, p.Due = t.timerName(tok, i), due
	t.y.Unit.Puts = append(t.y.Unit.Puts, p)
}

func (t *turn) timerName(tok *Token, i int) string {
	return fmt.Sprintf("%s!%d!%d", t.in.ID, tok.ID, i)
}

// disarm drops the timers of tok that have not fired.
func (t *turn) disarm(tok *Token) {
	for i, due := range tok.Timers {
		if !due.IsZero() {
			t.callOff(t.timerName(tok, i))
		}
	}
	tok.Timers = nil
}

// timer does what a timer says when it falls due; one of a state that was left meanwhile does nothing.
func (t *turn) timer(ctx context.Context, o order) error {
	tok := t.in.token(o.numbers[0])
	if tok == nil || tok.Visit != o.numbers[1] || !t.in.Closed.IsZero() || tok.Phase == Stopped || tok.Phase == Done || t.leaving(tok) {
		t.same = true
		return nil
	}
	i := o.numbers[2]
	if i == lateTimer {
		return t.late(ctx, tok)
	}
	s := t.d.State(tok.State)
	if i >= len(tok.Timers) || i >= len(s.Timers) || tok.Timers[i].IsZero() {
		t.same = true
		return nil
	}
	due, r := tok.Timers[i], s.Timers[i]
	if t.now.Before(due) { // the clock went back, or the timer was set anew
		t.setTimer(tok, i, due)
		return nil
	}
	tok.Timers[i] = noTime
	if r.Cron != nil {
		tok.Timers[i] = r.Cron.After(t.now)
		t.setTimer(tok, i, tok.Timers[i])
	}
	t.note(tok, r.Line, "fired", "timer %s, %s late", due.Format(time.RFC3339), t.now.Sub(due).Round(time.Millisecond))
	_, err := t.react(tok, &r.Reaction, fmt.Sprintf("timer.%d.%d", i+1, due.UnixNano()))
	return err
}
