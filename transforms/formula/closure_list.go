package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// mapped compiles map.
func (l *loop) mapped() *node {
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
			v, err := l.eval(fr, i, e, anything)
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
	if !c.addable(l) {
		return broken(l.place)
	}
	return &node{place: l.place, typ: shape.NumberType, val: func(fr *Frame) (doc.Value, *RunError) {
		list, err := l.start(fr)
		if err != nil {
			return list, err
		}
		sum := doc.Int(0)
		for i, v := range list.Elems() {
			if l.body != nil {
				if !l.bind(fr, i, v) {
					return list, l.limit(fr)
				}
				if v, err = l.body.val(fr); err != nil {
					return v, err
				}
			} else if !fr.spend(1) {
				return list, l.limit(fr)
			}
			if v.Kind() != doc.Number {
				return v, l.addend(i).wrong(fr, v, "a number")
			}
			sum = sum.Add(v.Num())
		}
		return doc.NumberValue(sum), nil
	}}
}

// addable tells that the closure, or the elements where there is none, may be numbers.
func (c *compiler) addable(l *loop) bool {
	if l.body != nil {
		return c.want(l.body, "a number", shape.Number)
	}
	e := l.list.typ.Element()
	if e.IsAny() || e.Is(shape.Number) {
		return true
	}
	c.fault(l.list.place, "say what to add up: sum("+l.list.text()+", .price)", "sum needs numbers; %s is %s", l.list.text(), l.list.typ.Describe())
	return false
}

// addend stands in errors for what element i adds to a sum.
func (l *loop) addend(i int) *node {
	if l.body != nil {
		return l.body
	}
	return &node{place: l.list.place, label: elementText(l.list, i)}
}

// grouped compiles groupBy: an object of lists, in the order in which their keys were met first.
func (c *compiler) grouped(l *loop) *node {
	if !c.want(l.body, "a string, a number or true or false", shape.String, shape.Number, shape.Bool) {
		return broken(l.place)
	}
	t := shape.MapType(shape.ArrayOf(l.list.typ.Element()))
	return &node{place: l.place, typ: t, val: func(fr *Frame) (doc.Value, *RunError) {
		list, err := l.start(fr)
		if err != nil {
			return list, err
		}
		var names []string
		groups := map[string][]doc.Value{}
		for i, e := range list.Elems() {
			v, err := l.eval(fr, i, e, bools|nums|strs)
			if err != nil {
				return v, err
			}
			name := groupName(v)
			group, known := groups[name]
			if !fr.take(valueSize) || !known && !fr.take(fieldSize+len(name)) {
				return list, l.limit(fr)
			}
			if !known {
				names = append(names, name)
			}
			groups[name] = append(group, e)
		}
		return groupsOf(names, groups), nil
	}}
}

// groupsOf makes an object of lists.
func groupsOf(names []string, groups map[string][]doc.Value) doc.Value {
	fields := make([]doc.Field, len(names))
	for i, name := range names {
		fields[i] = doc.Field{Name: name, Value: doc.ListOf(groups[name])}
	}
	return doc.ObjectOf(fields)
}

// groupName is a key as a field's name; 1.0 and 1 are one group.
func groupName(v doc.Value) string {
	if v.Kind() == doc.Number {
		return v.Num().Normal().String()
	}
	return v.Text()
}

// keyed is an element with its sort key.
type keyed struct{ key, elem doc.Value }

// sortedBy compiles sortBy(list, key) and sortBy(list, key, "desc").
func (c *compiler) sortedBy(l *loop) *node {
	ok := c.want(l.body, "a number or a string", shape.Number, shape.String)
	if !ok || l.extra != nil && !c.want(l.extra, "a string", shape.String) {
		return broken(l.place)
	}
	s := &site{place: l.place}
	return &node{place: l.place, typ: shape.ArrayOf(l.list.typ.Elem), val: func(fr *Frame) (doc.Value, *RunError) {
		list, err := l.start(fr)
		if err != nil {
			return list, err
		}
		sign := 1
		if l.extra != nil {
			order, err := textOf(fr, l.extra)
			if err != nil {
				return list, err
			}
			if sign, err = s.direction(order); err != nil {
				return list, err
			}
		}
		pairs, err := l.keyedList(fr, list)
		if err != nil {
			return list, err
		}
		if err := sortStable(fr, pairs, func(p keyed) doc.Value { return p.key }, sign, &node{place: l.body.place}); err != nil {
			return list, err
		}
		out := make([]doc.Value, len(pairs))
		for i, p := range pairs {
			out[i] = p.elem
		}
		return doc.ListOf(out), nil
	}}
}

// keyedList evaluates the keys.
func (l *loop) keyedList(fr *Frame, list doc.Value) ([]keyed, *RunError) {
	n := list.Len()
	if !fr.take(3 * n * valueSize) {
		return nil, l.limit(fr)
	}
	pairs := make([]keyed, 0, n)
	for i, e := range list.Elems() {
		v, err := l.eval(fr, i, e, nums|strs)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, keyed{v, e})
	}
	return pairs, nil
}

// reduced compiles reduce(list, #acc + #) and reduce(list, #acc + #, start).
func (l *loop) reduced() *node {
	t := l.body.typ
	if l.extra != nil {
		t = shape.Join(t, l.extra.typ)
	}
	return &node{place: l.place, typ: t, val: func(fr *Frame) (doc.Value, *RunError) {
		list, err := l.start(fr)
		if err != nil {
			return list, err
		}
		acc, from, err := l.begin(fr, list)
		if err != nil {
			return acc, err
		}
		for i, e := range list.Elems() {
			if i < from {
				continue
			}
			fr.slots[l.slot+2] = acc
			if acc, err = l.eval(fr, i, e, anything); err != nil {
				return acc, err
			}
		}
		return acc, nil
	}}
}

// begin is the first value of the accumulator, and the element that it meets first.
func (l *loop) begin(fr *Frame, list doc.Value) (acc doc.Value, from int, err *RunError) {
	switch {
	case l.extra != nil:
		acc, err = l.extra.val(fr)
		return acc, 0, err
	case list.Len() == 0:
		return acc, 0, l.fail("%s is empty, and there is no start: reduce(list, #acc + #, 0)", l.list.text())
	}
	return list.At(0), 1, nil
}
