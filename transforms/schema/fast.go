package schema

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderhub/hub/doc"
)

// checker decides whether a value is certainly valid. With exact, not ok means certainly invalid.
type checker struct {
	kinds   kinds // the kinds that may be valid
	plain   kinds // of these, the kinds that are, whatever the value
	whole   bool  // numbers must be whole
	never   bool  // this schema is beyond the fast check
	exact   bool
	values  *valueSet // enum and const
	object  *objectCheck
	array   *arrayCheck
	text    *textCheck
	number  *numberCheck
	also    []*checker             // $ref and allOf
	choices []func(doc.Value) bool // anyOf, oneOf, not and if
}

// kinds is a set of doc.Kind.
type kinds uint8

const anyKind = kinds(1<<doc.Null | 1<<doc.Bool | 1<<doc.Number | 1<<doc.String | 1<<doc.Array | 1<<doc.Object)

// ok reports whether v is valid. Missing is null, as it is for the library.
func (c *checker) ok(v doc.Value) bool {
	kind := kinds(1) << max(v.Kind(), doc.Null)
	return c.plain&kind != 0 || c.kinds&kind != 0 && c.deep(v)
}

// deep checks a value of a kind that may be valid.
func (c *checker) deep(v doc.Value) bool {
	if c.never {
		return false
	}
	switch v.Kind() {
	case doc.Object:
		if c.object != nil && !c.object.ok(v) {
			return false
		}
	case doc.Array:
		if c.array != nil && !c.array.ok(v) {
			return false
		}
	case doc.String:
		if c.text != nil && !c.text.ok(v.Str()) {
			return false
		}
	case doc.Number:
		if (c.whole || c.number != nil) && !c.numberOK(v.Num()) {
			return false
		}
	}
	if c.values != nil && !c.values.has(v) {
		return false
	}
	return c.also == nil && c.choices == nil || c.combinedOK(v)
}

func (c *checker) numberOK(d doc.Decimal) bool {
	return (!c.whole || d.Scale() == 0 || d.IsInt()) && (c.number == nil || c.number.ok(d))
}

// combinedOK checks the value against the other schemas that apply to it.
func (c *checker) combinedOK(v doc.Value) bool {
	for _, other := range c.also {
		if !other.ok(v) {
			return false
		}
	}
	for _, choice := range c.choices {
		if !choice(v) {
			return false
		}
	}
	return true
}

// fastCompiler makes the checkers of the library's compiled schemas, one for each.
type fastCompiler struct {
	made map[*jsonschema.Schema]*checker
	open map[*jsonschema.Schema]bool // being made: not known to be exact yet
}

func compileFast(s *jsonschema.Schema) *checker {
	f := fastCompiler{made: map[*jsonschema.Schema]*checker{}, open: map[*jsonschema.Schema]bool{}}
	return f.compile(s)
}

func (f *fastCompiler) compile(s *jsonschema.Schema) *checker {
	if c := f.made[s]; c != nil {
		return c
	}
	c := &checker{kinds: anyKind, exact: true}
	f.made[s] = c
	switch {
	case s.Bool != nil:
		if !*s.Bool {
			c.kinds = 0
		}
		return c
	case beyond(s) || loops(s):
		c.need(false)
		return c
	}
	f.open[s] = true
	c.kinds, c.whole = typesOf(s)
	c.values = f.values(c, s)
	c.object = f.object(c, s)
	c.array = f.array(c, s)
	c.text = newTextCheck(s)
	c.number = newNumberCheck(c, s)
	f.others(c, s)
	delete(f.open, s)
	c.plain = c.settled()
	return c
}

// settled returns the kinds of which nothing more is to be checked.
func (c *checker) settled() kinds {
	if c.never || c.values != nil || c.also != nil || c.choices != nil {
		return 0
	}
	set := c.kinds
	for kind, checked := range map[doc.Kind]bool{doc.Object: c.object != nil, doc.Array: c.array != nil, doc.String: c.text != nil,
		doc.Number: c.number != nil || c.whole} {
		if checked {
			set &^= 1 << kind
		}
	}
	return set
}

