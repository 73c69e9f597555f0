package schema

import (
	"slices"

	"orderhub/hub/doc"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// valueSet is the values of an enum or a const.
type valueSet struct {
	texts  []string
	index  map[string]bool // texts, if they are many
	others []doc.Value
}

const manyTexts = 8

// values compiles enum and const; with both a value must be in both.
func (f *fastCompiler) values(c *checker, s *jsonschema.Schema) *valueSet {
	switch {
	case s.Enum == nil && s.Const == nil:
		return nil
	case s.Enum == nil:
		return newValueSet(c, []any{*s.Const})
	case s.Const != nil:
		c.also = append(c.also, &checker{kinds: anyKind, exact: true, values: newValueSet(c, []any{*s.Const})})
	}
	return newValueSet(c, s.Enum.Values)
}

func newValueSet(c *checker, values []any) *valueSet {
	set := &valueSet{}
	for _, x := range values {
		if text, ok := x.(string); ok {
			set.texts = append(set.texts, text)
			continue
		}
		v, err := doc.FromAny(x)
		if err != nil {
			c.never, c.exact = true, false
		}
		set.others = append(set.others, v)
	}
	if len(set.texts) > manyTexts {
		set.index = make(map[string]bool, len(set.texts))
		for _, text := range set.texts {
			set.index[text] = true
		}
	}
	return set
}

func (set *valueSet) has(v doc.Value) bool {
	if v.Kind() != doc.String {
		return slices.ContainsFunc(set.others, func(o doc.Value) bool { return doc.Equal(o, v) })
	}
	if set.index != nil {
		return set.index[v.Str()]
	}
	return slices.Contains(set.texts, v.Str())
}
