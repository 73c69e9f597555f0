package process

import (
	"cmp"
	"context"
	"slices"

	"orderhub/hub"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
)

// effect notes that a step of tok is to be compensated when the instance is undone, with the variables that this needs.
func (t *turn) effect(tok *instance.Token, k *definition.Step, doubt bool, vars hub.Vars) {
	t.in.Effects = append(t.in.Effects, instance.Effect{Where: k.Where, State: tok.State, Visit: t.visit(tok), Doubt: doubt, Vars: vars})
}

// newestEffect is the index of the newest effect that s is to undo; -1: none is left.
func (t *turn) newestEffect(s *definition.State) int {
	if s.Compensates == nil {
		return -1
	}
	for i := len(t.in.Effects) - 1; i >= 0; i-- {
		if s.Compensates.Includes(t.in.Effects[i].State) {
			return i
		}
	}
	return -1
}

// compensation is the request that undoes an effect; first, if it is in doubt whether
// the step had it, that step is asked again: its Idempotency-Key is the same.
func (t *turn) compensation(tok *instance.Token, id correlation) *request {
	u := &t.in.Effects[id.effect-1]
	q := &request{id: id, x: t.exchange(tok, ""), d: t.d}
	k := t.d.Step(u.Where)
	if k == nil || k.Compensation == nil {
		q.run = lost(u.Where)
		return q
	}
	q.x.Msg.ID = u.Visit
	for _, v := range u.Vars {
		q.x.Vars = q.x.Vars.With(v.Name, v.Value)
	}
	if u.Doubt {
		q.run = k.Run
	} else {
		q.run, q.when = k.Compensation.Run, k.Compensation.When
	}
	return q
}

// lost is the compensation of a step that this version does not know: a person must see to it.
func lost(where string) hub.Step {
	return hub.StepFunc(func(context.Context, *hub.Exchange, hub.Next) error {
		return hub.Fail(hub.Rejected, "no_compensation", "this version has no compensation of %s", where)
	})
}

// compensated applies the reply to the compensation of effect i.
func (t *turn) compensated(tok *instance.Token, i int, r *reply) {
	u := &t.in.Effects[i]
	k := t.d.Step(u.Where)
	undone := true
	switch {
	case r.err == nil && u.Doubt:
		u.Doubt, undone = false, false
		for _, v := range r.set {
			if v.Name == k.As {
				u.Vars = u.Vars.With(v.Name, v.Value)
			}
		}
		t.note(tok, k.Line, "asked", "%s: it had its effect", u.Where)
	case r.err == nil && r.none != "":
		t.note(tok, k.Compensation.Line, "skipped", "nothing to undo: %s is false (%s)", r.none, u.Where)
	case r.err == nil:
		t.note(tok, "", "undone", "%s", u.Where)
	case u.Doubt && refused(hub.AsError(r.err)):
		t.note(tok, "", "asked", "%s: it had no effect: %s", u.Where, r.err)
	default:
		t.compensationFailed(tok, u, r.err)
		return
	}
	if undone {
		t.in.Effects = slices.Delete(t.in.Effects, i, i+1)
	}
	tok.ForgetTries()
}

// refused tells that the far end says no: there was no effect. What only kept us out says nothing of an earlier try.
func refused(e *hub.Error) bool { return !e.Class.Transient() && !e.InDoubt() && !e.Unheard() }

// compensationFailed tries a compensation again, for as long as its policy says; then it is a task for a person.
func (t *turn) compensationFailed(tok *instance.Token, u *instance.Effect, err error) {
	e := hub.AsError(err)
	policy := cmp.Or(t.d.Desk.Retry, hub.DefaultRetry)
	if r, _, ok := hub.ReactionTo(err); ok && r.Retry != nil {
		policy = r.Retry
	}
	if !t.again(tok, policy, e) {
		tok.Error = instance.NewProblem(e, t.now)
		t.askPerson(tok, u, e)
	}
}
