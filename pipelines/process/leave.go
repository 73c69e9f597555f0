package process

import (
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/process/definition"
)

// goTo leads tok to a state of its own level, or of one around it: then all
// branches below that level are left.
func (t *turn) goTo(tok *Token, to *definition.State) error {
	scope := tok
	for !slices.Contains(t.d.State(scope.State).Level, to) {
		if scope.Up < 0 {
			return hub.Fail(hub.Bug, "goto", "the state %s stands inside a branch that %s is not in", to.Name, tok.State)
		}
		scope = t.in.token(scope.Up)
	}
	return t.leave(scope, to)
}

// leave takes scope, with all branches below it, to a state. A step that runs
// is waited for: its result decides what there is to undo.
func (t *turn) leave(scope *Token, to *definition.State) error {
	if l := t.in.Leave; l != nil {
		if old := t.in.token(l.Token); old != nil && slices.Contains(t.in.below(old), scope) && old != scope {
			return nil // more is left already
		}
	}
	t.in.Leave = &Leave{Token: scope.ID, To: to.Name}
	for _, tok := range t.in.below(scope) {
		if tok.Phase == Running && !tok.ready && tok.Due.Before(t.now.Add(soon)) {
			continue // its driver may be waiting for an answer
		}
		t.halt(tok)
	}
	return t.leaveNow()
}

// soon is how long before its time a try counts as one that runs: clocks of several hubs differ.
const soon = 2 * time.Second

// leaving tells that tok is to stop as soon as its step has its result.
func (t *turn) leaving(tok *Token) bool {
	l := t.in.Leave
	if l == nil {
		return false
	}
	scope := t.in.token(l.Token)
	return scope != nil && slices.Contains(t.in.below(scope), tok)
}

// halt stops tok where it is. A step that may have had its effect, though no answer came, is to be undone as well.
func (t *turn) halt(tok *Token) {
	s := t.d.State(tok.State)
	if tok.Doubt && tok.Step < len(s.Steps) && s.Steps[tok.Step].Compensation != nil {
		t.in.Undo = append(t.in.Undo, Undo{Where: s.Steps[tok.Step].Where, State: s.Name, Visit: t.in.visit(t.m.Name, tok), Doubt: true, Vars: t.in.vars(tok)})
		tok.Doubt = false
	}
	if !tok.Due.IsZero() || tok.Phase == Failed {
		t.callOff(t.driver(tok))
	}
	if tok.Phase == Failed {
		t.unstick(tok)
	}
	if tok.Phase != Done {
		tok.Due, tok.Error, tok.Phase, tok.ready = time.Time{}, nil, Stopped, false
	}
}

// stepLeft ends a step that failed in a state that is being left: it is not tried again, and leads nowhere else.
func (t *turn) stepLeft(tok *Token, k *definition.Step, err error) error {
	e := hub.AsError(err)
	t.note(tok, e.Line, "failed", "%s: %s; it is left", e.Class, e.Error())
	tok.Doubt = tok.Doubt || k.Compensation != nil && e.InDoubt()
	t.halt(tok)
	return t.leaveNow()
}

// leaveNow makes the transition when everything below its scope has stopped.
func (t *turn) leaveNow() error {
	l := t.in.Leave
	if l == nil {
		return nil
	}
	scope := t.in.token(l.Token)
	below := t.in.below(scope)
	if slices.ContainsFunc(below, func(tok *Token) bool { return tok.Phase == Running }) {
		return nil
	}
	t.in.Leave = nil
	for _, tok := range below[1:] {
		if tok.Phase != Done {
			t.quit(tok)
		}
	}
	t.remove(below[1:])
	t.quit(scope)
	return t.enter(scope, t.d.State(l.To))
}
