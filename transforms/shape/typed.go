package shape

import (
	"strings"

	"orderhub/hub/doc"
)

// Typed is v, which an untyped format such as CSV or XML has read, with its
// texts as t has them: "12.50" is a number where t has a number; true, false, 1
// and 0 are truth values; one value where t has a list is a list of it; an empty
// text is an empty list, an empty object, or null where t has one. What fits
// nothing stays as it is: the schema's own check tells what is wrong with it.
func (t *Type) Typed(v doc.Value) doc.Value {
	if t.IsAny() || v.Kind() == doc.Missing || v.Kind() == doc.Null {
		return v
	}
	text, isText := strings.TrimSpace(v.Str()), v.Kind() == doc.String
	if isText && text == "" && t.Nullable && t.Kind != String {
		return doc.NullValue()
	}
	switch t.Kind {
	case Array:
		return t.typedElems(v, isText && text == "")
	case Object:
		if isText && text == "" {
			return doc.ObjectOf(nil)
		}
		return t.typedFields(v)
	case Number:
		if d, err := doc.ParseDecimal(text); isText && err == nil {
			return doc.NumberValue(d)
		}
	case Bool:
		if isText && (text == "true" || text == "1" || text == "false" || text == "0") {
			return doc.BoolValue(text == "true" || text == "1")
		}
	}
	return v
}

// typedElems is a list; what is none is a list of it, or of nothing.
func (t *Type) typedElems(v doc.Value, empty bool) doc.Value {
	switch {
	case empty:
		v = doc.ListOf(nil)
	case v.Kind() != doc.Array:
		v = doc.ListOf([]doc.Value{v})
	}
	return doc.Map(v, func(_ string, e doc.Value) doc.Value { return t.Element().Typed(e) })
}

func (t *Type) typedFields(v doc.Value) doc.Value {
	if v.Kind() != doc.Object {
		return v
	}
	return doc.Map(v, func(name string, value doc.Value) doc.Value {
		switch f := t.declared(name); {
		case f != nil && !f.Required && f.Type.scalar() && value.Kind() == doc.String && strings.TrimSpace(value.Str()) == "":
			return doc.Value{} // left out, where the format has a place for it all the same
		case f != nil:
			return orAny(f.Type).Typed(value)
		case t.Open:
			return t.Element().Typed(value)
		}
		return value
	})
}

// scalar tells that t has numbers or truth values, and no null.
func (t *Type) scalar() bool { return (t.Is(Number) || t.Is(Bool)) && !t.Nullable }
