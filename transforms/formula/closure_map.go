package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// mapped compiles map.
func (l *loop) mapped() *node {
	body := l.body.val
	return &node{place: l.place, typ: shape.ArrayOf(l.body.typ), val: func(fr *Frame) (doc.Value, *RunError) {
		list, err := l.start(fr)
		if err != nil {
			return list, err
		}
		n := list.Len()
		if !fr.take(n * valueSize) {
			return list, l.limit(fr)
		}
		out := make([]doc.Value, 0, n)
		for i, e := range list.Elems() {
			if !l.bind(fr, i, e) {
				return list, l.limit(fr)
			}
			v, err := body(fr)
			if err != nil {
				return v, err
			}
			if v.Kind() == doc.Missing {
				v = doc.NullValue()
			}
			out = append(out, v)
		}
		return doc.ListOf(out), nil
	}}
}

// summed compiles sum(list) and sum(list, number).
func (c *compiler) summed(l *loop) *node {
	if l.body == nil {
		if e := l.list.typ.Element(); !e.IsAny() && !e.Is(shape.Number) {
			c.fault(l.list.place, "say what to add up: sum("+l.list.text()+", .price)", "sum needs numbers; %s is %s", l.list.text(), l.list.typ.Describe())
			return broken(l.place)
		}
		return l.sumElements()
	}
	if !c.want(l.body, "a number", shape.Number) {
		return broken(l.place)
	}
	body := l.body.val
	return &node{place: l.place, typ: shape.NumberType, val: func(fr *Frame) (doc.Value, *RunError) {
		list, err := l.start(fr)
		if err != nil {
			return list, err
		}
		sum := doc.Int(0)
		for i, e := range list.Elems() {
			if !l.bind(fr, i, e) {
				return list, l.limit(fr)
			}
			v, err := body(fr)
			if err != nil {
				return v, err
			}
			if v.Kind() != doc.Number {
				return v, l.body.wrong(fr, v, "a number")
			}
			sum = sum.Add(v.Num())
		}
		return doc.NumberValue(sum), nil
	}}
}

func (l *loop) sumElements() *node {
	return &node{place: l.place, typ: shape.NumberType, val: func(fr *Frame) (doc.Value, *RunError) {
		list, err := l.start(fr)
		if err != nil {
			return list, err
		}
		sum := doc.Int(0)
		for i, e := range list.Elems() {
			if !fr.spend(1) {
				return list, l.limit(fr)
			}
			if e.Kind() != doc.Number {
				return e, (&node{place: l.list.place, label: elementText(l.list, i)}).wrong(fr, e, "a number")
			}
			sum = sum.Add(e.Num())
		}
		return doc.NumberValue(sum), nil
	}}
}
