// Package validate checks rules of the business: a message that breaks one is invalid.
package validate

import (
	"cmp"
	"context"
	_ "embed"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/schema"
	"orderhub/transforms/shape"
)

//go:embed README.md
var readme string

// Pattern is the verb `validate`.
func Pattern() pipelines.Pattern {
	return pipelines.Pattern{Verb: "validate", Name: "Message validation", Doc: readme, Compile: compile}
}

type rule struct {
	holds *pipelines.Condition
	say   *pipelines.Value
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
	rules := compileRules(b, items)
	return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
		began := x.Clock()
		if sch != nil {
			v, err := x.Doc()
			if err != nil {
				return err
			}
			if bad := sch.Validate(v); bad != nil {
				return bad
			}
		}
		if err := check(x, rules); err != nil {
			return err
		}
		b.Note(x, began, "valid", "")
		return next(ctx, x)
	})
}

func compileRules(b *pipelines.Build, items []*yamlfile.Node) (rules []rule) {
	for _, item := range items {
		item.Allow("rule", "rule", "say")
		r := item.Get("rule")
		if r == nil {
			item.Errorf("E103", "add rule: and a condition", "a rule needs `rule`")
			continue
		}
		c := rule{holds: b.Condition(r, b.Flow.Scope)}
		if s := item.Get("say"); s != nil {
			c.say = b.Value(s, b.Flow.Scope, shape.StringType)
		}
		rules = append(rules, c)
	}
	return rules
}

// check tells all broken rules at once, and those that could not be evaluated.
func check(x *hub.Exchange, rules []rule) error {
	fr := formula.NewFrame(x)
	var said []string
	var failed *hub.Error
	broken := false
	for _, r := range rules {
		ok, err := r.holds.Holds(fr)
		if err != nil {
			e := hub.AsError(err)
			if e.Class != hub.Invalid || e.Reason != formula.ReasonTransform {
				return err
			}
			said, failed = append(said, e.Error()), cmp.Or(failed, e)
			continue
		}
		if ok {
			continue
		}
		broken = true
		say := "rule broken: " + r.holds.Source()
		if r.say != nil {
			v, err := r.say.Apply(fr)
			if err != nil {
				return err
			}
			say = cmp.Or(v.Text(), say)
		}
		said = append(said, say)
	}
	switch {
	case len(said) == 0:
		return nil
	case !broken && len(said) == 1:
		return failed
	}
	bad := hub.Fail(hub.Invalid, "rule", "%s", strings.Join(said, "; "))
	for _, say := range said {
		bad.Fields = append(bad.Fields, hub.FieldError{Detail: say})
	}
	if failed != nil {
		bad.Line = failed.Line
	}
	return bad
}
