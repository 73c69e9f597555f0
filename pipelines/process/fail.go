package process

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/escape"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
)

// stepFailed does what the step, its state or the process says of the error: it
// is tried again, leads to a state, or fails the token.
func (t *turn) stepFailed(tok *instance.Token, k *definition.Step, err error) error {
	e := t.masked(tok, err)
	if k.Compensation != nil && e.InDoubt() {
		tok.Doubt = true
	}
	own, _, says := hub.ReactionTo(err)
	if own.Retry != nil && t.again(tok, own.Retry, e) {
		return nil
	}
	for _, table := range t.tables(tok) {
		if handled, err := t.reactToError(tok, reactionIn(table, e), e); handled || err != nil {
			return err
		}
	}
	if !says && t.again(tok, hub.DefaultRetry, e) {
		return nil
	}
	t.fail(tok, e)
	return nil
}

// tables say what errors of tok lead to, from the inside out: its state, the states around its branch, the process.
func (t *turn) tables(tok *instance.Token) (out []map[string]*definition.Reaction) {
	for ; tok != nil; tok = t.in.Token(tok.Up) {
		out = append(out, t.state(tok).Errors)
	}
	return append(out, t.d.Errors)
}

// reactionIn is what a table says of the error; nil: nothing. A refusal of which nobody knows whether it is one is taken for another error.
func reactionIn(table map[string]*definition.Reaction, e *hub.Error) *definition.Reaction {
	r := table[string(e.Class)]
	refusal := e.Class == hub.Rejected || e.Class == hub.Invalid
	if r == nil || r.Retry == nil && refusal && e.InDoubt() {
		return table["other"]
	}
	return r
}

// reactToError does what r says of the error; handled: it is tried again, or leads to a state.
func (t *turn) reactToError(tok *instance.Token, r *definition.Reaction, e *hub.Error) (handled bool, err error) {
	if r == nil {
		return false, nil
	}
	if r.Retry != nil {
		return t.again(tok, r.Retry, e), nil
	}
	t.note(tok, e.Line, "failed", "%s: %s", e.Class, e.Error())
	if handled, err = t.react(tok, r, "error", hub.Var{Name: "error", Value: e.Document()}); err != nil {
		err = hub.During(err, e)
	}
	return handled, err
}

// again makes the token wait for another try. False: the policy, which knows what costs one, has no more.
func (t *turn) again(tok *instance.Token, policy *hub.Retry, e *hub.Error) bool {
	pause, again, counts := policy.Next(e, tok.Tries, policy.Delay)
	if !again {
		return false
	}
	if counts {
		tok.Tries++
	}
	tok.Due, tok.Runnable = t.now.Add(pause), false
	repeated := tok.Fails(e, t.now)
	t.putDriver(tok, tok.Due, e)
	if !repeated {
		t.note(tok, e.Line, "failed", "%s: %s; again in %s (try %d of %d)", e.Class, e.Chain(500), pause.Round(10*time.Millisecond), tok.Tries+1, policy.Times+1)
	}
	return true
}

// fail stops a token for good, until somebody retries. What drives it becomes a dead letter.
func (t *turn) fail(tok *instance.Token, err error) {
	e := t.masked(tok, err)
	if tok != t.driven { // nobody drives it yet: whoever does will meet the same
		tok.Runnable, tok.Deferred = true, true
		return
	}
	t.failed = e
	t.stick(tok, e)
}

// stuckKind is the kind of the records that name the tokens which failed.
const stuckKind = "process.stuck"

// stick marks a token that stopped, for lists and reports.
func (t *turn) stick(tok *instance.Token, e *hub.Error) {
	tok.Phase, tok.Runnable, tok.Error = instance.Failed, false, instance.NewProblem(e, t.now)
	t.writeStuck(tok, &Stuck{State: tok.State, Since: t.now, Problem: *tok.Error})
	t.note(tok, e.Line, "failed", "%s: %s; it waits for hub process retry", e.Class, e.Chain(500))
}

// unstick takes back what stick told of tok.
func (t *turn) unstick(tok *instance.Token) {
	t.writeStuck(tok, nil)
	tok.Error = nil
}

func (t *turn) writeStuck(tok *instance.Token, s *Stuck) {
	w := hub.Write{Kind: stuckKind, Key: escape.JoinKey(t.m.Name, t.in.ID, fmt.Sprint(tok.ID)), IfVersion: hub.AnyVersion}
	if s != nil {
		w.Value, _ = json.Marshal(s) // texts and times always can
	}
	t.y.Write(w)
}

// running is the error of a command for an instance that does not run; nil: it does.
func (t *turn) running() error {
	if !t.in.Open() {
		return hub.Fail(hub.Rejected, "no_process", "%s %s is not running", t.m.Name, t.in.ID).Tell()
	}
	return nil
}

// retryNow makes everything that failed, or waits for another try, go on.
func (t *turn) retryNow() error {
	if err := t.running(); err != nil {
		return err
	}
	for _, tok := range t.in.Tokens {
		if tok.Phase != instance.Failed && tok.Due.IsZero() {
			continue
		}
		if tok.Phase == instance.Failed {
			t.unstick(tok)
		}
		tok.Phase, tok.Tries, tok.Runnable, tok.Due = instance.Running, 0, false, noTime
		t.putDriver(tok, noTime, nil)
	}
	t.note(t.in.Root(), "", "retried", "by hand")
	return nil
}

// cancel leads the instance to its compensation, or undoes all and closes.
func (t *turn) cancel() error {
	if err := t.running(); err != nil {
		return err
	}
	root := t.in.Root()
	i := slices.IndexFunc(t.d.States, func(s *definition.State) bool {
		return s.Outer == nil && s.Compensates != nil && s.Compensates.States == nil
	})
	if i < 0 {
		return hub.Fail(hub.Rejected, "no_cancel", "the process %s has no state with compensate: all: nothing says how it is undone", t.m.Name)
	}
	if root.State == t.d.States[i].Name {
		return nil
	}
	root.Entered = 0
	t.note(root, "", "cancelled", "by hand: %s", text(t.x.Msg, "why"))
	return t.leave(root, t.d.States[i])
}
