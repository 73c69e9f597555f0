package pipelines

import (
	"cmp"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Rules are conditions that must hold, each with what is said when it does not:
// the step `validate`, and the `check:` of an operation.
type Rules []rule

type rule struct {
	holds *Condition
	say   *Value
}

// Rules compiles a list of {rule: condition, say: text}.
func (b *Build) Rules(items []*yamlfile.Node, scope *formula.Scope) (rules Rules) {
	for _, item := range items {
		item.Allow("rule", "rule", "say")
		r := item.Get("rule")
		if r == nil {
			item.Errorf("E103", "add rule: and a condition", "a rule needs `rule`")
			continue
		}
		rules = append(rules, rule{holds: b.Condition(r, scope), say: b.Value(item.Get("say"), scope, shape.StringType)})
	}
	return rules
}

// Check tells all broken rules at once, and those that could not be evaluated.
func (rules Rules) Check(x *hub.Exchange) error {
	if len(rules) == 0 {
		return nil
	}
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
	bad := hub.Fail(hub.Invalid, "rule", "%s", strings.Join(said, "; ")).Tell()
	for _, say := range said {
		bad.Fields = append(bad.Fields, hub.FieldError{Detail: say})
	}
	if failed != nil {
		bad.Line = failed.Line
	}
	return bad
}
