package process

import (
	"context"
	"slices"
	"strconv"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
	"orderhub/transforms/schema"
)

// Behind its steps a token goes through the rest of its state, so that what it waited for is not begun again.
const (
	atBranches = iota
	atTask
	atRules
)

// advance runs every ready token until it needs an answer, or stops.
func (t *turn) advance(ctx context.Context) error {
	for {
		i := slices.IndexFunc(t.in.Tokens, func(tok *Token) bool { return tok.ready && !tok.later && tok.Phase == Running && t.movable(tok) })
		if i < 0 {
			return nil
		}
		if err := t.run(ctx, t.in.Tokens[i]); err != nil {
			return err
		}
	}
}

// movable tells that tok can do something in this turn.
func (t *turn) movable(tok *Token) bool {
	_, asks := t.spot(tok)
	return !asks || t.answeredAt(tok) || t.stops(tok)
}

// run moves tok by one step of its state.
func (t *turn) run(ctx context.Context, tok *Token) error {
	s := t.d.State(tok.State)
	if t.answeredAt(tok) {
		r := t.result
		t.result, t.taken = nil, true
		return t.take(tok, r)
	}
	if t.stops(tok) {
		t.halt(tok)
		return t.leaveNow()
	}
	if tok.Step < len(s.Steps) {
		k := s.Steps[tok.Step]
		vars, err := t.quick(ctx, tok, k.Made, t.exchange(tok, ""))
		if err != nil {
			return t.stepFailed(tok, k, err)
		}
		t.stepDone(tok, s, k, vars)
		return nil
	}
	return t.finish(tok, s)
}

// stops tells that tok stops here, because it is left. A step that it stood
// before when it was loaded is asked first: an earlier run of its message, which
// a stop or a crash ended, may have asked already, and the same Idempotency-Key gives its answer.
func (t *turn) stops(tok *Token) bool {
	_, asks := t.spot(tok)
	return (!asks || tok.moved) && t.leaving(tok)
}

// quick runs a step that asks nobody, in the turn's unit. It gives the variables that the step set.
func (t *turn) quick(ctx context.Context, tok *Token, m made, x *hub.Exchange) (set []hub.Var, err error) {
	t.fixed = true
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
func (t *turn) stepDone(tok *Token, s *definition.State, k *definition.Step, set []hub.Var) {
	for _, v := range set {
		t.set(tok, v)
	}
	if k.Compensation != nil {
		u := Undo{Where: k.Where, State: s.Name, Visit: t.in.visit(t.m.Name, tok), Vars: t.in.items(tok, nil)}
		if k.As != "" {
			u.Vars = u.Vars.With(k.As, t.in.vars(tok).Get(k.As))
		}
		t.in.Undo = append(t.in.Undo, u)
	}
	tok.Step++
	tok.moved = true
	tok.clear()
}

// set gives a variable to the item branch around tok, or to the instance.
func (t *turn) set(tok *Token, v hub.Var) {
	item := v.Name != t.d.DataName
	t.in.set(tok, item, v.Name, v.Value)
}

// finish is what comes behind the steps of a state.
func (t *turn) finish(tok *Token, s *definition.State) error {
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
	case s.Final:
		return t.end(tok)
	case s.Outer != nil && s.Next == nil && !s.Waits(): // the end of a branch needs no word
		return t.end(tok)
	case s.Waits() || t.globally():
		tok.Phase, tok.ready = Waiting, false
		return t.recall()
	}
	return t.fail(tok, hub.Fail(hub.Invalid, "no_rule", "no rule of `next` holds in state %s, and it waits for nothing", s.Name))
}

// globally tells that some event may still take the instance out of any state.
func (t *turn) globally() bool {
	return slices.ContainsFunc(t.d.Receive, func(r *definition.Reaction) bool { return t.active(r) })
}

// react does what r says, if its condition holds: its steps, and where it leads. suffix tells it from other reactions of the visit.
func (t *turn) react(tok *Token, r *definition.Reaction, suffix string, more ...hub.Var) (hit bool, err error) {
	if r.When != nil {
		t.fixed = t.fixed || !r.When.Pure()
		if hit, err = r.When.Holds(t.frame(tok, more...)); err != nil || !hit {
			return false, err
		}
	}
	for i, m := range r.Steps {
		set, err := t.quick(context.Background(), tok, m, t.exchange(tok, suffix+"."+strconv.Itoa(i+1), more...))
		if err != nil {
			return true, hub.At(err, m.Where, m.Line)
		}
		for _, v := range set {
			t.set(tok, v)
		}
	}
	if r.To != "" {
		t.note(tok, r.Line, "chose", "%s because %s", r.To, t.why(tok, r, suffix, more...))
		return true, t.goTo(tok, t.d.State(r.To))
	}
	if s := t.d.State(tok.State); tok.Phase == Waiting && s.Next != nil && tok.Task == nil { // what was set may make a rule hold; a person is waited for
		tok.Phase, tok.ready = Running, true
	}
	return true, nil
}

// end closes a branch, or the instance.
func (t *turn) end(tok *Token) error {
	tok.ready = false
	if tok.Up < 0 {
		t.shut(tok)
		return nil
	}
	t.disarm(tok)
	t.count(tok.State, -1)
	tok.Phase = Done
	up := t.in.token(tok.Up)
	children := t.in.children(up)
	if slices.ContainsFunc(children, func(c *Token) bool { return c.Phase != Done }) {
		return nil
	}
	return t.join(up, children)
}

// shut closes the instance.
func (t *turn) shut(root *Token) {
	t.disarm(root)
	root.Phase = Done
	t.in.Closed = t.now
	for _, e := range t.in.Early {
		t.note(root, "", "dropped", "event %s: no state took it", e.Name)
		t.callOff(t.keeper(e))
	}
	t.in.Early = nil
	t.in.Undo = nil
	t.note(root, "", "closed", "%s", root.State)
}

// fork begins the branches of a state.
func (t *turn) fork(tok *Token, s *definition.State) error {
	tok.Phase, tok.ready, tok.Step = Forked, false, len(s.Steps)+atTask
	var begun []*Token
	for _, f := range s.Branches {
		c := t.spawn(tok, f.Name)
		begun = append(begun, c)
		if err := t.enter(c, f.Initial); err != nil {
			return err
		}
	}
	if s.Each != nil {
		t.fixed = true
		list, err := s.Each.List.Value(t.frame(tok))
		if err != nil {
			return err
		}
		i := 0
		for _, v := range list.Elems() {
			c := t.spawn(tok, strconv.Itoa(i))
			c.Vars = hub.Vars{{Name: s.Each.Item, Value: v}, {Name: "index", Value: doc.IntValue(int64(i))}}
			begun = append(begun, c)
			if err := t.enter(c, s.Each.Initial); err != nil {
				return err
			}
			i++
		}
	}
	if len(begun) == 0 {
		return t.join(tok, nil)
	}
	return nil
}

// join goes on behind the branches, with their results.
func (t *turn) join(tok *Token, children []*Token) error {
	s := t.d.State(tok.State)
	if s.Each != nil && s.Each.As != "" {
		results := make([]doc.Value, len(children))
		for i, c := range children {
			results[i] = c.Vars.Document()
		}
		t.set(tok, hub.Var{Name: s.Each.As, Value: doc.ListOf(results)})
	}
	t.remove(children)
	tok.Phase, tok.ready = Running, true
	t.note(tok, s.Line, "joined", "%d branches", len(children))
	return nil
}
