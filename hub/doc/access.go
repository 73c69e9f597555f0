package doc

import (
	"iter"
	"unicode/utf8"
)

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
