package doc

import (
	"slices"
	"strconv"
	"strings"
)

// Lookup follows the path: names in objects, indexes in arrays (negative ones count from the end). Missing if there is nothing.
func Lookup(v Value, path []string) Value {
	for _, segment := range path {
		switch v.Kind() {
		case Object:
			v = v.Get(segment)
		case Array:
			i, ok := index(v, segment)
			if !ok {
				return Value{}
			}
			v = v.At(i)
		default:
			return Value{}
		}
	}
	return v
}

// pointerEscapes are those of RFC 6901.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer writes a path as a JSON Pointer: /lines/0/sku.
func Pointer(path ...string) string {
	var b strings.Builder
	for _, segment := range path {
		b.WriteByte('/')
		pointerEscapes.WriteString(&b, segment)
	}
	return b.String()
}

// index returns the segment as the index of an element that exists.
func index(v Value, segment string) (int, bool) {
	i, err := strconv.Atoi(segment)
	if i < 0 {
		i += v.Len()
	}
	return i, err == nil && i >= 0 && i < v.Len()
}

// Set returns a copy with the value at path replaced or added; objects are made on the way, also in place of scalars and null. In an array
// a segment is the index of an element that exists, or the array's length to append; with any other segment v is returned unchanged.
// An empty path returns nv.
func Set(v Value, path []string, nv Value) Value {
	if len(path) == 0 {
		return nv
	}
	if v.Kind() == Array {
		return setElem(v, path, nv)
	}
	name := validText(path[0])
	fields := copyFields(v, 1)
	for i := range fields {
		if fields[i].Name == name {
			fields[i].Value = Set(fields[i].Value, path[1:], nv)
			return objectOf(fields)
		}
	}
	return objectOf(append(fields, Field{name, Set(Value{}, path[1:], nv)}))
}

func setElem(v Value, path []string, nv Value) Value {
	i, ok := index(v, path[0])
	if !ok && path[0] != strconv.Itoa(v.Len()) {
		return v
	}
	elems := Items(v)
	if !ok {
		i = len(elems)
		elems = append(elems, Value{})
	}
	elems[i] = Set(elems[i], path[1:], nv)
	return ListOf(elems)
}

// Delete returns a copy without what is at path; v itself if nothing is there. An empty path returns Missing.
func Delete(v Value, path []string) Value {
	if len(path) == 0 {
		return Value{}
	}
	last := len(path) - 1
	parent, name := Lookup(v, path[:last]), path[last]
	switch parent.Kind() {
	case Object:
		if _, ok := parent.find(name); ok {
			fields := slices.DeleteFunc(copyFields(parent, 0), func(f Field) bool { return f.Name == name })
			return Set(v, path[:last], objectOf(fields))
		}
	case Array:
		if i, ok := index(parent, name); ok {
			return Set(v, path[:last], ListOf(slices.Delete(Items(parent), i, i+1)))
		}
	}
	return v
}

// copyFields returns the fields of an object in a new slice with room for more; none for all others.
func copyFields(v Value, more int) []Field {
	if v.Kind() != Object {
		return make([]Field, 0, more)
	}
	fields := make([]Field, 0, v.Len()+more)
	for name, f := range v.Fields() {
		fields = append(fields, Field{name, f})
	}
	return fields
}

// Items returns the elements of an array in a new slice; none for all others.
func Items(v Value) []Value {
	if v.Kind() != Array {
		return nil
	}
	elems := make([]Value, 0, v.Len())
	for _, e := range v.Elems() {
		elems = append(elems, e)
	}
	return elems
}

// Map returns v with each field of an object, or each element of a list, whose name is "", as change gives it; what is Missing then is left
// out. All others are returned as they are.
func Map(v Value, change func(name string, part Value) Value) Value {
	switch v.Kind() {
	case Object:
		fields := make([]Field, 0, v.Len())
		for name, f := range v.Fields() {
			if f = change(name, f); f.Kind() != Missing {
				fields = append(fields, Field{name, f})
			}
		}
		return objectOf(fields)
	case Array:
		elems := make([]Value, 0, v.Len())
		for _, e := range v.Elems() {
			if e = change("", e); e.Kind() != Missing {
				elems = append(elems, e)
			}
		}
		return ListOf(elems)
	}
	return v
}

// Merge returns base with the fields of over: shallow, over wins, new fields come last. If over is missing or null the result is base; if
// one of them is no object it is over.
func Merge(base, over Value) Value {
	switch {
	case over.IsNull():
		return base
	case base.Kind() != Object || over.Kind() != Object:
		return over
	}
	fields := slices.Grow(copyFields(base, 0), over.Len())
	for name, f := range over.Fields() {
		fields = append(fields, Field{name, f})
	}
	return ObjectOf(fields)
}

// Pick returns the object with only the named fields, in document order. A name is a top-level field or a dotted path; a path that meets an
// array goes on in every element, so lines.sku keeps the sku of every line. All but objects are returned as they are.
func Pick(v Value, names []string) Value {
	if v.Kind() != Object {
		return v
	}
	return pick(v, pathsOf(names))
}

// Drop returns the object without the named fields; names are those of Pick.
func Drop(v Value, names []string) Value {
	if v.Kind() != Object {
		return v
	}
	return drop(v, pathsOf(names))
}

// Paths lead to fields: each is the names on the way.
type Paths [][]string

// pathsOf splits the names. A dotted name may also be the name of one field.
func pathsOf(names []string) Paths {
	out := make(Paths, 0, len(names))
	for _, name := range names {
		out = append(out, []string{name})
		if strings.Contains(name, ".") {
			out = append(out, strings.Split(name, "."))
		}
	}
	return out
}

// Under returns what follows the name in the paths that start with it, and whether one of them ends with it.
func (paths Paths) Under(name string) (rests Paths, ends bool) {
	for _, p := range paths {
		if p[0] != name {
			continue
		}
		if len(p) == 1 {
			return nil, true
		}
		rests = append(rests, p[1:])
	}
	return rests, false
}

func pick(v Value, paths Paths) Value {
	switch v.Kind() {
	case Object:
		fields := make([]Field, 0, min(v.Len(), len(paths)))
		for name, f := range v.Fields() {
			rests, ends := paths.Under(name)
			if !ends {
				if rests == nil {
					continue
				}
				f = pick(f, rests)
			}
			if f.kind != 0 {
				fields = append(fields, Field{name, f})
			}
		}
		return objectOf(fields)
	case Array:
		elems := Items(v)
		for i := range elems {
			elems[i] = pick(elems[i], paths)
		}
		return ListOf(elems)
	}
	return Value{} // the path goes on, the document does not
}

func drop(v Value, paths Paths) Value {
	return Map(v, func(name string, part Value) Value {
		if v.Kind() == Array {
			return drop(part, paths)
		}
		rests, ends := paths.Under(name)
		switch {
		case ends:
			return Value{}
		case rests == nil:
			return part
		}
		return drop(part, rests)
	})
}
