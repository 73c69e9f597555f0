package doc

import (
	"slices"
	"strconv"
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
	elems := copyElems(v, 1)
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
	switch v.Kind() {
	case Object:
		return deleteField(v, path)
	case Array:
		return deleteElem(v, path)
	}
	return v
}

func deleteField(v Value, path []string) Value {
	if _, ok := v.find(path[0]); !ok {
		return v
	}
	fields := copyFields(v, 0)
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == path[0] })
	if len(path) == 1 {
		return objectOf(slices.Delete(fields, i, i+1))
	}
	fields[i].Value = Delete(fields[i].Value, path[1:])
	return objectOf(fields)
}

func deleteElem(v Value, path []string) Value {
	i, ok := index(v, path[0])
	if !ok {
		return v
	}
	elems := copyElems(v, 0)
	if len(path) == 1 {
		return ListOf(slices.Delete(elems, i, i+1))
	}
	elems[i] = Delete(elems[i], path[1:])
	return ListOf(elems)
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

func copyElems(v Value, more int) []Value {
	elems := make([]Value, 0, v.Len()+more)
	for _, e := range v.Elems() {
		elems = append(elems, e)
	}
	return elems
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
