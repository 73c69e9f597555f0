package process

import (
	"context"
	"errors"
	"fmt"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
	"orderhub/transforms/formula"
)

// correlation says which request of an instance a reply belongs to.
type correlation struct {
	token, visit, step int
	state              string
	effect             int  // number of the effect that is undone, from 1; 0: none is
	doubt              bool // it is asked whether there was an effect
}

// request is a step that asks somebody, to be run outside of any unit.
type request struct {
	id   correlation
	run  hub.Step
	when *pipelines.Condition // of a compensation: that there is something to undo; nil: always
	x    *hub.Exchange        // what it runs on
	d    *definition.Process  // whose data the reply must fit
}

// reply is what a request led to.
type reply struct {
	id   correlation
	set  []hub.Var
	none string // the condition that is false: there was nothing to undo, and nobody was asked
	err  error
	x    *hub.Exchange // what it did beside: sends of pipelines that it called
}

// drive carries one token from reply to reply: each is stored before the next
// step begins. It ends when the token waits, or has stopped.
func (m *machine) drive(ctx context.Context, x *hub.Exchange, c command) error {
	var last *reply
	for {
		out, err := m.turn(ctx, x, func(t *turn) (outcome, error) { return t.drive(ctx, c, last) })
		switch {
		case err != nil && !hub.AsError(err).Class.Transient(): // another run would meet the same
			return m.stick(ctx, x, c, err)
		case err != nil:
			return err
		case out.request == nil:
			return out.dead
		}
		last = perform(ctx, x, out.request)
		if last.err != nil && (ctx.Err() != nil || hub.AsError(last.err).Reason == "stopping") {
			return last.err // the hub stops: the message asks again
		}
	}
}

// drive is one turn of a driver: it takes the reply, and goes on to the next request.
func (t *turn) drive(ctx context.Context, c command, last *reply) (outcome, error) {
	t.seq, t.reply = sequence(t.x.Unit.Input), last
	if c.do == doStart {
		if err := t.start(); err != nil {
			return outcome{}, err
		}
	}
	if t.driven = t.drivenBy(c); t.driven == nil { // another message drives it, or it is over
		return nothing, nil
	}
	if err := t.resume(t.driven); err != nil {
		return outcome{}, err
	}
	for {
		if err := t.advanceAll(ctx, last); err != nil {
			return outcome{}, err
		}
		switch t.dispatch(); {
		case t.failed != nil:
			return outcome{changed: true, dead: t.failed}, nil
		case t.driven == nil:
			return done, nil
		}
		if request := t.request(t.driven); request != nil {
			// A turn that only moved through states is not worth a commit: the turn that has the reply, and one behind a crash, go the same way.
			u := t.y.Unit
			return outcome{request: request, changed: t.took(last) || t.impure || len(u.Puts)+len(u.Sends)+len(u.Writes) > 0}, nil
		}
		t.driven.Runnable, t.driven.Deferred = true, false
	}
}

// advanceAll advances the instance, and gives it what came before its start was stored, as a cancel while the first far end
// was asked. Not before that has answered: the reply decides what there is to undo.
func (t *turn) advanceAll(ctx context.Context, last *reply) error {
	for {
		if err := t.advance(ctx); err != nil || t.failed != nil || !t.took(last) {
			return err
		}
		before := len(t.in.Early)
		if err := t.recall(); err != nil || len(t.in.Early) == before {
			return err
		}
	}
}

// took tells that the reply was taken in this turn.
func (t *turn) took(last *reply) bool { return last != nil && t.reply == nil }

func sequence(d *hub.Delivery) int64 {
	if d == nil {
		return 0
	}
	return d.Seq
}

// drivenBy is the token that the message drives; nil: it has none any more.
func (t *turn) drivenBy(c command) *instance.Token {
	if !t.in.Closed.IsZero() {
		return nil
	}
	for _, tok := range t.in.Tokens {
		if tok.By == t.seq && t.seq != 0 {
			return tok
		}
	}
	if c.do != doDrive {
		return nil
	}
	if tok := t.in.Token(c.numbers[0]); tok != nil && tok.By == 0 && tok.Run == c.numbers[1] {
		return tok
	}
	return nil
}

