package schema

import (
	"math/bits"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// knowledge is what several schemas say of one value.
type knowledge struct {
	kinds  kinds // what it may be
	typed  bool  // something said so
	texts  []string
	listed bool // texts are all that it may be
	fields []shape.Field
	open   openness
	extra  *shape.Type // undeclared fields; nil: any
	elem   *shape.Type // nil: any
	array  bool        // items are described
}

// openness says what is known of fields that are not declared.
type openness uint8

const (
	undeclared openness = iota // no schema has properties
	declared                   // closed for formulas
	opened                     // a schema says there may be others
)

func newKnowledge() *knowledge { return &knowledge{kinds: anyKind} }

// field returns the place of a field, which it makes.
func (k *knowledge) field(name string) int {
	i := slices.IndexFunc(k.fields, func(f shape.Field) bool { return f.Name == name })
	if i < 0 {
		i = len(k.fields)
		k.fields = append(k.fields, shape.Field{Name: name, Type: shape.AnyType})
	}
	return i
}

func (k *knowledge) allow(set kinds) {
	k.kinds &= set
	k.typed = true
}

func (k *knowledge) allowTypes(s *jsonschema.Schema) {
	if set, _ := typesOf(s); set != anyKind {
		k.allow(set)
	}
}

func (k *knowledge) allowValues(s *jsonschema.Schema) {
	var values []any
	if s.Enum != nil {
		values = s.Enum.Values
	}
	if s.Const != nil {
		values = []any{*s.Const}
	}
	if values == nil {
		return
	}
	var set kinds
	var texts []string
	for _, x := range values {
		v, err := doc.FromAny(x)
		if err != nil {
			return
		}
		set |= 1 << v.Kind()
		if v.Kind() == doc.String {
			texts = append(texts, v.Str())
		}
	}
	k.allow(set)
	k.list(texts)
}

func (k *knowledge) list(texts []string) {
	if k.listed {
		texts = slices.DeleteFunc(slices.Clone(k.texts), func(t string) bool { return !slices.Contains(texts, t) })
	}
	k.texts, k.listed = texts, true
}

// merge adds that the value is of type t. open is what the schemas behind t know of further fields.
func (k *knowledge) merge(t *shape.Type, open openness) {
	set := kinds(1) << t.Kind
	if t.Nullable {
		set |= 1 << doc.Null
	}
	k.allow(set)
	switch t.Kind {
	case shape.String:
		if len(t.Enum) > 0 {
			k.list(t.Enum)
		}
	case shape.Array:
		k.elem = both(k.elem, t.Elem)
	case shape.Object:
		for _, f := range t.Fields {
			i := k.field(f.Name)
			k.fields[i].Type = both(k.fields[i].Type, f.Type)
			k.fields[i].Required = k.fields[i].Required || f.Required
		}
		k.open = max(k.open, open)
		if t.Elem != nil {
			k.extra = both(k.extra, t.Elem)
		}
	}
}

// shape is the type of all this.
func (k *knowledge) shape() *shape.Type {
	set := k.kinds &^ (1 << doc.Null)
	if set == anyKind&^(1<<doc.Null) { // no type: the keywords tell
		switch {
		case len(k.fields) > 0 || k.open != undeclared:
			set = 1 << doc.Object
		case k.array:
			set = 1 << doc.Array
		}
	}
	t := &shape.Type{Nullable: k.typed && k.kinds&(1<<doc.Null) != 0}
	switch {
	case set == 0 && t.Nullable:
		return shape.NullType
	case bits.OnesCount8(uint8(set)) != 1:
		return shape.AnyType
	}
	t.Kind = doc.Kind(bits.TrailingZeros8(uint8(set)))
	switch t.Kind {
	case doc.String:
		t.Enum = k.texts
	case doc.Array:
		t.Elem = k.elem
	case doc.Object:
		t.Fields, t.Open = k.fields, k.open != declared
		if t.Open {
			t.Elem = k.extra
		}
	}
	return t
}

// both is what is known of a value that is of type a and of type b. Where they contradict, a holds.
func both(a, b *shape.Type) *shape.Type {
	switch {
	case a.IsAny():
		return b
	case b.IsAny() || a == b || a.Kind != b.Kind:
		return a
	}
	k := newKnowledge()
	k.merge(a, opennessOf(a))
	k.merge(b, opennessOf(b))
	return k.shape()
}

func opennessOf(t *shape.Type) openness {
	switch {
	case t.Kind != shape.Object || t.Open && len(t.Fields) == 0 && t.Elem == nil:
		return undeclared
	case t.Open:
		return opened
	}
	return declared
}
