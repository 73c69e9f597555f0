package formula

import (
	"slices"
	"strconv"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

func listBuiltins() []builtin {
	return []builtin{
		{name: "len", params: []set{strs | arrs | objs}, least: 1, result: gives(shape.NumberType), one: length},
		{name: "first", params: []set{arrs}, least: 1, result: element0, one: at(0)},
		{name: "last", params: []set{arrs}, least: 1, result: element0, one: at(-1)},
		{name: "take", params: []set{arrs, nums}, least: 2, result: sameList, two: take},
		{name: "reverse", params: []set{arrs}, least: 1, result: sameList, one: reverse},
		{name: "sort", params: []set{arrs, strs}, least: 1, result: sameList, many: sortList},
		{name: "uniq", params: []set{arrs}, least: 1, result: sameList, one: uniq},
		{name: "concat", params: []set{arrs}, least: 1, open: true, result: joinLists, many: concat},
		{name: "flatten", params: []set{arrs}, least: 1, result: flatType, one: flatten},
		{name: "keys", params: []set{objs}, least: 1, result: gives(shape.ArrayOf(shape.StringType)), one: fieldsOf(nameOnly)},
		{name: "values", params: []set{objs}, least: 1, result: valuesType, one: fieldsOf(valueOnly)},
	}
}

// elementText names element i of a list: body.items[2].
func elementText(n *node, i int) string { return n.text() + "[" + strconv.Itoa(i) + "]" }

func element0(args []*node) *shape.Type { return shape.OrNull(args[0].typ.Element()) }

func sameList(args []*node) *shape.Type {
	if args[0].typ.Is(shape.Array) {
		return shape.ArrayOf(args[0].typ.Elem)
	}
	return shape.ArrayOf(nil)
}

func joinLists(args []*node) *shape.Type {
	t := args[0].typ
	for _, a := range args[1:] {
		t = shape.Join(t, a.typ)
	}
	if t.Is(shape.Array) {
		return shape.ArrayOf(t.Elem)
	}
	return shape.ArrayOf(nil)
}

func flatType(args []*node) *shape.Type {
	t := args[0].typ
	for t.Is(shape.Array) {
		t = t.Element()
	}
	return shape.ArrayOf(t)
}

func valuesType(args []*node) *shape.Type {
	t := args[0].typ
	if !t.Is(shape.Object) || t.Open && len(t.Fields) > 0 || len(t.Fields) == 0 {
		return shape.ArrayOf(t.Element())
	}
	elem := t.Fields[0].Type
	for _, f := range t.Fields[1:] {
		elem = shape.Join(elem, f.Type)
	}
	return shape.ArrayOf(elem)
}

func length(_ *site, _ *Frame, a doc.Value) (doc.Value, *RunError) {
	return doc.IntValue(int64(a.Len())), nil
}

func at(i int) func(*site, *Frame, doc.Value) (doc.Value, *RunError) {
	return func(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
		if i != 0 && !fr.spend(a.Len()/16) {
			return a, s.limit(fr)
		}
		return a.At(i), nil
	}
}

func take(s *site, fr *Frame, a, b doc.Value) (doc.Value, *RunError) {
	n, ok := intOf(b)
	if !ok || n < 0 {
		return a, s.args[1].wrong(fr, b, "a whole number from 0 on")
	}
	n = min(n, a.Len())
	if !fr.spend(n) || !fr.take(n*valueSize) {
		return a, s.limit(fr)
	}
	return cutOut(a, 0, n), nil
}

// copied is the elements in a slice of their own, paid for.
func (s *site) copied(fr *Frame, a doc.Value) ([]doc.Value, *RunError) {
	n := a.Len()
	if !fr.spend(n) || !fr.take(n*valueSize) {
		return nil, s.limit(fr)
	}
	out := make([]doc.Value, 0, n)
	for _, e := range a.Elems() {
		out = append(out, e)
	}
	return out, nil
}

func nameOnly(name string, _ doc.Value) doc.Value { return doc.StringValue(name) }
func valueOnly(_ string, v doc.Value) doc.Value   { return v }

// fieldsOf makes a list of what is picked of each field.
func fieldsOf(pick func(string, doc.Value) doc.Value) func(*site, *Frame, doc.Value) (doc.Value, *RunError) {
	return func(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
		out := make([]doc.Value, 0, min(a.Len(), 1024))
		for name, v := range a.Fields() {
			if !fr.spend(1) || !fr.take(valueSize) {
				return a, s.limit(fr)
			}
			out = append(out, pick(name, v))
		}
		return doc.ListOf(out), nil
	}
}

func reverse(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	out, err := s.copied(fr, a)
	if err != nil {
		return a, err
	}
	slices.Reverse(out)
	return doc.ListOf(out), nil
}

// sortList sorts numbers or strings, stable.
func sortList(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	out, err := s.copied(fr, a[0])
	if err != nil {
		return a[0], err
	}
	order := ""
	if len(a) > 1 {
		order = a[1].Str()
	}
	sign, err := s.direction(order)
	if err != nil {
		return a[0], err
	}
	err = sortStable(fr, out, func(x doc.Value) doc.Value { return x }, sign, s.element(0))
	return doc.ListOf(out), err
}

func (s *site) direction(order string) (int, *RunError) {
	switch order {
	case "", "asc":
		return 1, nil
	case "desc":
		return -1, nil
	}
	return 0, s.fail(`the order must be "asc" or "desc"; it is %q`, cut(order))
}

// sortStable sorts by key. An error or an exceeded budget ends the work: then every comparison is equal.
func sortStable[T any](fr *Frame, list []T, key func(T) doc.Value, sign int, n *node) *RunError {
	var fault *RunError
	if len(list) == 1 {
		_, fault = compareValues(fr, n, n, key(list[0]), key(list[0]))
	}
	slices.SortStableFunc(list, func(x, y T) int {
		if fault != nil {
			return 0
		}
		if !fr.spend(1) {
			fault = n.limit(fr)
			return 0
		}
		r, err := compareValues(fr, n, n, key(x), key(y))
		fault = err
		return r * sign
	})
	return fault
}

// uniq keeps the first of equal elements.
func uniq(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	var out []doc.Value
	seen := map[uint64][]doc.Value{}
	for _, e := range a.Elems() {
		if !fr.weigh(e) || !fr.spend(1) {
			return a, s.limit(fr)
		}
		h := doc.Hash(e)
		if slices.ContainsFunc(seen[h], func(x doc.Value) bool { return doc.Equal(x, e) }) {
			continue
		}
		if len(seen[h]) > 16 || !fr.take(4*valueSize) { // nobody's data collide so often
			return a, s.limit(fr)
		}
		seen[h] = append(seen[h], e)
		out = append(out, e)
	}
	return doc.ListOf(out), nil
}

func concat(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	var out []doc.Value
	for _, list := range a {
		more, err := s.copied(fr, list)
		if err != nil {
			return list, err
		}
		out = append(out, more...)
	}
	return doc.ListOf(out), nil
}

// flatten makes one list of lists in lists.
func flatten(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	out, ok := flattenInto(fr, nil, a, maxDepth)
	if !ok {
		fr.exceed()
		return a, s.limit(fr)
	}
	return doc.ListOf(out), nil
}

func flattenInto(fr *Frame, out []doc.Value, a doc.Value, depth int) ([]doc.Value, bool) {
	for _, e := range a.Elems() {
		if depth == 0 || !fr.spend(1) {
			return out, false
		}
		if e.Kind() == doc.Array {
			var ok bool
			if out, ok = flattenInto(fr, out, e, depth-1); !ok {
				return out, false
			}
			continue
		}
		if !fr.take(valueSize) {
			return out, false
		}
		out = append(out, e)
	}
	return out, true
}
