package process

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// lateTimer is the number of the timer of a task.
const lateTimer = -1

// arm sets the timers of the state that tok has entered.
func (t *turn) arm(tok *Token, s *state) error {
	tok.Timers = nil
	for i, r := range s.timers {
		due := t.now.Add(r.after)
		switch {
		case r.cron != nil:
			due = r.cron.after(t.now)
		case r.at != nil:
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
func (t *turn) momentOf(tok *Token, r *timer) (time.Time, error) {
	v, err := r.at.Text(t.frame(tok))
	if err != nil {
		return noTime, err
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, v); err == nil {
			return at.UTC(), nil
		}
	}
	return noTime, hub.Fail(hub.Invalid, "time", "%s: %q is no ISO time", r.line, v)
}

// setTimer puts the message that comes when the timer falls due.
func (t *turn) setTimer(tok *Token, i int, due time.Time) {
	if due.IsZero() {
		return
	}
	p := put(t.m.name, t.in.ID, hub.DeriveID(t.in.visit(t.m.name, tok), fmt.Sprintf("timer.%d.%d", i, due.UnixNano())), t.now, doc.Value{},
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
	s := t.d.state(tok.State)
	if i >= len(tok.Timers) || i >= len(s.timers) || tok.Timers[i].IsZero() {
		t.same = true
		return nil
	}
	due, r := tok.Timers[i], s.timers[i]
	if t.now.Before(due) { // the clock went back, or the timer was set anew
		t.setTimer(tok, i, due)
		return nil
	}
	tok.Timers[i] = noTime
	if r.cron != nil {
		tok.Timers[i] = r.cron.after(t.now)
		t.setTimer(tok, i, tok.Timers[i])
	}
	t.note(tok, r.line, "fired", "timer %s, %s late", due.Format(time.RFC3339), t.now.Sub(due).Round(time.Millisecond))
	_, err := t.react(tok, &r.reaction, fmt.Sprintf("timer.%d.%d", i+1, due.UnixNano()))
	return err
}