// resume makes a token that waited for another try, or had failed, go on.
func (t *turn) resume(tok *instance.Token) error {
	if tok.Phase == instance.Failed {
		t.unstick(tok)
		tok.Phase, tok.Tries = instance.Running, 0
	}
	if tok.Phase == instance.Running {
		tok.Runnable, tok.Due, tok.By = true, noTime, t.seq
	}
	if tok.GoesRound() {
		tok.Entered = 0
		return t.arm(tok, t.state(tok))
	}
	return nil
}

// next is the request that tok stands before; false: it asks nobody.
func (t *turn) next(tok *instance.Token) (id correlation, asks bool) {
	s := t.state(tok)
	id = correlation{token: tok.ID, visit: tok.Visit, step: tok.Step, state: tok.State}
	if i := t.newestEffect(s); i >= 0 {
		id.effect, id.doubt = i+1, t.in.Effects[i].Doubt
		return id, tok.Task == nil // else a person is asked
	}
	return id, tok.Step < len(s.Steps) && s.Steps[tok.Step].Asks
}

// request is what tok asks next; nil: nothing.
func (t *turn) request(tok *instance.Token) *request {
	id, asks := t.next(tok)
	switch {
	case !asks:
		return nil
	case id.effect > 0:
		return t.compensation(tok, id)
	}
	return &request{id: id, run: t.state(tok).Steps[id.step].Run, x: t.exchange(tok, ""), d: t.d}
}

// answered tells that the reply at hand is to what tok asks next.
func (t *turn) answered(tok *instance.Token) bool {
	id, asks := t.next(tok)
	return asks && t.reply != nil && t.reply.id == id
}

// perform runs a step that asks. No unit is open, and no lock is held.
func perform(ctx context.Context, x *hub.Exchange, q *request) *reply {
	y := x.Attempt(q.x.Msg)
	y.Vars, y.Trace = q.x.Vars, x.Trace
	r := &reply{id: q.id, x: y}
	if q.when != nil {
		if undo, err := q.when.Holds(formula.NewFrame(y)); err != nil || !undo {
			r.none, r.err = q.when.Source(), err
			return r
		}
	}
	after := y
	if r.err = y.Outcome(runStep(ctx, q.run, y, func(z *hub.Exchange) { after = z })); r.err == nil {
		r.set = changed(q.x.Vars, after.Vars)
		if bad := q.d.Fits(q.x.Vars, r.set); bad != nil {
			r.err = definition.Misfit(bad, hub.Rejected, hub.BadResponse, "what was answered is no "+q.d.DataName)
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
		err = hub.Masked(err, x.Mask())
	}
	return err
}

// take applies the reply to what tok asked.
func (t *turn) take(tok *instance.Token, r *reply) error {
	before := len(t.y.Unit.History)
	if p := tok.Error; p != nil && p.Times > 1 {
		t.note(tok, p.Line, "retried", "%s", hub.RetriedText(p.Times, p.Since, p.Time, p.Message))
	}
	if r.err == nil {
		t.y.Join(r.x)
	} else {
		t.y.Unit.History = append(t.y.Unit.History, r.x.Unit.History...)
	}
	if err := t.apply(tok, r); err != nil {
		return err
	}
	if p := tok.Error; p != nil && p.Times > 1 && !tok.Due.IsZero() { // counted there: a history row for each try would fill the store
		t.y.Unit.History = t.y.Unit.History[:before]
	}
	return nil
}

func (t *turn) apply(tok *instance.Token, r *reply) error {
	s := t.state(tok)
	if i := t.newestEffect(s); i >= 0 {
		t.compensated(tok, i, r)
		return nil
	}
	k := s.Steps[tok.Step]
	switch {
	case r.err != nil && t.leaving(tok):
		return t.stepLeft(tok, k, r.err)
	case r.err != nil:
		return t.stepFailed(tok, k, r.err)
	}
	t.stepDone(tok, k, r.set)
	return nil
}

// stick marks what the message drives as failed, because the turn met cause; the message becomes a dead letter.
func (m *machine) stick(ctx context.Context, x *hub.Exchange, c command, cause error) error {
	_, err := m.turn(ctx, x, func(t *turn) (outcome, error) {
		t.seq = sequence(x.Unit.Input)
		if c.do == doStart && t.start() != nil { // there is nothing to mark
			return outcome{}, nil
		}
		if t.driven = t.drivenBy(c); t.driven == nil {
			return outcome{}, nil
		}
		t.fail(t.driven, cause)
		return outcome{changed: true}, nil
	})
	if err != nil {
		return errors.Join(cause, fmt.Errorf("and it can't be marked: %w", err))
	}
	return hub.AsError(cause)
}
