package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

func numberBuiltins() []builtin {
	return []builtin{
		mapNumber("abs", doc.Decimal.Abs),
		mapNumber("floor", doc.Decimal.Floor),
		mapNumber("ceil", doc.Decimal.Ceil),
		mapNumber("money", func(d doc.Decimal) doc.Decimal { return d.Round(2) }),
		mapNumber("cents", func(d doc.Decimal) doc.Decimal { return d.Round(2).Mul(doc.Int(100)).Round(0) }),
		{name: "round", params: []set{nums, nums}, least: 1, result: gives(shape.NumberType), many: round},
		{name: "min", params: []set{nums | strs | arrs}, least: 1, open: true, result: elementOrJoin, many: extreme(-1)},
		{name: "max", params: []set{nums | strs | arrs}, least: 1, open: true, result: elementOrJoin, many: extreme(1)},
		{name: "mean", params: []set{nums | arrs}, least: 1, open: true, result: gives(shape.OrNull(shape.NumberType)), many: mean},
	}
}

// mapNumber is a builtin from a number to a number.
func mapNumber(name string, do func(doc.Decimal) doc.Decimal) builtin {
	return builtin{name: name, params: []set{nums}, least: 1, result: gives(shape.NumberType),
		one: func(_ *site, _ *Frame, a doc.Value) (doc.Value, *RunError) { return doc.NumberValue(do(a.Num())), nil }}
}

// round rounds halves away from zero, to whole numbers or to so many places.
func round(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	places := 0
	if len(a) > 1 {
		n, ok := intOf(a[1])
		if !ok || n < -400 || n > 400 {
			return doc.Value{}, s.args[1].wrong(fr, a[1], "a whole number from -400 to 400")
		}
		places = n
	}
	return doc.NumberValue(a[0].Num().Round(places)), nil
}

func elementOrJoin(args []*node) *shape.Type {
	if len(args) == 1 {
		if args[0].typ.Is(shape.Array) {
			return shape.OrNull(args[0].typ.Element())
		}
		return shape.AnyType
	}
	t := args[0].typ
	for _, a := range args[1:] {
		t = shape.Join(t, a.typ)
	}
	return t
}

// eachOf visits the elements of one list, or the arguments.
func (s *site) eachOf(fr *Frame, a []doc.Value, do func(i int, v doc.Value, n *node) *RunError) *RunError {
	if len(a) == 1 && a[0].Kind() == doc.Array {
		for i, v := range a[0].Elems() {
			if !fr.spend(1) {
				return s.limit(fr)
			}
			if err := do(i, v, s.element(i)); err != nil {
				return err
			}
		}
		return nil
	}
	for i, v := range a {
		if err := do(i, v, s.args[i]); err != nil {
			return err
		}
	}
	return nil
}

// element stands for element i of the first argument in errors.
func (s *site) element(i int) *node {
	return &node{place: s.args[0].place, label: elementText(s.args[0], i)}
}

// extreme is min (-1) and max (1) of one list, or of two values and more. Of an empty list it is null.
func extreme(sign int) func(*site, *Frame, []doc.Value) (doc.Value, *RunError) {
	return func(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
		var best doc.Value
		err := s.eachOf(fr, a, func(i int, v doc.Value, n *node) *RunError {
			if i == 0 {
				best = v
			}
			r, err := compareValues(fr, n, n, v, best)
			if err == nil && r*sign > 0 {
				best = v
			}
			return err
		})
		if best.Kind() == doc.Missing {
			best = doc.NullValue()
		}
		return best, err
	}
}

// mean is the arithmetic mean; of an empty list it is null.
func mean(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError) {
	sum, count := doc.Int(0), int64(0)
	err := s.eachOf(fr, a, func(_ int, v doc.Value, n *node) *RunError {
		if v.Kind() != doc.Number {
			return n.wrong(fr, v, "a number")
		}
		sum = sum.Add(v.Num())
		count++
		return nil
	})
	if err != nil || count == 0 {
		return doc.NullValue(), err
	}
	d, _ := sum.Div(doc.Int(count))
	return doc.NumberValue(d), nil
}
