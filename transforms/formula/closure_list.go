package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// mapped compiles map.
func (l *loop) mapped() *node {
	return newNode(l.place, shape.ArrayOf(l.body.typ), func(fr *Frame) doc.Value {
		list := l.start(fr)
		l.within(fr, fr.take(list.Len()*valueSize))
		out := make([]doc.Value, 0, list.Len())
		for i, e := range list.Elems() {
			out = append(out, orNull(l.eval(fr, i, e, anything)))
		}
		return doc.ListOf(out)
	})
}

// orNull is what stands in a list for a value that may be missing.
func orNull(v doc.Value) doc.Value {
	if v.Kind() == doc.Missing {
		return doc.NullValue()
	}
	return v
}

// summed compiles sum(list) and sum(list, number).
func (c *compiler) summed(l *loop) *node {
	if !c.addable(l) {
		return nil
	}
	return newNode(l.place, shape.NumberType, func(fr *Frame) doc.Value {
		sum := doc.Int(0)
		for i, v := range l.start(fr).Elems() {
			if l.body == nil {
				l.within(fr, fr.spend(1))
			} else {
				l.bind(fr, i, v)
				v = l.body.val(fr)
			}
			if v.Kind() != doc.Number {
				panic(l.addend(i).wrong(fr, v, "a number"))
			}
			sum = sum.Add(v.Num())
		}
		return doc.NumberValue(sum)
	})
}

// addable tells that the closure, or the elements where there is none, may be numbers.
func (c *compiler) addable(l *loop) bool {
	if l.body != nil {
		return c.want(l.body, nums)
	}
	if e := l.list.typ.Element(); e.IsAny() || e.Is(shape.Number) {
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
	return l.list.element(i)
}

// grouped compiles groupBy: an object of lists, in the order in which their keys were met first.
func (c *compiler) grouped(l *loop) *node {
	if !c.wantAs(l.body, bools|nums|strs, "a string, a number or true or false") {
		return nil
	}
	t := shape.MapType(shape.ArrayOf(l.list.typ.Element()))
	return newNode(l.place, t, func(fr *Frame) doc.Value {
		var names []string
		groups := map[string][]doc.Value{}
		for i, e := range l.start(fr).Elems() {
			name := groupName(l.eval(fr, i, e, bools|nums|strs))
			group, known := groups[name]
			l.within(fr, fr.take(valueSize) && (known || fr.take(fieldSize+len(name))))
			if !known {
				names = append(names, name)
			}
			groups[name] = append(group, e)
		}
		fields := make([]doc.Field, len(names))
		for i, name := range names {
			fields[i] = doc.Field{Name: name, Value: doc.ListOf(groups[name])}
		}
		return doc.ObjectOf(fields)
	})
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
	ok := c.want(l.body, nums|strs)
	if !ok || l.extra != nil && !c.want(l.extra, strs) {
		return nil
	}
	return newNode(l.place, shape.ArrayOf(l.list.typ.Elem), func(fr *Frame) doc.Value {
		list, order := l.start(fr), ""
		if l.extra != nil {
			order = l.extra.of(fr, strs).Str()
		}
		sign := l.direction(order)
		l.within(fr, fr.take(3*list.Len()*valueSize))
		pairs := make([]keyed, 0, list.Len())
		for i, e := range list.Elems() {
			pairs = append(pairs, keyed{l.eval(fr, i, e, nums|strs), e})
		}
		sortStable(fr, pairs, func(p keyed) doc.Value { return p.key }, sign, &node{place: l.body.place})
		out := make([]doc.Value, len(pairs))
		for i, p := range pairs {
			out[i] = p.elem
		}
		return doc.ListOf(out)
	})
}

// reduced compiles reduce(list, #acc + #) and reduce(list, #acc + #, start).
func (l *loop) reduced() *node {
	t := l.body.typ
	if l.extra != nil {
		t = shape.Join(t, l.extra.typ)
	}
	return newNode(l.place, t, func(fr *Frame) doc.Value {
		list := l.start(fr)
		acc, from := l.begin(fr, list)
		for i, e := range list.Elems() {
			if i >= from {
				fr.slots[l.slot+2] = acc
				acc = l.eval(fr, i, e, anything)
			}
		}
		return acc
	})
}

// begin is the first value of the accumulator, and the element that it meets first.
func (l *loop) begin(fr *Frame, list doc.Value) (acc doc.Value, from int) {
	switch {
	case l.extra != nil:
		return l.extra.val(fr), 0
	case list.Len() == 0:
		panic(l.fail("%s is empty, and there is no start: reduce(list, #acc + #, 0)", l.list.text()))
	}
	return list.At(0), 1
}
