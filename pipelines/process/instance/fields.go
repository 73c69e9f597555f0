package instance

import (
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// field is a field of a T in a record: its name, and how it is written, or left out, and read. read gives the path of a
// field inside it that is not known; "": all are.
type field[T any] struct {
	name  string
	write func(b *doc.Builder, name string, t *T)
	read  func(v doc.Value, t *T) (unknown string)
}

// fields are those of an object, in the order in which they are written.
type fields[T any] []field[T]

func (fs fields[T]) write(b *doc.Builder, t *T) {
	b.BeginObject()
	for i := range fs {
		fs[i].write(b, fs[i].name, t)
	}
	b.EndObject()
}

func (fs fields[T]) read(v doc.Value, t *T) (unknown string) {
	next := 0 // records have their fields in order, but for what somebody edited
	for name, value := range v.Fields() {
		for skipped := 0; fs[next].name != name; skipped++ {
			if skipped == len(fs) {
				return name
			}
			next = (next + 1) % len(fs)
		}
		if inner := fs[next].read(value, t); inner != "" {
			return name + "." + inner
		}
	}
	return ""
}

// codec is how values of a type are written and read, and which of them are left out.
type codec[V any] struct {
	empty func(v V) bool
	write func(b *doc.Builder, v V)
	read  func(v doc.Value) (out V, unknown string)
}

func fieldOf[T, V any](name string, at func(*T) *V, c codec[V]) field[T] {
	return field[T]{name, func(b *doc.Builder, name string, t *T) {
		if v := *at(t); !c.empty(v) {
			b.Key(name)
			c.write(b, v)
		}
	}, func(v doc.Value, t *T) (unknown string) {
		*at(t), unknown = c.read(v)
		return unknown
	}}
}

// scalar is left out when it is the zero value.
func scalar[V comparable](write func(*doc.Builder, V), read func(doc.Value) V) codec[V] {
	return codec[V]{func(v V) bool { var zero V; return v == zero }, write, func(v doc.Value) (V, string) { return read(v), "" }}
}

var (
	texts = scalar((*doc.Builder).Str, doc.Value.Str)
	times = scalar(writeTime, timeOf)
)

func text[T any, S ~string](name string, at func(*T) *S) field[T] {
	return fieldOf(name, at, scalar(func(b *doc.Builder, s S) { b.Str(string(s)) }, func(v doc.Value) S { return S(v.Str()) }))
}

func number[T any, N int | int64](name string, at func(*T) *N) field[T] {
	return fieldOf(name, at, scalar(func(b *doc.Builder, n N) { b.Num(doc.Int(int64(n))) }, func(v doc.Value) N { return N(integer(v)) }))
}

func flag[T any](name string, at func(*T) *bool) field[T] {
	return fieldOf(name, at, scalar((*doc.Builder).Bool, doc.Value.Bool))
}

func moment[T any](name string, at func(*T) *time.Time) field[T] { return fieldOf(name, at, times) }

// vars is left out when it is nil: the variables of a branch that has none yet are another thing than none.
func vars[T any](name string, at func(*T) *hub.Vars) field[T] {
	return fieldOf(name, at, codec[hub.Vars]{func(v hub.Vars) bool { return v == nil }, func(b *doc.Builder, v hub.Vars) {
		b.BeginObject()
		for _, one := range v {
			b.Key(one.Name)
			b.Value(one.Value)
		}
		b.EndObject()
	}, func(v doc.Value) (hub.Vars, string) {
		if out := hub.VarsOf(v); out != nil {
			return out, ""
		}
		return hub.Vars{}, ""
	}})
}

// list is left out when it is empty.
func list[T, E any](name string, at func(*T) *[]E, of codec[E]) field[T] {
	return fieldOf(name, at, codec[[]E]{func(l []E) bool { return len(l) == 0 }, func(b *doc.Builder, l []E) {
		b.BeginArray()
		for _, e := range l {
			of.write(b, e)
		}
		b.EndArray()
	}, func(v doc.Value) (out []E, unknown string) {
		for _, v := range v.Elems() {
			e, unknown := of.read(v)
			if unknown != "" {
				return nil, unknown
			}
			out = append(out, e)
		}
		return out, ""
	}})
}

// object is one that is always there, pointer one that may be missing.
func object[E any](inside fields[E]) codec[E] {
	return codec[E]{func(E) bool { return false }, func(b *doc.Builder, e E) { inside.write(b, &e) },
		func(v doc.Value) (e E, unknown string) { unknown = inside.read(v, &e); return e, unknown }}
}

func pointer[E any](inside fields[E]) codec[*E] {
	return codec[*E]{func(e *E) bool { return e == nil }, inside.write, func(v doc.Value) (*E, string) { e := new(E); return e, inside.read(v, e) }}
}

func integer(v doc.Value) int64 { n, _ := v.Num().Int64(); return n }

// writeTime writes a time as the nanoseconds since 1970; 0: there is none.
func writeTime(b *doc.Builder, t time.Time) {
	n := int64(0)
	if !t.IsZero() {
		n = t.UnixNano()
	}
	b.Num(doc.Int(n))
}

func timeOf(v doc.Value) time.Time {
	if n := integer(v); n != 0 {
		return time.Unix(0, n).UTC()
	}
	return time.Time{}
}
