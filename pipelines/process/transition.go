package process

import (
	"context"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
)

// enter puts tok into a state: its timers are armed, the change is told.
func (t *turn) enter(tok *instance.Token, s *definition.State) error {
	from := tok.State
	tok.State, tok.Visit, tok.Since = s.Name, tok.Visit+1, t.now
	tok.Step, tok.Phase, tok.Runnable, tok.Arrived = 0, instance.Running, true, true
	tok.ForgetTries()
	tok.CountEntered(t.now)
	t.count(s.Name, 1)
	if !t.in.Entered(s.Name) {
		t.milestone(s)
		t.in.Seen = append(t.in.Seen, instance.Seen{State: s.Name, Time: t.now})
	}
	t.note(tok, s.Line, "entered", "%s", s.Name)
	if e := t.d.Publish; e != nil {
		x := t.exchange(tok, "", textVar("state", s.Name), textVar("from", from), textVar("at", t.now.Format(time.RFC3339Nano)))
		if err := e.Run.Process(context.Background(), x, hub.End); err != nil {
			return hub.At(err, e.Where, e.Line)
		}
	}
	if tok.GoesRound() {
		t.goesRound(tok)
		return nil
	}
	return t.arm(tok, s)
}

func textVar(name, text string) hub.Var { return hub.Var{Name: name, Value: doc.StringValue(text)} }

// goesRound stops a token in the state that it has entered, whatever led there. Its timers are armed when it goes on, so that none of them leads on meanwhile.
func (t *turn) goesRound(tok *instance.Token) {
	e := hub.Fail(hub.Invalid, "goes_round", "it entered %d states within a minute, and %s once more: a way in the definition leads round; hub trace shows it", tok.Entered, tok.State)
	tok.Timers = nil
	if t.stick(tok, e); tok == t.driven {
		t.failed = e
	}
}

// quit takes a token that is halted out of its state: what waited there is called off.
func (t *turn) quit(tok *instance.Token) {
	if tok.State == "" {
		return
	}
	t.count(tok.State, -1)
	t.disarm(tok)
	t.dropTask(tok)
}

// goTo leads tok to a state of its own level, or of one around it: then all
// branches below that level are left.
func (t *turn) goTo(tok *instance.Token, to *definition.State) error {
	scope := tok
	for !slices.Contains(t.d.State(scope.State).Level, to) {
		if scope.Up < 0 {
			return hub.Fail(hub.Bug, "goto", "the state %s stands inside a branch that %s is not in", to.Name, tok.State)
		}
		scope = t.in.Token(scope.Up)
	}
	return t.leave(scope, to)
}

// leave takes scope, with all branches below it, to a state. A step that runs
// is waited for: its result decides what there is to undo.
func (t *turn) leave(scope *instance.Token, to *definition.State) error {
	if l := t.in.Leave; l != nil {
		if old := t.in.Token(l.Token); old != nil && slices.Contains(t.in.Below(old), scope) && old != scope {
			return nil // more is left already
		}
	}
	t.in.Leave = &instance.Leave{Token: scope.ID, To: to.Name}
	for _, tok := range t.in.Below(scope) {
		if tok.Phase == instance.Running && !tok.Runnable && tok.Due.Before(t.now.Add(soon)) {
			continue // its driver may be waiting for an answer
		}
		t.halt(tok)
	}
	return t.leaveNow()
}

// soon is how long before its time a try counts as one that runs: clocks of several hubs differ.
const soon = 2 * time.Second

// leaving tells that tok is to stop as soon as its step has its result.
func (t *turn) leaving(tok *instance.Token) bool {
	l := t.in.Leave
	if l == nil {
		return false
	}
	scope := t.in.Token(l.Token)
	return scope != nil && slices.Contains(t.in.Below(scope), tok)
}

// halt stops tok where it is. A step that may have had its effect, though no answer came, is to be undone as well.
func (t *turn) halt(tok *instance.Token) {
	s := t.state(tok)
	if tok.Doubt && tok.Step < len(s.Steps) && s.Steps[tok.Step].Compensation != nil {
		t.effect(tok, s.Steps[tok.Step], true, t.in.Variables(tok))
		tok.Doubt = false
	}
	if !tok.Due.IsZero() || tok.Phase == instance.Failed {
		t.callOff(t.driverName(tok))
	}
	if tok.Phase == instance.Failed {
		t.unstick(tok)
	}
	if tok.Phase != instance.Done {
		tok.Due, tok.Error, tok.Phase, tok.Runnable = noTime, nil, instance.Stopped, false
	}
}

// stepLeft ends a step that failed in a state that is being left: it is not tried again, and leads nowhere else.
func (t *turn) stepLeft(tok *instance.Token, k *definition.Step, err error) error {
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
	scope := t.in.Token(l.Token)
	below := t.in.Below(scope)
	if slices.ContainsFunc(below, func(tok *instance.Token) bool { return tok.Phase == instance.Running }) {
		return nil
	}
	t.in.Leave = nil
	for _, tok := range below[1:] {
		if tok.Phase != instance.Done {
			t.quit(tok)
		}
	}
	t.remove(below[1:])
	t.quit(scope)
	return t.enter(scope, t.d.State(l.To))
}
