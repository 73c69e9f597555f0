// Package shape is the type model of documents: what the lint knows of a body, a variable or the result of a formula before any message
// came. Types are made of JSON Schemas, of samples, and of formulas; formulas and mappings are checked against them.
//
// Types are immutable once they are shared; all functions that change one return a copy.
package shape

import "orderhub/hub/doc"

// Kind says what a value of a type is.
type Kind = doc.Kind

// The kinds. Any is the kind of the zero Type: nothing is known, everything is allowed.
const (
	Any    = doc.Missing
	Null   = doc.Null
	Bool   = doc.Bool
	Number = doc.Number
	String = doc.String
	Array  = doc.Array
	Object = doc.Object
)

// Type is what is known of a value. A nil *Type is AnyType.
type Type struct {
	Kind     Kind
	Nullable bool     // may be null or missing
	Elem     *Type    // array: its elements; open object: its undeclared fields; nil: any
	Fields   []Field  // object: declared fields, in order
	Open     bool     // object: undeclared fields are allowed
	Enum     []string // string: the only texts it may have; empty: any
	Name     string   // how messages call it, e.g. "schema order"; "": by its kind
}

// Field is a declared field of an object.
type Field struct {
	Name     string
	Type     *Type
	Required bool
}

// The types with nothing to add. They are shared: never change them.
var (
	AnyType    = &Type{}
	NullType   = &Type{Kind: Null, Nullable: true}
	BoolType   = &Type{Kind: Bool}
	NumberType = &Type{Kind: Number}
	StringType = &Type{Kind: String}
	OpenObject = &Type{Kind: Object, Open: true}
)

// ObjectType is a closed object of the fields.
func ObjectType(fields ...Field) *Type { return &Type{Kind: Object, Fields: fields} }

// MapType is an object of any names whose values are all of type elem.
func MapType(elem *Type) *Type { return &Type{Kind: Object, Open: true, Elem: elem} }

// ArrayOf is an array of elem.
func ArrayOf(elem *Type) *Type { return &Type{Kind: Array, Elem: elem} }

// EnumOf is a string that is one of the texts.
func EnumOf(texts ...string) *Type { return &Type{Kind: String, Enum: texts} }

// OrNull is t, or null.
func OrNull(t *Type) *Type {
	if t.IsAny() || t.Nullable {
		return t
	}
	c := *t
	c.Nullable = true
	return &c
}

// NotNull is t without null: what is left behind ??.
func NotNull(t *Type) *Type {
	if t.IsAny() || !t.Nullable || t.Kind == Null {
		return t
	}
	c := *t
	c.Nullable = false
	return &c
}

// Named is t with a name for messages.
func Named(t *Type, name string) *Type {
	c := Type{}
	if t != nil {
		c = *t
	}
	c.Name = name
	return &c
}

// IsAny tells that nothing is known.
func (t *Type) IsAny() bool { return t == nil || t.Kind == Any }

// Is tells whether t is known to be of kind k (or null).
func (t *Type) Is(k Kind) bool { return t != nil && t.Kind == k }

// Element is the type of the elements of an array, or of undeclared fields of an object; never nil.
func (t *Type) Element() *Type {
	if t == nil || t.Elem == nil {
		return AnyType
	}
	return t.Elem
}

// Accepts is the type that a value of the field must have. False: t has no such field.
func (t *Type) Accepts(name string) (*Type, bool) {
	if t.IsAny() {
		return AnyType, true
	}
	if f := t.declared(name); f != nil {
		return orAny(f.Type), true
	}
	return t.Element(), t.Kind == Object && t.Open
}

// Field is the type that reading the field gives: that of an optional field is nullable. False: t has no such field.
func (t *Type) Field(name string) (*Type, bool) {
	typ, ok := t.Accepts(name)
	switch f := t.declared(name); {
	case !ok:
		return nil, false
	case f == nil || !f.Required:
		return OrNull(typ), true
	}
	return typ, true
}

// Names lists the declared fields in order.
func (t *Type) Names() []string {
	if t == nil {
		return nil
	}
	names := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		names[i] = f.Name
	}
	return names
}

// declared is the field of an object; nil: it declares none of the name.
func (t *Type) declared(name string) *Field {
	if t == nil {
		return nil
	}
	for i := range t.Fields {
		if t.Fields[i].Name == name {
			return &t.Fields[i]
		}
	}
	return nil
}

func orAny(t *Type) *Type {
	if t == nil {
		return AnyType
	}
	return t
}

// String is the type for people: "schema order", "number or null", "array of string".
func (t *Type) String() string {
	if t.IsAny() {
		return "any value"
	}
	s := t.Name
	if s == "" {
		s = t.bare()
	}
	if t.Nullable && t.Kind != Null {
		s += " or null"
	}
	return s
}

func (t *Type) bare() string {
	if t.Kind == Array && !t.Elem.IsAny() {
		return "array of " + t.Elem.String()
	}
	return t.Kind.String()
}

// Describe is the type with its article: "a number", "an array of string", "schema order", "null".
func (t *Type) Describe() string {
	s := t.String()
	if t != nil && t.Name != "" || t.Is(Null) || t.IsAny() {
		return s
	}
	if s[0] == 'a' || s[0] == 'o' {
		return "an " + s
	}
	return "a " + s
}
