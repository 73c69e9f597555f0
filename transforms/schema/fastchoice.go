package schema

import (
	"orderhub/hub/doc"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// others compiles the keywords that apply other schemas to the same value. What they allow narrows the kinds.
func (f *fastCompiler) others(c *checker, s *jsonschema.Schema) {
	if s.Ref != nil {
		c.also = append(c.also, f.child(c, s.Ref))
	}
	if s.Ref == nil || s.DraftVersion >= 2019 { // before, nothing counts beside $ref
		f.combined(c, s)
	}
	for _, part := range c.also {
		c.kinds &= part.kinds
	}
}

// combined compiles allOf, anyOf, oneOf, not and if.
func (f *fastCompiler) combined(c *checker, s *jsonschema.Schema) {
	for _, part := range s.AllOf {
		c.also = append(c.also, f.child(c, part))
	}
	if len(s.AnyOf) > 0 {
		c.choices = append(c.choices, &choice{parts: f.children(c, s.AnyOf)})
	}
	if len(s.OneOf) > 0 {
		parts := f.children(c, s.OneOf)
		disjoint := areDisjoint(parts)
		f.need(c, disjoint || allExact(parts))
		c.choices = append(c.choices, &choice{parts: parts, one: !disjoint})
	}
	if s.Not != nil {
		not := f.child(c, s.Not)
		f.need(c, not.exact && !f.open[s.Not])
		c.choices = append(c.choices, &choice{not: not})
	}
	if s.If != nil {
		test := f.child(c, s.If)
		f.need(c, test.exact && !f.open[s.If])
		c.choices = append(c.choices, &choice{test: test, then: f.optional(c, s.Then), otherwise: f.optional(c, s.Else)})
	}
}

// need gives up the schema if what it needs is not so.
func (f *fastCompiler) need(c *checker, ok bool) {
	if !ok {
		c.never, c.exact = true, false
	}
}

func (f *fastCompiler) optional(c *checker, s *jsonschema.Schema) *checker {
	if s == nil {
		return nil
	}
	return f.child(c, s)
}

func (f *fastCompiler) children(c *checker, all []*jsonschema.Schema) []*checker {
	parts := make([]*checker, len(all))
	for i, s := range all {
		parts[i] = f.child(c, s)
		if f.open[s] { // not known to be exact yet
			parts[i] = &checker{kinds: anyKind, also: []*checker{parts[i]}}
		}
	}
	return parts
}

func allExact(parts []*checker) bool {
	for _, p := range parts {
		if !p.exact {
			return false
		}
	}
	return true
}

// areDisjoint reports that no value can be valid for two of the parts, by its kind alone.
func areDisjoint(parts []*checker) bool {
	var seen kinds
	for _, p := range parts {
		if seen&p.kinds != 0 {
			return false
		}
		seen |= p.kinds
	}
	return true
}

// choice is anyOf or oneOf (parts), not, or if.
type choice struct {
	parts           []*checker
	one             bool // exactly one part
	not             *checker
	test            *checker
	then, otherwise *checker
}

func (c *choice) ok(v doc.Value) bool {
	switch {
	case c.not != nil:
		return !c.not.ok(v)
	case c.test != nil:
		branch := c.otherwise
		if c.test.ok(v) {
			branch = c.then
		}
		return branch == nil || branch.ok(v)
	}
	valid := 0
	for _, p := range c.parts {
		if p.ok(v) {
			valid++
			if !c.one {
				return true
			}
		}
	}
	return valid == 1
}
