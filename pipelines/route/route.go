// Package route is the Content-Based Router: the first branch whose condition holds takes the message.
package route

import (
	"cmp"
	"context"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Pattern is the verb `route`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "route", Compile: compile,
		Process: true, Passes: passes, Inner: inner}
}

// passes is what the steps of the branches do: the message goes on behind them.
func passes(_ *yamlfile.Node, inside pipelines.Passing) pipelines.Passing { return inside }

// inner are the steps of all branches.
func inner(step *yamlfile.Node) (out []*yamlfile.Node) {
	for _, branch := range step.Get("route").Items() {
		if steps := branch.Get("steps"); steps != nil {
			out = append(out, steps.Items()...)
		} else {
			out = append(out, branch)
		}
	}
	return out
}

type branch struct {
	when *pipelines.Condition // nil: else
	step hub.Step
}

func compile(b *pipelines.Build) hub.Step {
	if b.Node.Kind() != yamlfile.List || len(b.Node.Items()) == 0 {
		b.Node.Errorf("E262", "write - {when: body.total > 100, send: orders.priority}", "route takes a list of branches")
		return nil
	}
	var branches []branch
	var flows []*pipelines.Flow
	closed := false
	for _, item := range b.Node.Items() {
		if closed {
			item.Errorf("E263", "move it above the else", "this branch is never taken: it stands behind the else")
		}
		if !item.Is(yamlfile.Map, "E263", "write - {when: body.total > 100, send: orders.priority}", "a branch is a map with a condition and a step") {
			continue
		}
		flow := b.Flow.Branch()
		br := branch{}
		when, other := item.Get("when"), item.Get("else")
		switch {
		case when != nil && other != nil:
			item.Errorf("E263", "remove one of them", "a branch has `when` or `else`, not both")
		case when != nil:
			br.when = b.Condition(when, b.Flow.Scope)
		case other != nil:
			if v, ok := other.Bool(); ok && !v {
				other.Errorf("E263", "write else: true", "else is always true")
			}
			closed = true
		default:
			item.Errorf("E263", "add when: and a condition, or else: true", "this branch has no condition")
		}
		if steps := item.Get("steps"); steps != nil {
			item.Allow("branch", "when", "else", "steps")
			br.step = b.Steps(steps, flow)
		} else {
			br.step = b.Inner(item, flow, "when", "else")
		}
		branches, flows = append(branches, br), append(flows, flow)
	}
	if !closed {
		flows = append(flows, b.Flow.Branch())
	}
	b.Flow.Merge(flows...)
	return &router{site: b.Site, branches: branches}
}

type router struct {
	site     pipelines.Site
	branches []branch
	frames   formula.Frames
}

// Process runs the first branch that holds, then what follows the router; no
// branch: the message goes on unchanged.
func (r *router) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	taken, err := r.choose(x)
	if err != nil {
		return err
	}
	if taken == nil {
		return next(ctx, x)
	}
	if x.Trace {
		r.site.Note(x, x.Clock(), "chose", cmp.Or(taken.when.Source(), "else"))
	}
	return taken.step.Process(ctx, x, next)
}

// choose is the first branch that holds; nil: none.
func (r *router) choose(x *hub.Exchange) (*branch, error) {
	fr := r.frames.Get(x)
	defer r.frames.Put(fr)
	for i := range r.branches {
		br := &r.branches[i]
		if br.when == nil {
			return br, nil
		}
		ok, err := br.when.Holds(fr)
		if err != nil || ok {
			return br, err
		}
	}
	return nil, nil
}
