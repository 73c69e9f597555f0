package doc

import "strings"

// Pick returns the object with only the named fields, in document order. A name is a top-level field or a dotted path; a path that meets an
// array goes on in every element, so lines.sku keeps the sku of every line. All but objects are returned as they are.
func Pick(v Value, names []string) Value {
	if v.Kind() != Object {
		return v
	}
	return pick(v, paths(names))
}

// Drop returns the object without the named fields; names are those of Pick.
func Drop(v Value, names []string) Value {
	if v.Kind() != Object {
		return v
	}
	return drop(v, paths(names))
}

// paths splits the names. A dotted name may also be the name of one field.
func paths(names []string) [][]string {
	out := make([][]string, 0, len(names))
	for _, name := range names {
		out = append(out, []string{name})
		if strings.Contains(name, ".") {
			out = append(out, strings.Split(name, "."))
		}
	}
	return out
}

// under returns the rests of the paths that start with the name, and whether one of them ends with it.
func under(paths [][]string, name string) (rests [][]string, ends bool) {
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

func pick(v Value, paths [][]string) Value {
	switch v.Kind() {
	case Object:
		fields := make([]Field, 0, min(v.Len(), len(paths)))
		for name, f := range v.Fields() {
			rests, ends := under(paths, name)
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
		return eachElem(v, paths, pick)
	}
	return Value{} // the path goes on, the document does not
}

func drop(v Value, paths [][]string) Value {
	switch v.Kind() {
	case Object:
		fields := make([]Field, 0, v.Len())
		for name, f := range v.Fields() {
			rests, ends := under(paths, name)
			if ends {
				continue
			}
			if rests != nil {
				f = drop(f, rests)
			}
			fields = append(fields, Field{name, f})
		}
		return objectOf(fields)
	case Array:
		return eachElem(v, paths, drop)
	}
	return v
}

func eachElem(v Value, paths [][]string, do func(Value, [][]string) Value) Value {
	elems := copyElems(v, 0)
	for i := range elems {
		elems[i] = do(elems[i], paths)
	}
	return ListOf(elems)
}
