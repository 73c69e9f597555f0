package formula

import (
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
		{name: "keys", params: []set{objs}, least: 1, result: gives(shape.ArrayOf(shape.StringType)), one: keys},
		{name: "values", params: []set{objs}, least: 1, result: valuesType, one: values},
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

func keys(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	out := make([]doc.Value, 0, min(a.Len(), 1024))
	for name := range a.Fields() {
		if !fr.spend(1) || !fr.take(valueSize) {
			return a, s.limit(fr)
		}
		out = append(out, doc.StringValue(name))
	}
	return doc.ListOf(out), nil
}

func values(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError) {
	out := make([]doc.Value, 0, min(a.Len(), 1024))
	for _, v := range a.Fields() {
		if !fr.spend(1) || !fr.take(valueSize) {
			return a, s.limit(fr)
		}
		out = append(out, v)
	}
	return doc.ListOf(out), nil
}
