package doc

import (
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
		bit := keyBit(f.Name)
		if seen.maybe(bit) {
			at = indexField(out, f.Name, &seen)
		}
		if at >= 0 {
			out[at].Value = f.Value
			continue
		}
		seen.add(f.Name, bit, len(out))
		if seen.n == keySetSmall {
			seen.grow()
			for i := range out {
				seen.index[out[i].Name] = i
			}
			seen.index[f.Name] = len(out)
		}
		out = append(out, f)
	}
	return out
}

func indexField(fields []Field, name string, seen *keySet) int {
	if seen.index != nil {
		if i, ok := seen.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range fields {
		if fields[i].Name == name {
			return i
		}
	}
	return -1
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
