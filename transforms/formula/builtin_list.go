package formula

import (
	"slices"
	"strconv"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

func listBuiltins() []builtin {
	return []builtin{
		{name: "len", params: []set{strs | arrs | objs}, result: shape.NumberType, do: length},
		{name: "first", params: []set{arrs}, typeOf: element0, do: at(0)},
		{name: "last", params: []set{arrs}, typeOf: element0, do: at(-1)},
		{name: "take", params: []set{arrs, nums}, typeOf: sameList, do: take},
		{name: "reverse", params: []set{arrs}, typeOf: sameList, do: reverse},
		{name: "sort", params: []set{arrs, strs}, optional: 1, typeOf: sameList, do: sortList},
		{name: "uniq", params: []set{arrs}, typeOf: sameList, do: uniq},
		{name: "concat", params: []set{arrs}, open: true, typeOf: joinLists, do: concat},
		{name: "flatten", params: []set{arrs}, typeOf: flatType, do: flatten},
		{name: "keys", params: []set{objs}, result: shape.ArrayOf(shape.StringType), do: fieldsOf(nameOnly)},
		{name: "values", params: []set{objs}, typeOf: valuesType, do: fieldsOf(valueOnly)},
	}
}

// element stands in errors for element i of a list: body.items[2].
func (n *node) element(i int) *node {
	return &node{place: n.place, label: n.text() + "[" + strconv.Itoa(i) + "]"}
}

func element0(args []*node) *shape.Type { return shape.OrNull(args[0].typ.Element()) }

// sameList is an array of what the first argument is an array of.
func sameList(args []*node) *shape.Type { return listLike(args[0].typ) }

func joinLists(args []*node) *shape.Type { return listLike(joinTypes(args)) }

func listLike(t *shape.Type) *shape.Type {
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

func length(s *site, fr *Frame) doc.Value { return doc.IntValue(int64(s.arg(fr, 0).Len())) }

func at(i int) func(*site, *Frame) doc.Value {
	return func(s *site, fr *Frame) doc.Value {
		list := s.arg(fr, 0)
		s.within(fr, i == 0 || fr.spend(list.Len()/16))
		return list.At(i)
	}
}

func take(s *site, fr *Frame) doc.Value {
	list := s.arg(fr, 0)
	n := min(s.size(fr, 1), list.Len())
	s.within(fr, fr.spend(n) && fr.take(n*valueSize))
	return cutOut(list, 0, n)
}

// copied is the elements of argument i in a slice of their own, paid for.
func (s *site) copied(fr *Frame, i int) []doc.Value {
	list := s.arg(fr, i)
	n := list.Len()
	s.within(fr, fr.spend(n) && fr.take(n*valueSize))
	return doc.Items(list)
}

func nameOnly(name string, _ doc.Value) doc.Value { return doc.StringValue(name) }
func valueOnly(_ string, v doc.Value) doc.Value   { return v }

// fieldsOf makes a list of what is picked of each field.
func fieldsOf(pick func(string, doc.Value) doc.Value) func(*site, *Frame) doc.Value {
	return func(s *site, fr *Frame) doc.Value {
		object := s.arg(fr, 0)
		out := make([]doc.Value, 0, min(object.Len(), 1024))
		for name, v := range object.Fields() {
			s.within(fr, fr.spend(1) && fr.take(valueSize))
			out = append(out, pick(name, v))
		}
		return doc.ListOf(out)
	}
}

func reverse(s *site, fr *Frame) doc.Value {
	out := s.copied(fr, 0)
	slices.Reverse(out)
	return doc.ListOf(out)
}

// sortList sorts numbers or strings, stable.
func sortList(s *site, fr *Frame) doc.Value {
	out := s.copied(fr, 0)
	sign := s.direction(s.optional(fr, 1))
	sortStable(fr, out, func(x doc.Value) doc.Value { return x }, sign, s.args[0].element(0))
	return doc.ListOf(out)
}

func (p *place) direction(order string) int {
	switch order {
	case "", "asc":
		return 1
	case "desc":
		return -1
	}
	panic(p.fail(`the order must be "asc" or "desc"; it is %q`, cut(order)))
}

// sortStable sorts by key; n stands in errors for an element.
func sortStable[T any](fr *Frame, list []T, key func(T) doc.Value, sign int, n *node) {
	if len(list) == 1 {
		compareValues(fr, n, n, key(list[0]), key(list[0]))
	}
	slices.SortStableFunc(list, func(x, y T) int {
		n.within(fr, fr.spend(1))
		return compareValues(fr, n, n, key(x), key(y)) * sign
	})
}

// uniq keeps the first of equal elements.
func uniq(s *site, fr *Frame) doc.Value {
	var out []doc.Value
	seen := map[uint64][]doc.Value{}
	for _, e := range s.arg(fr, 0).Elems() {
		s.within(fr, fr.weigh(e) && fr.spend(1))
		h := doc.Hash(e)
		if slices.ContainsFunc(seen[h], func(x doc.Value) bool { return doc.Equal(x, e) }) {
			continue
		}
		s.within(fr, (len(seen[h]) <= 16 || fr.take(-1)) && fr.take(4*valueSize)) // nobody's data collide so often
		seen[h] = append(seen[h], e)
		out = append(out, e)
	}
	return doc.ListOf(out)
}

func concat(s *site, fr *Frame) doc.Value {
	out := s.copied(fr, 0)
	for i := 1; i < len(s.args); i++ {
		out = append(out, s.copied(fr, i)...)
	}
	return doc.ListOf(out)
}

// flatten makes one list of lists in lists.
func flatten(s *site, fr *Frame) doc.Value {
	return doc.ListOf(s.flattened(fr, nil, s.arg(fr, 0), maxDepth))
}

func (s *site) flattened(fr *Frame, out []doc.Value, list doc.Value, depth int) []doc.Value {
	for _, e := range list.Elems() {
		s.within(fr, fr.deeper(depth) && fr.spend(1))
		if e.Kind() == doc.Array {
			out = s.flattened(fr, out, e, depth-1)
			continue
		}
		s.within(fr, fr.take(valueSize))
		out = append(out, e)
	}
	return out
}
