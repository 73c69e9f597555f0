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

// scalar is left out when it is the zero value.
func scalar[T any, V comparable](name string, at func(*T) *V, write func(*doc.Builder, V), read func(doc.Value) V) field[T] {
	return field[T]{name, func(b *doc.Builder, name string, t *T) {
		var zero V
		if v := *at(t); v != zero {
			b.Key(name)
			write(b, v)
		}
	}, func(v doc.Value, t *T) string { *at(t) = read(v); return "" }}
}

func text[T any, S ~string](name string, at func(*T) *S) field[T] {
	return scalar(name, at, func(b *doc.Builder, s S) { b.Str(string(s)) }, func(v doc.Value) S { return S(v.Str()) })
}

func number[T any, N int | int64](name string, at func(*T) *N) field[T] {
	return scalar(name, at, func(b *doc.Builder, n N) { b.Num(doc.Int(int64(n))) }, func(v doc.Value) N { return N(integer(v)) })
}

func flag[T any](name string, at func(*T) *bool) field[T] {
	return scalar(name, at, (*doc.Builder).Bool, doc.Value.Bool)
}

func moment[T any](name string, at func(*T) *time.Time) field[T] {
	return scalar(name, at, writeTime, timeOf)
}

// vars is left out when it is nil: the variables of a branch that has none yet are another thing than none.
func vars[T any](name string, at func(*T) *hub.Vars) field[T] {
	return field[T]{name, func(b *doc.Builder, name string, t *T) {
		if v := *at(t); v != nil {
			b.Key(name)
			b.BeginObject()
			for _, one := range v {
				b.Key(one.Name)
				b.Value(one.Value)
			}
			b.EndObject()
		}
	}, func(v doc.Value, t *T) string {
		if *at(t) = hub.VarsOf(v); *at(t) == nil {
			*at(t) = hub.Vars{}
		}
		return ""
	}}
}

// one is an object that may be missing.
func one[T, E any](name string, at func(*T) **E, inside fields[E]) field[T] {
	return field[T]{name, func(b *doc.Builder, name string, t *T) {
		if e := *at(t); e != nil {
			b.Key(name)
			inside.write(b, e)
		}
	}, func(v doc.Value, t *T) string {
		e := new(E)
		*at(t) = e
		return inside.read(v, e)
	}}
}

// element is how the elements of a list are written and read.
type element[E any] struct {
	write func(b *doc.Builder, e E)
	read  func(v doc.Value) (e E, unknown string)
}

// list is left out when it is empty.
func list[T, E any](name string, at func(*T) *[]E, of element[E]) field[T] {
	return field[T]{name, func(b *doc.Builder, name string, t *T) {
		if len(*at(t)) == 0 {
			return
		}
		b.Key(name)
		b.BeginArray()
		for _, e := range *at(t) {
			of.write(b, e)
		}
		b.EndArray()
	}, func(v doc.Value, t *T) string {
		for _, v := range v.Elems() {
			e, unknown := of.read(v)
			if unknown != "" {
				return unknown
			}
			*at(t) = append(*at(t), e)
		}
		return ""
	}}
}

var (
	texts = element[string]{(*doc.Builder).Str, func(v doc.Value) (string, string) { return v.Str(), "" }}
	times = element[time.Time]{writeTime, func(v doc.Value) (time.Time, string) { return timeOf(v), "" }}
)

func object[E any](inside fields[E]) element[E] {
	return element[E]{
		func(b *doc.Builder, e E) { inside.write(b, &e) },
		func(v doc.Value) (e E, unknown string) { unknown = inside.read(v, &e); return e, unknown },
	}
}

func pointer[E any](inside fields[E]) element[*E] {
	return element[*E]{inside.write, func(v doc.Value) (*E, string) { e := new(E); return e, inside.read(v, e) }}
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
