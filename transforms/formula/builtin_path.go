package formula

import (
	"strings"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// pathBuiltins read and change documents in their depth.
func pathBuiltins() []builtin {
	return []builtin{
		{name: "get", params: []set{arrs | objs, strs | arrs}, result: shape.AnyType, do: get},
		{name: "set", params: []set{arrs | objs, strs | arrs, anything}, result: shape.AnyType, do: setAt},
		{name: "merge", params: []set{objs}, open: true, result: shape.AnyType, do: merge},
	}
}

// steps is argument 1, a path: a text with dots, or a list of names and numbers.
func (s *site) steps(fr *Frame) []string {
	v := s.arg(fr, 1)
	var path []string
	if v.Kind() == doc.String {
		path = strings.Split(v.Str(), ".")
	} else {
		for i, e := range v.Elems() {
			if e.Kind() != doc.String && e.Kind() != doc.Number {
				panic(s.args[1].element(i).wrong(fr, e, "a name or a number"))
			}
			path = append(path, e.Text())
		}
	}
	if len(path) > maxDepth {
		panic(s.args[1].fail("the path has %d steps, %d are allowed", len(path), maxDepth))
	}
	s.within(fr, fr.spend(len(path)))
	return path
}

// get is what is at a path, or null.
func get(s *site, fr *Frame) doc.Value { return orNull(doc.Lookup(s.arg(fr, 0), s.steps(fr))) }

// setAt is the document with another value at a path; objects on the way are made.
func setAt(s *site, fr *Frame) doc.Value {
	v, path, value := s.arg(fr, 0), s.steps(fr), orNull(s.arg(fr, 2))
	for i := range path { // each object on the way is copied
		n := doc.Lookup(v, path[:i]).Len() + 1
		s.within(fr, fr.spend(n/16) && fr.take(n*fieldSize))
	}
	out := doc.Set(v, path, value)
	if !doc.Equal(doc.Lookup(out, path), value) {
		panic(s.args[1].fail("%s has no element there: a list takes the number of an element, or its length to append one", s.args[0].text()))
	}
	return out
}

// merge is one object of several, in depth: of two values under one name the later one counts, unless both are objects.
func merge(s *site, fr *Frame) doc.Value {
	out := s.arg(fr, 0)
	for i := 1; i < len(s.args); i++ {
		out = s.merged(fr, out, s.arg(fr, i), maxDepth)
	}
	return out
}

func (s *site) merged(fr *Frame, base, over doc.Value, depth int) doc.Value {
	if base.Kind() != doc.Object || over.Kind() != doc.Object {
		return over
	}
	s.within(fr, fr.deeper(depth) && fr.spend(1+base.Len()+over.Len()) && fr.take((base.Len()+over.Len())*fieldSize))
	fields := make([]doc.Field, 0, base.Len()+over.Len())
	at := make(map[string]int, base.Len())
	for name, v := range base.Fields() {
		at[name] = len(fields)
		fields = append(fields, doc.Field{Name: name, Value: v})
	}
	for name, v := range over.Fields() {
		if i, there := at[name]; there {
			fields[i].Value = s.merged(fr, fields[i].Value, v, depth-1)
			continue
		}
		fields = append(fields, doc.Field{Name: name, Value: v})
	}
	return doc.ObjectOf(fields)
}
