package process

import (
	"context"
	"errors"
	"fmt"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/process/definition"
	"orderhub/transforms/formula"
)

type made = pipelines.Made

// spot is a place where an instance asks somebody: finds it again when there is a result.
type spot struct {
	token, visit, step int
	state              string
	undo               int // number of the entry that is undone, from 1; 0: none is
	doubt              bool
}

// asking is a step that asks somebody, to be run outside of any unit.
type asking struct {
	at   spot
	run  hub.Step
	when *pipelines.Condition // of a compensation: that there is something to undo; nil: always
	x    *hub.Exchange        // what it runs on
	data *definition.Process  // whose data the result must fit
}

// result is what a step answered.
type result struct {
	at   spot
	set  []hub.Var
	none string // the condition that is false: there was nothing to undo, and nobody was asked
	err  error
	unit *hub.Exchange // what it did beside: sends of pipelines that it called
}

// drive carries one token from answer to answer: the result of each is stored
// before the next step begins. It ends when the token waits, or has stopped.
func (m *machine) drive(ctx context.Context, x *hub.Exchange, o order) error {
	input := x.Unit.Input
	var last *result
	for {
		var ask *asking
		var failed error
		err := m.turn(ctx, x, func(t *turn) (bool, error) {
			var save bool
			var err error
			ask, save, err = t.step(ctx, o, input, last)
			failed = t.failed
			return save, err
		})
		switch {
		case err != nil && definite(err):
			return m.stick(ctx, x, o, err)
		case err != nil:
			return err
		case failed != nil:
			return failed
		case ask == nil:
			x.Unit = &hub.Unit{} // the input is consumed already
			return nil
		}
		last = m.perform(ctx, x, ask)
		if last.err != nil && (ctx.Err() != nil || hub.AsError(last.err).Reason == "stopping") {
			return last.err // the hub stops: the message asks again
		}
	}
}

// definite tells that another run of the message would meet the same.
func definite(err error) bool {
	return !errors.Is(err, hub.ErrConflict) && !hub.AsError(err).Class.Transient()
}

// step is one turn of a driver: what it asks next; save says what is to be committed before.
func (t *turn) step(ctx context.Context, o order, input *hub.Delivery, last *result) (ask *asking, save bool, err error) {
	t.me, t.result = sequence(input), last
	if o.do == doStart {
		if err := t.start(); err != nil {
			return nil, false, err
		}
	}
	t.mine = t.driven(o)
	if t.mine == nil { // somebody else drives it, or it is over
		t.y.Unit.Input, t.same = input, true
		return nil, true, nil
	}
	if err := t.resume(t.mine); err != nil {
		return nil, false, err
	}
	for {
		if err := t.advance(ctx); err != nil {
			return nil, false, err
		}
		if t.failed != nil {
			t.mine = nil
			t.dispatch()
			return nil, true, nil // the input becomes a dead letter
		}
		if took, err := t.recallBetween(); err != nil {
			return nil, false, err
		} else if took {
			continue
		}
		if t.mine != nil && (t.mine.Phase != Running || !t.mine.ready) {
			t.mine = nil
		}
		t.dispatch()
		if t.mine == nil {
			t.y.Unit.Input = input
			return nil, true, nil
		}
		if _, asks := t.spot(t.mine); asks {
			break
		}
		t.mine.ready, t.mine.later = true, false
	}
	// A turn that only moved through states is not worth a commit: the turn that has the answer, and one behind a crash, go the same way.
	return t.pending(t.mine), t.taken || t.fixed || len(t.y.Unit.Puts)+len(t.y.Unit.Sends)+len(t.y.Unit.Writes) > 0, nil
}

func sequence(d *hub.Delivery) int64 {
	if d == nil {
		return 0
	}
	return d.Seq
}

// driven is the token that the message drives.
func (t *turn) driven(o order) *Token {
	if !t.in.Closed.IsZero() {
		return nil
	}
	for _, tok := range t.in.Tokens {
		if tok.By == t.me && t.me != 0 {
			return tok
		}
	}
	if o.do != doDrive {
		return nil
	}
	if tok := t.in.token(o.numbers[0]); tok != nil && tok.By == 0 && tok.Run == o.numbers[1] {
		return tok
	}
	return nil
}

// resume makes a token that waited for another try, or had failed, go on.
func (t *turn) resume(tok *Token) error {
	if tok.Phase == Failed {
		t.unstick(tok)
		tok.Phase, tok.Tries = Running, 0
	}
	if tok.Phase == Running {
		tok.ready, tok.Due, tok.By = true, noTime, t.me
	}
	if tok.tired() {
		tok.Entered = 0
		return t.arm(tok, t.d.State(tok.State))
	}
	return nil
}

