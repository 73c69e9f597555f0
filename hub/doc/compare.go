package doc

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

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

// Diff is what two documents do not have in common, before and after: of objects the fields that differ, of lists the elements, as
// fields named by their positions. Missing: nothing differs. Numbers that are written otherwise differ.
func Diff(before, after Value) (was, is Value) {
	switch k := before.Kind(); {
	case k != after.Kind():
		return before, after
	case k == Object:
		return diffFields(before, after)
	case k == Array:
		return diffFields(before.positions(), after.positions())
	case bytes.Equal(before.JSON(), after.JSON()):
		return Value{}, Value{}
	}
	return before, after
}

func diffFields(before, after Value) (was, is Value) {
	var lost, gained []Field
	add := func(to *[]Field, name string, v Value) {
		if v.Kind() != Missing {
			*to = append(*to, Field{name, v})
		}
	}
	for name, v := range before.Fields() {
		was, is := Diff(v, after.Get(name))
		add(&lost, name, was)
		add(&gained, name, is)
	}
	for name, v := range after.Fields() {
		if before.Get(name).Kind() == Missing {
			add(&gained, name, v)
		}
	}
	if len(lost) > 0 {
		was = ObjectOf(lost)
	}
	if len(gained) > 0 {
		is = ObjectOf(gained)
	}
	return was, is
}

// positions is a list as an object: "0", "1".
func (v Value) positions() Value {
	var fields []Field
	for i, e := range v.Elems() {
		fields = append(fields, Field{strconv.Itoa(i), e})
	}
	return ObjectOf(fields)
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

// Hash returns a 64-bit hash (FNV-1a) of the value: values that are Equal have the same hash, whatever the scale of their numbers or the order
// of their fields. It is the same in every process, and no defence against crafted collisions: compare with Equal after it.
func Hash(v Value) uint64 {
	var room [128]byte
	h := uint64(14695981039346656037)
	for _, c := range canonical(room[:0], v) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// Digest is a 32-character name of the value's content, half of a SHA-256: values that are Equal have the same digest, whatever the scale of
// their numbers or the order of their fields, and nobody can make two others that have.
func Digest(v Value) string {
	sum := sha256.Sum256(canonical(nil, v))
	return hex.EncodeToString(sum[:16])
}

// canonical appends v in a form of its own: each value's kind, the length of each text, fields by their names.
func canonical(out []byte, v Value) []byte {
	switch v.Kind() {
	case Bool:
		if v.Bool() {
			return append(out, 't')
		}
		return append(out, 'f')
	case Number:
		return append(v.Num().Normal().Append(append(out, 'n')), ';')
	case String:
		return canonicalText(append(out, 's'), v.Str())
	case Array:
		out = append(out, '[')
		for _, e := range v.Elems() {
			out = canonical(out, e)
		}
		return append(out, ']')
	case Object:
		fields := copyFields(v, 0)
		slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
		out = append(out, '{')
		for _, f := range fields {
			out = canonical(canonicalText(out, f.Name), f.Value)
		}
		return append(out, '}')
	}
	return append(out, '0')
}

func canonicalText(out []byte, s string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(s))), s...)
}
