package pipelines

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/escape"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// modifiers are the keys that may stand beside any verb.
var modifiers = []string{"when", "with", "headers", "as", "timeout", "retry", "errors", "compensate", "expires", "shadow", "format"}

// everywhere are the modifiers that every pattern has, because they are handled here.
var everywhere = []string{"when", "retry", "errors"}

// step compiles b.Step. beside are keys of the map that belong to somebody else.
func (b *Build) step(beside ...string) hub.Step {
	n := b.Step
	if n.Kind() == yamlfile.Scalar {
		n.Errorf("E201", "write a map: - "+n.Raw()+": …", "a step is a map with one verb, this is %q", n.Raw())
		return nil
	}
	if !n.Is(yamlfile.Map, "E201", "write a verb: - send: orders", "a step is a map with one verb") {
		return nil
	}
	b.place = &hub.Place{Outer: b.outer}
	p := b.verb(beside)
	if p == nil {
		b.unknown()
		return nil
	}
	b.pattern, b.Node = p, n.Get(p.Verb)
	b.label(p)
	if !b.nested {
		b.pl.Steps++
	}
	known := slices.Concat([]string{p.Verb}, everywhere, p.Modifiers, beside)
	for _, k := range n.Keys() {
		if slices.Contains(modifiers, k) && !slices.Contains(known, k) {
			if b.plan.reg.Later[k] {
				n.KeyNode(k).Errorf("E210", notYet, "`%s` is not yet available", k)
			} else {
				n.KeyNode(k).Errorf("E205", "remove it, or move it to the step it belongs to", "`%s` has no effect on %s", k, p.Verb)
			}
			known = append(known, k)
		}
	}
	n.Allow(p.Verb+" step", known...)
	before := b.Flow.Branch()
	b.pl.keeps = b.pl.keeps || p.Keeps
	s := p.Compile(b)
	b.pl.gated = b.pl.gated || !b.nested && !b.Flow.onError && b.plan.reg.passes(n) != PassesAll
	if s == nil {
		b.unknown()
	}
	return b.wrap(s, before)
}

// unknown leaves nothing assumed behind a step that could not be compiled, so
// that one fault is told once.
func (b *Build) unknown() {
	b.Flow.SetBody(shape.AnyType)
	if as := b.Modifier("as"); as != nil && as.Kind() == yamlfile.Scalar {
		b.Flow.SetVar(as.Raw(), shape.AnyType)
	}
}

// verb finds the step's one verb, and says what is wrong when there is none or more.
func (b *Build) verb(beside []string) *Pattern {
	verbs := b.plan.reg.verbs(b.Step, beside)
	switch len(verbs) {
	case 1:
		return verbs[0]
	case 0:
		b.noVerb(beside)
	default:
		first, second := verbs[0].Verb, verbs[1].Verb
		b.Step.KeyNode(second).Errorf("E202", "forgot a dash? write `- "+second+":` as a step of its own", "this step has two verbs, %s and %s", first, second)
	}
	return nil
}

func (b *Build) noVerb(beside []string) {
	n := b.Step
	for _, k := range n.Keys() {
		if slices.Contains(modifiers, k) || slices.Contains(beside, k) {
			continue
		}
		at := n.KeyNode(k)
		if ours := b.plan.reg.Foreign[k]; ours != "" {
			at.Errorf("E203", "write "+ours, "unknown step %q", k)
		} else if b.plan.reg.Later[k] {
			at.Errorf("E210", notYet, "the step `%s` is not yet available", k)
		} else {
			at.Errorf("E203", didYouMean(k, b.plan.reg.verbNames()), "unknown step %q", k)
		}
		return
	}
	n.Errorf("E201", "one of "+strings.Join(b.plan.reg.verbNames(), ", "), "this step has no verb")
}

func didYouMean(name string, known []string) string {
	return cmp.Or(shape.Known(name, known), "none is declared")
}