// child compiles a part of the schema of c, if there is one.
func (f *fastCompiler) child(c *checker, s *jsonschema.Schema) *checker {
	if s == nil {
		return nil
	}
	part := f.compile(s)
	if f.open[s] || !part.exact {
		c.exact = false
	}
	return part
}

// need gives up the schema if what it needs is not so.
func (c *checker) need(ok bool) {
	if !ok {
		c.never, c.exact = true, false
	}
}

// beyond reports keywords that only the library decides.
func beyond(s *jsonschema.Schema) bool {
	return s.RecursiveRef != nil || s.DynamicRef != nil || s.PropertyNames != nil || len(s.PatternProperties) > 0 || len(s.Dependencies) > 0 ||
		len(s.DependentSchemas) > 0 || s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil || s.Contains != nil ||
		s.AdditionalItems != nil || s.ContentEncoding != nil || s.ContentMediaType != nil || s.ContentSchema != nil || len(s.Extensions) > 0
}

// inPlace lists the schemas that s applies to the same value, but for not; nil stands for one that s has not.
func inPlace(s *jsonschema.Schema) []*jsonschema.Schema {
	return slices.Concat([]*jsonschema.Schema{s.Ref, s.RecursiveRef, refOf(s.DynamicRef), s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf,
		slices.Collect(maps.Values(s.DependentSchemas)))
}

// loops reports whether s applies itself to the same value: that would never end. The library makes an error of it.
func loops(s *jsonschema.Schema) bool {
	seen := map[*jsonschema.Schema]bool{nil: true}
	var reaches func(*jsonschema.Schema) bool
	reaches = func(from *jsonschema.Schema) bool {
		return slices.ContainsFunc(append(inPlace(from), from.Not), func(next *jsonschema.Schema) bool {
			known := seen[next]
			seen[next] = true
			return next == s || !known && reaches(next)
		})
	}
	return reaches(s)
}

var kindsOf = map[string]kinds{"null": 1 << doc.Null, "boolean": 1 << doc.Bool, "number": 1 << doc.Number, "integer": 1 << doc.Number,
	"string": 1 << doc.String, "array": 1 << doc.Array, "object": 1 << doc.Object}

// typesOf is what the keyword type allows, and whether numbers must be whole.
func typesOf(s *jsonschema.Schema) (set kinds, whole bool) {
	if s.Types == nil || s.Types.IsEmpty() {
		return anyKind, false
	}
	names := s.Types.ToStrings()
	for _, name := range names {
		set |= kindsOf[name]
	}
	return set, slices.Contains(names, "integer") && !slices.Contains(names, "number")
}

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
		parts := f.children(c, s.AnyOf)
		c.choices = append(c.choices, func(v doc.Value) bool { return fitting(parts, v, 1) == 1 })
	}
	if len(s.OneOf) > 0 {
		parts, most := f.children(c, s.OneOf), 2
		if areDisjoint(parts) {
			most = 1
		}
		c.need(most == 1 || !slices.ContainsFunc(parts, func(p *checker) bool { return !p.exact }))
		c.choices = append(c.choices, func(v doc.Value) bool { return fitting(parts, v, most) == 1 })
	}
	if s.Not != nil {
		not := f.child(c, s.Not)
		c.need(not.exact && !f.open[s.Not])
		c.choices = append(c.choices, func(v doc.Value) bool { return !not.ok(v) })
	}
	if s.If != nil {
		test, then, otherwise := f.child(c, s.If), f.child(c, s.Then), f.child(c, s.Else)
		c.need(test.exact && !f.open[s.If])
		c.choices = append(c.choices, func(v doc.Value) bool {
			branch := otherwise
			if test.ok(v) {
				branch = then
			}
			return branch == nil || branch.ok(v)
		})
	}
}

// fitting counts the parts that v is valid for, up to most.
func fitting(parts []*checker, v doc.Value, most int) int {
	n := 0
	for _, p := range parts {
		if n < most && p.ok(v) {
			n++
		}
	}
	return n
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
