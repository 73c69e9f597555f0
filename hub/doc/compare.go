package doc

import "strings"

// Equal compares deeply: numbers by value (1.0 is 1), strings by content, arrays in order, objects regardless of the order of their fields.
// Missing equals null; an object with a null field does not equal one without that field.
func Equal(a, b Value) bool {
	k := a.Kind()
	if a.IsNull() || b.IsNull() || k != b.Kind() {
		return a.IsNull() && b.IsNull()
	}
	switch k {
	case Bool:
		return a.Bool() == b.Bool()
	case Number:
		return a.Num().Cmp(b.Num()) == 0
	case String:
		return a.Str() == b.Str()
	case Array:
		return equalLists(a, b)
	}
	return equalObjects(a, b)
}

func equalLists(a, b Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	cb := b.cursor()
	for _, e := range a.Elems() {
		if !Equal(e, cb.next()) {
			return false
		}
	}
	return true
}

// cursor walks the elements of an array.
type cursor struct {
	of Value
	at int64
}

func (v Value) cursor() cursor { return cursor{of: v} }

// next returns the next element; there is one.
func (c *cursor) next() Value {
	if !c.of.isNode() {
		c.at++
		return c.of.list()[c.at-1]
	}
	t := c.of.tape()
	if c.at == 0 {
		c.at = c.of.n + 1
	}
	e := t.value(uint32(c.at))
	c.at = int64(t.nodes[c.at].next)
	return e
}

func equalObjects(a, b Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	get := b.getter()
	for name, f := range a.Fields() {
		other, ok := get(name)
		if !ok || !Equal(f, other) {
			return false
		}
	}
	return true
}

// getter returns a look-up of fields, with an index if there are many.
func (v Value) getter() func(string) (Value, bool) {
	if v.Len() <= keySetSmall {
		return v.find
	}
	index := make(map[string]Value, v.Len())
	for name, f := range v.Fields() {
		index[name] = f
	}
	return func(name string) (Value, bool) {
		f, ok := index[name]
		return f, ok
	}
}

// find is Get that tells a field that holds Missing from no field.
func (v Value) find(name string) (Value, bool) {
	if v.isNode() {
		f := v.Get(name)
		return f, f.kind != 0
	}
	for _, f := range v.fields() {
		if f.Name == name {
			return f.Value, true
		}
	}
	return Value{}, false
}

// Compare orders two numbers by value, or two strings by their bytes; false for all other kinds and for mixed kinds.
func Compare(a, b Value) (int, bool) {
	switch {
	case a.Kind() == Number && b.Kind() == Number:
		return a.Num().Cmp(b.Num()), true
	case a.Kind() == String && b.Kind() == String:
		return strings.Compare(a.Str(), b.Str()), true
	}
	return 0, false
}