// label names the step for history, errors and idempotency keys: its verb and
// what it names, not its place in the list, so that an edit above it changes nothing.
func (b *Build) label(p *Pattern) {
	label := b.within + p.Verb
	if name := b.object(p); name != "" {
		label += " " + name
	}
	if b.names[label]++; b.names[label] > 1 {
		label = fmt.Sprintf("%s~%d", label, b.names[label])
	}
	b.Site = Site{Where: b.pl.Name + "/" + label, Line: b.Step.Line()}
}

// object is what a step that talks to somebody names: the channel, the adapter, the operation.
func (b *Build) object(p *Pattern) string {
	if p.Object == nil {
		return ""
	}
	switch n := p.Object(b.Step); {
	case n.IsFormula():
		return ""
	case n.Kind() == yamlfile.Map && len(n.Keys()) > 0:
		return n.Keys()[0]
	default:
		return n.Raw()
	}
}

// wrap gives the step its `when`, `retry` and `errors`, and its name to its errors.
func (b *Build) wrap(s hub.Step, before *Flow) hub.Step {
	when := b.when(before)
	if n := b.Step.KeyNode("errors"); n != nil && b.pl.From.Section != "" {
		n.Errorf("E290", "write it at the state: errors: {out_of_stock: {goto: cancelling}}", "the errors of a step in %s belong to its state", b.pl.From.Section)
		return nil
	}
	react := b.reactions(before)
	if s == nil {
		return nil
	}
	if when != nil {
		b.Flow.Merge(before, b.Flow.Branch())
	}
	place := b.place
	place.Where, place.Line, place.React = b.Where, b.Line, react
	step := at(place, s)
	if when == nil {
		return step
	}
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		ok, err := when.Holds(formula.NewFrame(x))
		switch {
		case err != nil:
			return hub.Catch(err, place, x.Msg)
		case !ok:
			return next(ctx, x)
		}
		return step.Process(ctx, x, next)
	})
}

// at is a step whose own errors have its place, and with it its reactions.
func at(place *hub.Place, s hub.Step) hub.Step {
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		msg := x.Msg
		var err error
		if x.Bodies == nil {
			err = s.Process(ctx, x, next)
		} else {
			err = x.Bodies.Run(ctx, place, s, x, next)
		}
		if err != nil {
			return hub.Catch(err, place, msg)
		}
		return nil
	})
}

func (b *Build) when(before *Flow) *Condition {
	if n := b.Modifier("when"); n != nil && b.Node != nil && !b.branch {
		return b.Condition(n, before.Scope)
	}
	return nil
}

// Site is where a step stands in the configuration: what is left of Build when the step runs.
type Site struct {
	Where string // pipeline/label: names the step in history, errors and idempotency keys
	Line  string // file:line
}

// At says that err happened in this step; its own reaction is added around it.
func (s Site) At(err error) error { return hub.At(err, s.Where, s.Line) }

// Note adds to the message's history what this step did.
func (s Site) Note(x *hub.Exchange, began time.Time, what, detail string) {
	if x.Trace {
		x.Note(hub.Event{Time: began, Where: s.Where, Line: s.Line, What: what, Detail: detail, Took: x.Now().Sub(began)})
	}
}

// Does is a step behind which every message goes on. do may change x; the history has what was done, with the detail that do gives.
func (s Site) Does(what string, do func(ctx context.Context, x *hub.Exchange) (detail string, err error)) hub.Step {
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		began := x.Clock()
		detail, err := do(ctx, x)
		if err != nil {
			return err
		}
		s.Note(x, began, what, detail)
		return next(ctx, x)
	})
}

// Suffix names the step within the IDs of the messages that it makes.
func (s Site) Suffix() string { return strings.ReplaceAll(s.Where, "/", ".") }

// IdempotencyKey is the key of a request that this step makes for x: the same on every attempt.
func (s Site) IdempotencyKey(x *hub.Exchange) string {
	key := escape.Segments(x.Msg.ID) + "/" + strings.ReplaceAll(s.Where, " ", ".")
	if len(key) > 200 {
		key = hub.Clip(x.Msg.Root(), 60) + "/" + hub.HashID(key)
	}
	return key
}
