package process

import (
	"context"
	"slices"
	"strconv"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
	"orderhub/transforms/schema"
)

// Behind its steps a token goes through the rest of its state, so that what it waited for is not begun again.
const (
	atBranches = iota
	atTask
	atRules
)

// advance runs every runnable token until it needs a reply, or stops.
func (t *turn) advance(ctx context.Context) error {
	for {
		i := slices.IndexFunc(t.in.Tokens, t.movable)
		if i < 0 {
			return nil
		}
		if err := t.proceed(ctx, t.in.Tokens[i]); err != nil {
			return err
		}
	}
}

// movable tells that tok can do something in this turn.
func (t *turn) movable(tok *instance.Token) bool {
	if !tok.Runnable || tok.Deferred || tok.Phase != instance.Running {
		return false
	}
	_, asks := t.next(tok)
	return !asks || t.answered(tok) || t.stops(tok)
}

// proceed moves tok by one step of its state.
func (t *turn) proceed(ctx context.Context, tok *instance.Token) error {
	s := t.state(tok)
	if t.answered(tok) {
		r := t.reply
		t.reply = nil
		return t.take(tok, r)
	}
	if t.stops(tok) {
		t.halt(tok)
		return t.leaveNow()
	}
	if tok.Step < len(s.Steps) {
		k := s.Steps[tok.Step]
		vars, err := t.local(ctx, tok, k.Made, t.exchange(tok, ""))
		if err != nil {
			return t.stepFailed(tok, k, err)
		}
		t.stepDone(tok, k, vars)
		return nil
	}
	return t.finish(tok, s)
}

// stops tells that tok stops here, because it is left. A step that it stood
// before when it was loaded is asked first: an earlier run of its message, which
// a stop or a crash ended, may have asked already, and the same Idempotency-Key gives its answer.
func (t *turn) stops(tok *instance.Token) bool {
	_, asks := t.next(tok)
	return (!asks || tok.Arrived) && t.leaving(tok)
}

// local runs a step that asks nobody, in the turn's unit. It gives the variables that the step set.
func (t *turn) local(ctx context.Context, tok *instance.Token, m pipelines.Made, x *hub.Exchange) (set []hub.Var, err error) {
	t.impure = true
	before := x.Vars
	f := x.Fork(x.Msg)
	f.Trace = x.Trace
	after := f
	if err := runStep(ctx, m.Run, f, func(y *hub.Exchange) { after = y }); err != nil {
		return nil, err
	}
	set = changed(before, after.Vars)
	if bad := t.d.Fits(before, set); bad != nil {
		return nil, hub.At(definition.Misfit(bad, hub.Invalid, schema.Reason, t.d.DataName), m.Where, m.Line)
	}
	t.y.Join(f)
	return set, nil
}

// changed are the variables that are not as they were.
func changed(before, after hub.Vars) []hub.Var {
	var out []hub.Var
	for _, v := range after {
		if before.Get(v.Name) != v.Value { // not Equal: a step that sets what was there already changes nothing
			out = append(out, v)
		}
	}
	return out
}

// stepDone goes on behind a step.
func (t *turn) stepDone(tok *instance.Token, k *definition.Step, set []hub.Var) {
	t.set(tok, set...)
	if k.Compensation != nil {
		vars := t.in.WithItems(tok, nil)
		if k.As != "" {
			vars = vars.With(k.As, t.in.Variables(tok).Get(k.As))
		}
		t.effect(tok, k, false, vars)
	}
	tok.Step++
	tok.Arrived = true
	tok.ForgetTries()
}

// finish is what comes behind the steps of a state.
func (t *turn) finish(tok *instance.Token, s *definition.State) error {
	switch at := tok.Step - len(s.Steps); {
	case at <= atBranches && (len(s.Branches) > 0 || s.Each != nil):
		return t.fork(tok, s)
	case at <= atTask && s.Task != nil:
		return t.openTask(tok, s)
	}
	tok.Step = len(s.Steps) + atRules
	for _, r := range s.Next {
		hit, err := t.react(tok, r, "next")
		if err != nil || hit {
			return err
		}
	}
	switch {
	case s.Final, s.EndsBranch():
		t.end(tok)
		return nil
	case s.Waits() || t.globally():
		tok.Phase, tok.Runnable = instance.Waiting, false
		return t.recall()
	}
	t.fail(tok, hub.Fail(hub.Invalid, "no_rule", "no rule of `next` holds in state %s, and it waits for nothing", s.Name))
	return nil
}

