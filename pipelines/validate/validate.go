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

type validator struct {
	site   pipelines.Site
	schema *schema.Schema // nil: none
	rules  pipelines.Rules
}

func compile(b *pipelines.Build) hub.Step {
	v := &validator{site: b.Site}
	list := b.Node
	if b.Node.Kind() == yamlfile.Map {
		b.Node.Allow("validate", "schema", "rules")
		list = b.Node.Get("rules")
		if list != nil && list.Kind() != yamlfile.List {
			list.Errorf("E260", "write each with a dash: - {rule: len(body.items) > 0, say: the order has no items}", "`rules` is a list of rules, this is %s", list.Kind())
			return nil
		}
		if n := b.Node.Get("schema"); n != nil {
			if v.schema = b.Schema(n); v.schema == nil {
				return nil
			}
			b.Flow.SetBody(v.schema.Shape())
		}
	}
	if len(list.Items()) == 0 && v.schema == nil {
		b.Node.Errorf("E260", "write - {rule: len(body.items) > 0, say: the order has no items}", "validate takes a list of rules, or a schema")
		return nil
	}
	v.rules = b.Rules(list.Items(), b.Flow.Scope)
	return v
}

// Process passes on what fits the schema and breaks no rule.
func (v *validator) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	began := x.Clock()
	if v.schema != nil {
		body, err := x.Doc()
		if err != nil {
			return err
		}
		if bad := v.schema.Validate(body); bad != nil {
			return bad.Tell()
		}
	}
	if err := v.rules.Check(x); err != nil {
		return err
	}
	v.site.Note(x, began, "valid", "")
	return next(ctx, x)
}
