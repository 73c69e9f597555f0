// Package validate checks rules of the business: a message that breaks one is invalid.
package validate

import (
	"context"
	_ "embed"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/schema"
)

//go:embed README.md
var readme string

// Pattern is the verb `validate`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "validate", Name: "Message validation", Doc: readme, Compile: compile,
		Process: true, Passes: pipelines.PassesAll.Always}
}

func compile(b *pipelines.Build) hub.Step {
	items := b.Node.Items()
	var sch *schema.Schema
	if b.Node.Kind() == yamlfile.Map {
		b.Node.Allow("validate", "schema", "rules")
		if n := b.Node.Get("schema"); n != nil {
			if sch = b.Schema(n); sch != nil {
				b.Flow.SetBody(sch.Shape())
			}
		}
		list := b.Node.Get("rules")
		if items = list.Items(); list != nil && list.Kind() != yamlfile.List {
			list.Errorf("E260", "write each with a dash: - {rule: len(body.items) > 0, say: the order has no items}", "`rules` is a list of rules, this is %s", list.Kind())
			return nil
		}
		if b.Node.Get("schema") != nil && sch == nil {
			return nil
		}
	}
	if len(items) == 0 && sch == nil {
		b.Node.Errorf("E260", "write - {rule: len(body.items) > 0, say: the order has no items}", "validate takes a list of rules, or a schema")
		return nil
	}
	rules := b.Rules(items, b.Flow.Scope)
	site := b.Site
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		began := x.Clock()
		if sch != nil {
			v, err := x.Doc()
			if err != nil {
				return err
			}
			if bad := sch.Validate(v); bad != nil {
				return bad.Tell()
			}
		}
		if err := rules.Check(x); err != nil {
			return err
		}
		site.Note(x, began, "valid", "")
		return next(ctx, x)
	})
}
