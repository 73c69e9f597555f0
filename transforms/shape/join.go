package shape

import (
	"slices"

	"orderhub/hub/doc"
)

// Join is what is true of a value that is of type a or of type b: the type behind branches.
func Join(a, b *Type) *Type {
	switch {
	case a == b:
		return orAny(a)
	case a.IsAny() || b.IsAny():
		return AnyType
	case a.Kind == Null:
		return OrNull(b)
	case b.Kind == Null:
		return OrNull(a)
	case a.Kind != b.Kind:
		return AnyType
	}
	t := &Type{Kind: a.Kind, Nullable: a.Nullable || b.Nullable}
	if a.Name == b.Name {
		t.Name = a.Name
	}
	switch a.Kind {
	case String:
		t.Enum = joinEnums(a.Enum, b.Enum)
	case Array:
		t.Elem = joinElems(a, b)
	case Object:
		joinFields(t, a, b)
	}
	return t
}

// joinElems joins the elements; an array with no known element (an empty literal) adds nothing.
func joinElems(a, b *Type) *Type {
	switch {
	case a.Elem == nil:
		return b.Elem
	case b.Elem == nil:
		return a.Elem
	}
	return Join(a.Elem, b.Elem)
}

func joinEnums(a, b []string) []string {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	out := slices.Clone(a)
	for _, text := range b {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

func joinFields(t, a, b *Type) {
	t.Open = a.Open || b.Open
	if a.Open && b.Open && a.Elem != nil && b.Elem != nil {
		t.Elem = Join(a.Elem, b.Elem)
	}
	for _, f := range a.Fields {
		if g := b.declared(f.Name); g != nil {
			t.Fields = append(t.Fields, Field{Name: f.Name, Type: Join(f.Type, g.Type), Required: f.Required && g.Required})
		} else {
			t.Fields = append(t.Fields, b.undeclared(f))
		}
	}
	for _, f := range b.Fields {
		if a.declared(f.Name) == nil {
			t.Fields = append(t.Fields, a.undeclared(f))
		}
	}
}

// undeclared is a field of another type where t, which does not declare it, may be meant.
func (t *Type) undeclared(f Field) Field {
	f.Required = false
	if t.Open {
		f.Type = Join(f.Type, t.Element())
	}
	return f
}

// OfValue is the type of exactly this value: objects are closed, all their fields required. A sample's type.
func OfValue(v doc.Value) *Type {
	switch v.Kind() {
	case doc.Missing, doc.Null:
		return NullType
	case doc.Bool:
		return BoolType
	case doc.Number:
		return NumberType
	case doc.String:
		return StringType
	case doc.Array:
		var elem *Type
		for i, e := range v.Elems() {
			if i == 0 {
				elem = OfValue(e)
				continue
			}
			elem = Join(elem, OfValue(e))
		}
		return ArrayOf(elem)
	}
	t := &Type{Kind: Object}
	for name, f := range v.Fields() {
		t.Fields = append(t.Fields, Field{Name: name, Type: OfValue(f), Required: true})
	}
	return t
}