// globally tells that some event may still take the instance out of any state.
func (t *turn) globally() bool {
	return slices.ContainsFunc(t.d.Receive, func(r *definition.Reaction) bool { return t.active(r) })
}

// react does what r says, if its condition holds: its steps, and where it leads. suffix tells it from other reactions of the visit.
func (t *turn) react(tok *instance.Token, r *definition.Reaction, suffix string, more ...hub.Var) (hit bool, err error) {
	if r.When != nil {
		t.impure = t.impure || !r.When.Pure()
		if hit, err = r.When.Holds(t.frame(tok, more...)); err != nil || !hit {
			return false, err
		}
	}
	for i, m := range r.Steps {
		set, err := t.local(context.Background(), tok, m, t.exchange(tok, suffix+"."+strconv.Itoa(i+1), more...))
		if err != nil {
			return true, hub.At(err, m.Where, m.Line)
		}
		t.set(tok, set...)
	}
	if r.To != "" {
		t.note(tok, r.Line, "chose", "%s because %s", r.To, t.why(tok, r, suffix, more...))
		return true, t.goTo(tok, t.d.State(r.To))
	}
	if s := t.state(tok); tok.Phase == instance.Waiting && s.Next != nil && tok.Task == nil { // what was set may make a rule hold; a person is waited for
		tok.Phase, tok.Runnable = instance.Running, true
	}
	return true, nil
}

// end closes a branch, or the instance.
func (t *turn) end(tok *instance.Token) {
	tok.Runnable = false
	if tok.Up < 0 {
		t.shut(tok)
		return
	}
	t.disarm(tok)
	t.count(tok.State, -1)
	tok.Phase = instance.Done
	up := t.in.Token(tok.Up)
	children := t.in.Children(up)
	if !slices.ContainsFunc(children, func(c *instance.Token) bool { return c.Phase != instance.Done }) {
		t.join(up, children)
	}
}

// shut closes the instance.
func (t *turn) shut(root *instance.Token) {
	t.disarm(root)
	root.Phase = instance.Done
	t.in.Closed = t.now
	for _, e := range t.in.Early {
		t.note(root, "", "dropped", "event %s: no state took it", e.Name)
		t.callOff(t.keeperName(e))
	}
	t.in.Early = nil
	t.in.Effects = nil
	t.note(root, "", "closed", "%s", root.State)
}

// fork begins the branches of a state.
func (t *turn) fork(tok *instance.Token, s *definition.State) error {
	tok.Phase, tok.Runnable, tok.Step = instance.Forked, false, len(s.Steps)+atTask
	for _, f := range s.Branches {
		if err := t.enter(t.in.Spawn(tok, f.Name), f.Initial); err != nil {
			return err
		}
	}
	if s.Each != nil {
		t.impure = true
		list, err := s.Each.List.Value(t.frame(tok))
		if err != nil {
			return err
		}
		for i, v := range list.Elems() {
			c := t.in.Spawn(tok, strconv.Itoa(i))
			c.Vars = hub.Vars{{Name: s.Each.Item, Value: v}, {Name: "index", Value: doc.IntValue(int64(i))}}
			if err := t.enter(c, s.Each.Initial); err != nil {
				return err
			}
		}
		if list.Len() == 0 {
			t.join(tok, nil)
		}
	}
	return nil
}

// join goes on behind the branches, with their results.
func (t *turn) join(tok *instance.Token, children []*instance.Token) {
	s := t.state(tok)
	if s.Each != nil && s.Each.As != "" {
		results := make([]doc.Value, len(children))
		for i, c := range children {
			results[i] = c.Vars.Document()
		}
		t.set(tok, hub.Var{Name: s.Each.As, Value: doc.ListOf(results)})
	}
	t.remove(children)
	tok.Phase, tok.Runnable = instance.Running, true
	t.note(tok, s.Line, "joined", "%d branches", len(children))
}
