// Package validate checks rules of the business: a message that breaks one is invalid.
package validate

import (
	"context"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
)

// Pattern is the verb `validate`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "validate", Compile: compile,
		Process: true, Passes: pipelines.PassesAll.Always}
}

func compile(b *pipelines.Build) hub.Step {
	var fit *schema.Schema
	list := b.Node
	if b.Node.Kind() == yamlfile.Map {
		b.Node.Allow("validate", "schema", "rules")
		list = b.Node.Get("rules")
		if list != nil && !list.Is(yamlfile.List, "E260", "write each with a dash: - {rule: len(body.items) > 0, say: the order has no items}", "`rules` is a list of rules") {
			return nil
		}
		if n := b.Node.Get("schema"); n != nil {
			fit = b.Schema(n)
			b.Flow.SetBody(fit.Shape())
		}
	}
	if len(list.Items()) == 0 && b.Node.Get("schema") == nil {
		b.Node.Errorf("E260", "write - {rule: len(body.items) > 0, say: the order has no items}", "validate takes a list of rules, or a schema")
		return nil
	}
	rules := b.Rules(list.Items(), b.Flow.Scope)
	return b.Does("valid", func(_ context.Context, x *hub.Exchange) (string, error) {
		if bad := pipelines.Fits(fit, x.Msg); bad != nil {
			return "", bad.Tell()
		}
		return "", rules.Check(x)
	})
}
