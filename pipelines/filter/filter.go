// Package filter is the Message Filter: a message for which the condition does not hold ends here.
package filter

import (
	"context"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/transforms/formula"
)

// Pattern is the verb `filter`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "filter", Compile: compile,
		Passes: pipelines.PassesFewer.Always}
}

func compile(b *pipelines.Build) hub.Step {
	keep, site := b.Condition(b.Node, b.Flow.Scope), b.Site
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		ok, err := keep.Holds(formula.NewFrame(x))
		if err != nil {
			return err
		}
		if !ok {
			site.Note(x, x.Clock(), "filtered", "not "+keep.Source())
			return nil
		}
		return next(ctx, x)
	})
}
