// Package translate is the Message Translator: it gives a message another
// shape, written as the target shape with formulas at its leaves.
package translate

import (
	"context"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// Pattern is the verb `translate`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "translate", Compile: compile,
		Passes: pipelines.PassesAll.Always}
}

func compile(b *pipelines.Build) hub.Step {
	tree := b.Node
	if use := b.Node.Get("use"); use != nil && len(b.Node.Keys()) == 1 {
		if tree = b.Include(use); tree == nil {
			return nil
		}
	}
	if tree.Kind() != yamlfile.Map && !tree.IsFormula() {
		b.Node.Errorf("E260", "write the target's fields: order_id: =body.orderNumber", "translate takes a map of fields")
		return nil
	}
	value := b.Value(tree, b.Flow.Scope, nil)
	b.Flow.SetBody(value.Type())
	var frames formula.Frames
	return b.Does("translated", func(_ context.Context, x *hub.Exchange) (string, error) {
		fr := frames.Get(x)
		v, err := value.Apply(fr)
		frames.Put(fr)
		if err == nil {
			x.Msg = x.Msg.WithBody(hub.DocumentBody(v))
		}
		return "", err
	})
}
