package process

import (
	"context"
	"slices"

	"orderhub/hub"
	"orderhub/pipelines/process/definition"
)

// nextUndo is the index of the newest step that is to be undone; -1: none is left.
func (t *turn) nextUndo(u *definition.Scope) int {
	for i := len(t.in.Undo) - 1; i >= 0; i-- {
		if u.States == nil || slices.Contains(u.States, t.in.Undo[i].State) {
			return i
		}
	}
	return -1
}

// undoing asks for the compensation of an entry; first, if it is in doubt whether
// the step had its effect, asks that step again: its Idempotency-Key is the same.
func (t *turn) undoing(tok *Token, at spot) *asking {
	u := &t.in.Undo[at.undo-1]
	k := t.d.Step(u.Where)
	if k == nil || k.Compensation == nil {
		return &asking{at: at, run: lost(u.Where), x: t.exchange(tok, ""), data: t.d}
	}
	x := t.exchange(tok, "")
	x.Msg.ID = u.Visit
	for _, v := range u.Vars {
		x.Vars = x.Vars.With(v.Name, v.Value)
	}
	if u.Doubt {
		return &asking{at: at, run: k.Run, x: x, data: t.d}
	}
	return &asking{at: at, run: k.Compensation.Run, when: k.Compensation.When, x: x, data: t.d}
}

// lost is the compensation of a step that this version does not know: a person must see to it.
func lost(where string) hub.Step {
	return hub.StepFunc(func(context.Context, *hub.Exchange, hub.Next) error {
		return hub.Fail(hub.Rejected, "no_compensation", "this version has no compensation of %s", where)
	})
}

// undone applies what became of the compensation of entry i.
func (t *turn) undone(tok *Token, s *definition.State, i int, r *result) error {
	u := &t.in.Undo[i]
	k := t.d.Step(u.Where)
	switch {
	case r.err == nil && u.Doubt:
		u.Doubt = false
		for _, v := range r.set {
			if v.Name == k.As {
				u.Vars = u.Vars.With(v.Name, v.Value)
			}
		}
		t.note(tok, k.Line, "asked", "%s: it had its effect", u.Where)
	case r.err == nil:
		if r.none != "" {
			t.note(tok, k.Compensation.Line, "skipped", "nothing to undo: %s is false (%s)", r.none, u.Where)
		} else {
			t.note(tok, "", "undone", "%s", u.Where)
		}
		t.in.Undo = slices.Delete(t.in.Undo, i, i+1)
	case u.Doubt && refused(hub.AsError(r.err)):
		t.note(tok, "", "asked", "%s: it had no effect: %s", u.Where, r.err)
		t.in.Undo = slices.Delete(t.in.Undo, i, i+1)
	default:
		return t.undoFailed(tok, u, r.err)
	}
	tok.clear()
	return nil
}

// refused tells that the far end says no: there was no effect. What only kept us out says nothing of an earlier try.
func refused(e *hub.Error) bool { return !e.Class.Transient() && !e.InDoubt() && !e.Unheard() }

// undoFailed tries a compensation again, for as long as its policy says; then it is a task for a person.
func (t *turn) undoFailed(tok *Token, u *Undo, err error) error {
	e := hub.AsError(err)
	policy := t.d.Desk.Retry
	if r, ok := hub.ReactionTo(err); ok && r.Retry != nil {
		policy = r.Retry
	}
	if policy == nil {
		policy = hub.DefaultRetry
	}
	if t.again(tok, policy, e) {
		return nil
	}
	tok.Error = problemOf(e, t.now)
	return t.askPerson(tok, u, e)
}
