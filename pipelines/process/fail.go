package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/process/definition"
)

var noTime time.Time

// stuckKind is the kind of the records that name the tokens which failed.
const stuckKind = "process.stuck"

// stepFailed does what the step, its state or the process says of the error: it
// is tried again, leads to a state, or fails the token.
func (t *turn) stepFailed(tok *Token, k *definition.Step, err error) error {
	e := t.masked(tok, err)
	if k.Compensation != nil && e.InDoubt() {
		tok.Doubt = true
	}
	own, says := hub.ReactionTo(err)
	if own.Retry != nil && t.again(tok, own.Retry, e) {
		return nil
	}
	for _, table := range t.tables(tok) {
		r := table[string(e.Class)]
		if r == nil || r.Retry == nil && (e.Class == hub.Rejected || e.Class == hub.Invalid) && e.InDoubt() { // it is no refusal
			r = table["other"]
		}
		switch {
		case r == nil:
		case r.Retry != nil:
			if t.again(tok, r.Retry, e) {
				return nil
			}
		default:
			t.note(tok, e.Line, "failed", "%s: %s", e.Class, e.Error())
			hit, err := t.react(tok, r, "error", hub.Var{Name: "error", Value: e.Document()})
			if err != nil {
				return hub.During(err, e)
			}
			if hit {
				return nil
			}
		}
	}
	if !says && t.again(tok, hub.DefaultRetry, e) {
		return nil
	}
	return t.fail(tok, e)
}

// mask hides in what is said of tok what the instance's data, and the message that is handled, say in confidence.
func (t *turn) mask(tok *Token) *hub.Masker {
	return t.x.Mask().AboutVars(t.vars(tok))
}

// masked is err as the instance may keep it.
func (t *turn) masked(tok *Token, err error) *hub.Error { return t.mask(tok).Error(hub.AsError(err)) }

// maskAll is err, the end of the turn, as it may leave the process: the engine, which masks it by the message, does not know the instance's data.
func (t *turn) maskAll(err error) error {
	if err == nil || errors.Is(err, hub.ErrConflict) {
		return err
	}
	return t.x.Mask().AboutVars(t.in.Vars).Failed(err)
}

// tables say what errors of tok lead to, from the inside out: its state, the states around its branch, the process.
func (t *turn) tables(tok *Token) (out []map[string]*definition.Reaction) {
	for ; tok != nil; tok = t.in.token(tok.Up) {
		out = append(out, t.d.State(tok.State).Errors)
	}
	return append(out, t.d.Errors)
}

// again puts the token where it waits for another try. False: the policy has no more.
func (t *turn) again(tok *Token, policy *hub.Retry, e *hub.Error) bool {
	pause, again, counts := policy.Next(e, tok.Tries, policy.Delay)
	if !again {
		return false
	}
	if counts {
		tok.Tries++
	}
	tok.Due, tok.ready = t.now.Add(pause), false
	before := tok.Error
	tok.Error = problemOf(e, t.now)
	repeats := tok.Error.after(before, e)
	t.drive(tok, tok.Due, e)
	if repeats { // counted there: a history row for each try would fill the store
		if t.asked > 0 {
			t.y.Unit.History = t.y.Unit.History[:t.asked-1]
		}
		return true
	}
	t.note(tok, e.Line, "failed", "%s: %s; again in %s (try %d of %d)", e.Class, e.Chain(500), pause.Round(10*time.Millisecond), tok.Tries+1, policy.Times+1)
	return true
}

// after makes p, which e led to, the problem that follows before. It tells
// whether it is the same once more; what was not even tried says nothing new.
func (p *Problem) after(before *Problem, e *hub.Error) (again bool) {
	if before == nil || !e.Untried() && (p.Class != before.Class || p.Reason != before.Reason || p.Where != before.Where) {
		return false
	}
	p.Since, p.Times = before.Since, before.Times+1
	if e.Untried() {
		p.Class, p.Reason, p.Message = before.Class, before.Reason, before.Message
	}
	return true
}

// stored is p as the message that waits for the next try has it.
func (p *Problem) stored() *hub.Failure {
	group := hub.HashID(p.Class + "|" + p.Reason + "|" + p.Where)
	return &hub.Failure{Class: hub.Class(p.Class), Reason: p.Reason, Where: p.Where, Message: p.Message, Time: p.Time, Since: p.Since, Times: p.Times, Cause: "g" + group[:6]}
}

func problemOf(e *hub.Error, now time.Time) *Problem {
	return &Problem{Class: string(e.Class), Reason: e.Reason, Where: e.Where, Line: e.Line, Message: e.Chain(500), Time: now, Since: now, Times: 1}
}

// fail stops a token for good, until somebody retries. What drives it becomes a dead letter.
func (t *turn) fail(tok *Token, err error) error {
	e := t.masked(tok, err)
	if tok != t.mine { // nobody drives it yet: whoever does will meet the same
		tok.ready, tok.later = true, true
		return nil
	}
	t.failed = e
	t.stick(tok, e)
	return nil
}

// stick marks a token that stopped, for lists and reports.
func (t *turn) stick(tok *Token, e *hub.Error) {
	tok.Phase, tok.ready, tok.Error = Failed, false, problemOf(e, t.now)
	value, _ := json.Marshal(stuck{State: tok.State, Since: t.now, Problem: *tok.Error}) // texts and times always can
	t.y.Write(hub.Write{Kind: stuckKind, Key: t.stuckKey(tok), Value: value, IfVersion: hub.AnyVersion})
	t.note(tok, e.Line, "failed", "%s: %s; it waits for hub process retry", e.Class, e.Chain(500))
}

// stuck is the record of a token that failed.
type stuck struct {
	State   string    `json:"state"`
	Since   time.Time `json:"since"`
	Problem Problem   `json:"problem"`
}

func (t *turn) stuckKey(tok *Token) string {
	return hub.JoinKey(t.m.Name, t.in.ID, fmt.Sprint(tok.ID))
}

// unstick takes back what fail told of tok.
func (t *turn) unstick(tok *Token) {
	t.y.Write(hub.Write{Kind: stuckKind, Key: t.stuckKey(tok), IfVersion: hub.AnyVersion})
	tok.Error = nil
}

// retryNow makes everything that failed, or waits for another try, go on.
func (t *turn) retryNow() error {
	if len(t.in.Tokens) == 0 || !t.in.Closed.IsZero() {
		return hub.Fail(hub.Rejected, "no_process", "%s %s is not running", t.m.Name, t.in.ID).Tell()
	}
	for _, tok := range t.in.Tokens {
		if tok.Phase != Failed && tok.Due.IsZero() {
			continue
		}
		if tok.Phase == Failed {
			t.unstick(tok)
		}
		tok.Phase, tok.Tries, tok.ready = Running, 0, false
		tok.Due = noTime
		t.drive(tok, noTime, nil)
	}
	t.note(t.in.root(), "", "retried", "by hand")
	return nil
}

// cancel leads the instance to its compensation, or undoes all and closes.
func (t *turn) cancel() error {
	if len(t.in.Tokens) == 0 || !t.in.Closed.IsZero() {
		return hub.Fail(hub.Rejected, "no_process", "%s %s is not running", t.m.Name, t.in.ID).Tell()
	}
	root := t.in.root()
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