// pending is what tok asks next; nil: nothing.
func (t *turn) pending(tok *Token) *asking {
	at, asks := t.spot(tok)
	if !asks {
		return nil
	}
	if at.undo > 0 {
		return t.undoing(tok, at)
	}
	return &asking{at: at, run: t.d.State(tok.State).Steps[at.step].Run, x: t.exchange(tok, ""), data: t.d}
}

// spot is where tok asks next; false: nowhere.
func (t *turn) spot(tok *Token) (at spot, asks bool) {
	s := t.d.State(tok.State)
	at = spot{token: tok.ID, visit: tok.Visit, step: tok.Step, state: tok.State}
	if s.Compensates != nil {
		if i := t.nextUndo(s.Compensates); i >= 0 {
			at.undo, at.doubt = i+1, t.in.Undo[i].Doubt
			return at, tok.Task == nil // else a person is asked
		}
	}
	return at, tok.Step < len(s.Steps) && s.Steps[tok.Step].Asks
}

// answeredAt tells that the result is of what tok asks next.
func (t *turn) answeredAt(tok *Token) bool {
	at, asks := t.spot(tok)
	return asks && t.result != nil && t.result.at == at
}

// perform runs a step that asks. No unit is open, and no lock is held.
func (m *machine) perform(ctx context.Context, x *hub.Exchange, a *asking) *result {
	y := x.Attempt(a.x.Msg)
	y.Vars, y.Trace = a.x.Vars, x.Trace
	r := &result{at: a.at, unit: y}
	after := y
	if a.when != nil {
		if undo, err := a.when.Holds(formula.NewFrame(y)); err != nil || !undo {
			r.none, r.err = a.when.Source(), err
			return r
		}
	}
	if r.err = y.Outcome(runStep(ctx, a.run, y, func(z *hub.Exchange) { after = z })); r.err == nil {
		r.set = changed(a.x.Vars, after.Vars)
		if bad := a.data.Fits(a.x.Vars, r.set); bad != nil {
			r.err = definition.Misfit(bad, hub.Rejected, hub.BadResponse, "what was answered is no "+a.data.DataName)
		}
	}
	return r
}

// runStep runs a step; what it passes on goes to next. A panic is a bug of that step. What
// its variables say in confidence is masked in its error, which the instance may keep.
func runStep(ctx context.Context, s hub.Step, x *hub.Exchange, next func(*hub.Exchange)) error {
	err := hub.Protect(ctx, func(ctx context.Context, x *hub.Exchange) error {
		return s.Process(ctx, x, func(_ context.Context, y *hub.Exchange) error { next(y); return nil })
	}, x)
	if err != nil {
		err = x.Mask().Failed(err)
	}
	return err
}

// take applies the result of what tok asked.
func (t *turn) take(tok *Token, r *result) error {
	t.asked = len(t.y.Unit.History) + 1
	if p := tok.Error; p != nil && p.Times > 1 {
		t.note(tok, p.Line, "retried", "%s", hub.RetriedText(p.Times, p.Since, p.Time, p.Message))
	}
	if r.err == nil {
		t.y.Join(r.unit)
	} else {
		t.y.Unit.History = append(t.y.Unit.History, r.unit.Unit.History...)
	}
	s := t.d.State(tok.State)
	if s.Compensates != nil {
		if i := t.nextUndo(s.Compensates); i >= 0 {
			return t.undone(tok, s, i, r)
		}
	}
	k := s.Steps[tok.Step]
	switch {
	case r.err != nil && t.leaving(tok):
		return t.stepLeft(tok, k, r.err)
	case r.err != nil:
		return t.stepFailed(tok, k, r.err)
	}
	t.stepDone(tok, s, k, r.set)
	return nil
}

// stick marks what the message drives as failed, because the turn met err; the message becomes a dead letter.
func (m *machine) stick(ctx context.Context, x *hub.Exchange, o order, cause error) error {
	err := m.turn(ctx, x, func(t *turn) (bool, error) {
		t.me = sequence(x.Unit.Input)
		if o.do == doStart && t.start() != nil { // there is nothing to mark
			return false, nil
		}
		if t.mine = t.driven(o); t.mine == nil {
			return false, nil
		}
		return true, t.fail(t.mine, cause)
	})
	if err != nil {
		return errors.Join(cause, fmt.Errorf("and it can't be marked: %w", err))
	}
	return hub.AsError(cause)
}
