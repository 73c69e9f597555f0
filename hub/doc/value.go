// Package doc holds the decoded document and exact decimals.
//
// A document is a tape: one validating scan of the JSON text fills one slice of nodes, each with its kind, its span in the text and the place
// after its subtree. Nothing is copied: strings without escapes are views of the text, numbers keep their digits, and a copied field is copied
// as bytes.
//
// A Value is any value in the hub: a node of a tape, or a computed scalar, list or object. Values are immutable and safe for concurrent
// readers. A Value keeps the text of its document alive.
//
// All numbers are Decimals, exact: 0.1 + 0.2 is 0.3, 3 * 5.20 is 15.60, and no number ever becomes a float on its way through.
//
// The package imports the standard library only.
package doc

import (
	"iter"
	"math/big"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Kind says what a Value is.
type Kind uint8

// The kinds. Missing is the kind of the zero Value: a field that is not there.
const (
	Missing Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"missing", "null", "bool", "number", "string", "array", "object"}

// String returns the kind's name as people write it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is any value in the hub: a node of a parsed or built document, or a computed scalar, list or object. The zero Value is Missing.
// Values are immutable and safe for concurrent readers. Compare them with Equal, never with ==.
//
// It is three words, so it travels in registers. What ref and n hold depends on the kind; only this package's constructors set them:
//
//	node of a tape: ref *tape, n the index of the node
//	bool:           n is 1 for true
//	number:         ref *big.Int or nil, n the coefficient, scale the scale
//	string:         ref the first byte, n the bytes
//	array, object:  ref the first Value or Field, n how many
type Value struct {
	ref   unsafe.Pointer
	n     int64
	scale int32
	kind  tag
}

// tag is a Kind, with onTape added for nodes of a tape.
type tag uint8

const onTape tag = 0x80

// Field is one field of a computed object.
type Field struct {
	Name  string
	Value Value
}

// Kind returns the kind of the value.
func (v Value) Kind() Kind { return Kind(v.kind &^ onTape) }

// IsNull reports whether the value is missing or null.
func (v Value) IsNull() bool { return v.kind&^onTape <= tag(Null) }

// NullValue returns null, which is a value, unlike the zero Value.
func NullValue() Value { return Value{kind: tag(Null)} }

// BoolValue returns a bool.
func BoolValue(b bool) Value {
	v := Value{kind: tag(Bool)}
	if b {
		v.n = 1
	}
	return v
}

// StringValue returns a string. Bytes that are not UTF-8 become U+FFFD, so that every string in the hub can be written as JSON.
func StringValue(s string) Value {
	s = validText(s)
	return Value{kind: tag(String), ref: unsafe.Pointer(unsafe.StringData(s)), n: int64(len(s))}
}

// NumberValue returns a number.
func NumberValue(d Decimal) Value {
	return Value{kind: tag(Number), ref: unsafe.Pointer(d.big), n: d.coef, scale: d.scale}
}

// IntValue returns a whole number.
func IntValue(i int64) Value { return NumberValue(Int(i)) }

// ListOf returns an array of the elements. It takes ownership of the slice: the caller must not change it any more.
func ListOf(elems []Value) Value {
	return Value{kind: tag(Array), ref: unsafe.Pointer(unsafe.SliceData(elems)), n: int64(len(elems))}
}

// ObjectOf returns an object of the fields, in their order. It takes ownership of the slice: the caller must not change it any more. Of
// fields with the same name the last value wins, at the place of the first.
func ObjectOf(fields []Field) Value {
	fields = uniqueFields(fields)
	return objectOf(fields)
}

// objectOf is ObjectOf for names that are known to be valid and distinct.
func objectOf(fields []Field) Value {
	return Value{kind: tag(Object), ref: unsafe.Pointer(unsafe.SliceData(fields)), n: int64(len(fields))}
}

// uniqueFields makes the names valid and distinct, in place.
func uniqueFields(fields []Field) []Field {
	var seen keySet
	out := fields[:0]
	for _, f := range fields {
		f.Name = validText(f.Name)
		at := -1
		if !seen.fresh(f.Name) {
			at = seen.place(f.Name, out)
		}
		if at >= 0 {
			out[at].Value = f.Value
		} else {
			out = append(out, f)
		}
	}
	return out
}

// validText returns s with every run of bytes that is not UTF-8 replaced by U+FFFD.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// The parts of computed values and nodes. Each is called for its own kind only.

func (v Value) isNode() bool     { return v.kind&onTape != 0 }
func (v Value) tape() *tape      { return (*tape)(v.ref) }
func (v Value) text() string     { return unsafe.String((*byte)(v.ref), int(v.n)) }
func (v Value) list() []Value    { return unsafe.Slice((*Value)(v.ref), int(v.n)) }
func (v Value) fields() []Field  { return unsafe.Slice((*Field)(v.ref), int(v.n)) }
func (v Value) decimal() Decimal { return Decimal{big: (*big.Int)(v.ref), coef: v.n, scale: v.scale} }

// Get returns the field with that name of an object, Missing otherwise. It allocates nothing, and takes time by the number of fields.
func (v Value) Get(name string) Value {
	switch v.kind {
	case tag(Object) | onTape:
		t := v.tape()
		if i := t.field(uint32(v.n), name); i != 0 {
			return t.value(i)
		}
	case tag(Object):
		fields := v.fields()
		for i := range fields {
			if fields[i].Name == name {
				return fields[i].Value
			}
		}
	}
	return Value{}
}

// At returns element i of an array; negative numbers count from the end; Missing if there is none. To visit all elements use Elems: finding
// element i of a parsed array of objects takes i steps.
func (v Value) At(i int) Value {
	if v.Kind() != Array {
		return Value{}
	}
	count := v.Len()
	if i < 0 {
		i += count
	}
	if i < 0 || i >= count {
		return Value{}
	}
	if !v.isNode() {
		return v.list()[i]
	}
	t := v.tape()
	return t.value(t.elem(uint32(v.n), i))
}

// Len returns the number of elements, fields, or runes of a string; 0 for all others.
func (v Value) Len() int {
	switch v.Kind() {
	case Array, Object:
		if v.isNode() {
			return v.tape().nodes[v.n].count()
		}
		return int(v.n)
	case String:
		return utf8.RuneCountInString(v.Str())
	}
	return 0
}

// Bool returns a bool, false for all others.
func (v Value) Bool() bool {
	if v.Kind() != Bool {
		return false
	}
	if v.isNode() {
		t := v.tape()
		return t.src[t.nodes[v.n].start] == 't'
	}
	return v.n != 0
}

// Str returns the content of a string, unescaped; "" for all others. Only a string with escapes allocates.
func (v Value) Str() string {
	switch v.kind {
	case tag(String) | onTape:
		t := v.tape()
		return t.str(&t.nodes[v.n])
	case tag(String):
		return v.text()
	}
	return ""
}

// Num returns a number exactly as it was written; zero for all others.
func (v Value) Num() Decimal {
	switch v.kind {
	case tag(Number) | onTape:
		t := v.tape()
		n := &t.nodes[v.n]
		d, _ := ParseDecimal(t.view(n.start, n.end)) // the scan accepted it
		return d
	case tag(Number):
		return v.decimal()
	}
	return Decimal{}
}

// Elems visits the elements of an array in order; nothing for all others.
func (v Value) Elems() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		switch v.kind {
		case tag(Array) | onTape:
			t := v.tape()
			end := t.nodes[v.n].next
			k := 0
			for j := uint32(v.n) + 1; j < end; j = t.nodes[j].next {
				if !yield(k, t.value(j)) {
					return
				}
				k++
			}
		case tag(Array):
			for k, e := range v.list() {
				if !yield(k, e) {
					return
				}
			}
		}
	}
}

// Fields visits the fields of an object in document order; nothing for all others.
func (v Value) Fields() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		switch v.kind {
		case tag(Object) | onTape:
			t := v.tape()
			end := t.nodes[v.n].next
			for j := uint32(v.n) + 1; j < end; j = t.nodes[j].next {
				if !yield(t.keyOf(&t.nodes[j]), t.value(j)) {
					return
				}
			}
		case tag(Object):
			for _, f := range v.fields() {
				if !yield(f.Name, f.Value) {
					return
				}
			}
		}
	}
}
