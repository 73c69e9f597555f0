package schema

import (
	"math"
	"math/big"
	"slices"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderhub/hub/doc"
)

// sizes bounds a number of characters, elements or fields.
type sizes struct{ least, most int }

var anySize = sizes{most: math.MaxInt}

func sizesOf(least, most *int) sizes {
	s := anySize
	if least != nil {
		s.least = *least
	}
	if most != nil {
		s.most = *most
	}
	return s
}

func (s sizes) ok(n int) bool { return n >= s.least && n <= s.most }

// arrayCheck is what a schema wants of arrays.
type arrayCheck struct {
	size   sizes
	first  []*checker
	items  *checker // behind first
	unique bool
}

// uniqueLimit is how many elements are compared each with each; more are left to the library.
const uniqueLimit = 32

func (f *fastCompiler) array(c *checker, s *jsonschema.Schema) *arrayCheck {
	a := &arrayCheck{size: sizesOf(s.MinItems, s.MaxItems), unique: s.UniqueItems}
	prefix, items := itemsOf(s)
	for _, part := range prefix {
		a.first = append(a.first, f.child(c, part))
	}
	a.items = f.child(c, items)
	if a.unique {
		c.exact = false
	} else if a.size == anySize && a.first == nil && a.items == nil {
		return nil
	}
	return a
}

func (a *arrayCheck) ok(v doc.Value) bool {
	n := v.Len()
	if !a.size.ok(n) || a.unique && n > uniqueLimit {
		return false
	}
	if a.items != nil || a.first != nil {
		for i, e := range v.Elems() {
			check := a.items
			if i < len(a.first) {
				check = a.first[i]
			}
			if check != nil && !check.ok(e) {
				return false
			}
		}
	}
	return !a.unique || distinct(v)
}

func distinct(v doc.Value) bool {
	var all [uniqueLimit]doc.Value
	for i, e := range v.Elems() {
		for _, before := range all[:i] {
			if doc.Equal(e, before) {
				return false
			}
		}
		all[i] = e
	}
	return true
}

// textCheck is what a schema wants of strings.
type textCheck struct {
	size    sizes // in characters
	pattern *pattern
	format  func(any) error
}

func newTextCheck(s *jsonschema.Schema) *textCheck {
	t := &textCheck{size: sizesOf(s.MinLength, s.MaxLength)}
	if s.Pattern != nil {
		t.pattern = newPattern(s.Pattern)
	}
	if s.Format != nil {
		t.format = s.Format.Validate
	}
	if t.size == anySize && t.pattern == nil && t.format == nil {
		return nil
	}
	return t
}

func (t *textCheck) ok(s string) bool {
	n := len(s)
	if n < t.size.least {
		return false
	}
	if (t.size.least > 1 && n < utf8.UTFMax*t.size.least || n > t.size.most) && !t.size.ok(utf8.RuneCountInString(s)) { // else the bytes tell enough
		return false
	}
	return (t.pattern == nil || t.pattern.match(s)) && (t.format == nil || t.format(s) == nil)
}

// numberCheck is what a schema wants of numbers.
type numberCheck struct {
	bounds     []bound
	multipleOf *doc.Decimal
}

// bound wants the comparison with limit to be one of two results.
type bound struct {
	limit     doc.Decimal
	sign      int // of number - limit
	inclusive bool
}

func newNumberCheck(c *checker, s *jsonschema.Schema) *numberCheck {
	n := &numberCheck{}
	for _, b := range []struct {
		limit     *big.Rat
		sign      int
		inclusive bool
	}{{s.Minimum, 1, true}, {s.ExclusiveMinimum, 1, false}, {s.Maximum, -1, true}, {s.ExclusiveMaximum, -1, false}} {
		if b.limit != nil {
			n.bounds = append(n.bounds, bound{decimalOf(c, b.limit), b.sign, b.inclusive})
		}
	}
	if s.MultipleOf != nil {
		d := decimalOf(c, s.MultipleOf)
		n.multipleOf = &d
	}
	if n.bounds == nil && n.multipleOf == nil {
		return nil
	}
	return n
}

// decimalOf converts a number of a schema. One that no Decimal can hold leaves the schema to the library.
func decimalOf(c *checker, r *big.Rat) doc.Decimal {
	d, err := doc.ParseDecimal(ratText(r))
	c.need(err == nil)
	return d
}

func (n *numberCheck) ok(d doc.Decimal) bool {
	for i := range n.bounds {
		b := &n.bounds[i]
		if cmp := d.Cmp(b.limit); cmp != b.sign && (cmp != 0 || !b.inclusive) {
			return false
		}
	}
	if n.multipleOf != nil {
		rest, err := d.Mod(*n.multipleOf)
		return err == nil && rest.Sign() == 0
	}
	return true
}

// ratText writes a fraction as people write it: a JSON number always has an end.
func ratText(r *big.Rat) string {
	places, exact := r.FloatPrec()
	if !exact {
		return r.RatString()
	}
	return r.FloatString(places)
}

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
		c.need(err == nil)
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
