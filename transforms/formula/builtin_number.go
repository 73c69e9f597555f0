package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

func numberBuiltins() []builtin {
	return []builtin{
		ofNumber("abs", doc.Decimal.Abs),
		ofNumber("floor", doc.Decimal.Floor),
		ofNumber("ceil", doc.Decimal.Ceil),
		{name: "round", params: []set{nums, nums}, optional: 1, result: shape.NumberType, do: round},
		{name: "min", params: []set{nums | strs | arrs}, open: true, typeOf: elementOrJoin, do: extreme(-1)},
		{name: "max", params: []set{nums | strs | arrs}, open: true, typeOf: elementOrJoin, do: extreme(1)},
		{name: "mean", params: []set{nums | arrs}, open: true, result: shape.OrNull(shape.NumberType), do: mean},
	}
}

// ofNumber is a builtin from a number to a number.
func ofNumber(name string, do func(doc.Decimal) doc.Decimal) builtin {
	return builtin{name: name, params: []set{nums}, result: shape.NumberType,
		do: func(s *site, fr *Frame) doc.Value { return doc.NumberValue(do(s.num(fr, 0))) }}
}

// round rounds halves away from zero, to whole numbers or to so many places.
func round(s *site, fr *Frame) doc.Value {
	d, places := s.num(fr, 0), 0
	if len(s.args) > 1 {
		v, ok := s.arg(fr, 1), false
		if places, ok = intOf(v); !ok || places < -400 || places > 400 {
			panic(s.args[1].wrong(fr, v, "a whole number from -400 to 400"))
		}
	}
	return doc.NumberValue(d.Round(places))
}

func elementOrJoin(args []*node) *shape.Type {
	if len(args) > 1 {
		return joinTypes(args)
	}
	if args[0].typ.Is(shape.Array) {
		return shape.OrNull(args[0].typ.Element())
	}
	return shape.AnyType
}

// joinTypes is what is true of each of the nodes.
func joinTypes(nodes []*node) *shape.Type {
	t := nodes[0].typ
	for _, n := range nodes[1:] {
		t = shape.Join(t, n.typ)
	}
	return t
}

// eachOf visits the elements of one list, or the arguments.
func (s *site) eachOf(fr *Frame, do func(i int, v doc.Value, n *node)) {
	vals := s.all(fr)
	if len(vals) == 1 && vals[0].Kind() == doc.Array {
		for i, v := range vals[0].Elems() {
			s.within(fr, fr.spend(1))
			do(i, v, s.args[0].element(i))
		}
		return
	}
	for i, v := range vals {
		do(i, v, s.args[i])
	}
}

// extreme is min (-1) and max (1) of one list, or of two values and more. Of an empty list it is null.
func extreme(sign int) func(*site, *Frame) doc.Value {
	return func(s *site, fr *Frame) doc.Value {
		var best doc.Value
		s.eachOf(fr, func(i int, v doc.Value, n *node) {
			if i == 0 {
				best = v
			}
			if compareValues(fr, n, n, v, best)*sign > 0 {
				best = v
			}
		})
		return orNull(best)
	}
}

// mean is the arithmetic mean; of an empty list it is null.
func mean(s *site, fr *Frame) doc.Value {
	sum, count := doc.Int(0), int64(0)
	s.eachOf(fr, func(_ int, v doc.Value, n *node) {
		if v.Kind() != doc.Number {
			panic(n.wrong(fr, v, "a number"))
		}
		sum = sum.Add(v.Num())
		count++
	})
	if count == 0 {
		return doc.NullValue()
	}
	d, _ := sum.Div(doc.Int(count))
	return doc.NumberValue(d)
}
