package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

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
			if !l.bind(fr, i, e) || !fr.take(valueSize) {
				return list, l.limit(fr)
			}
			v, err := l.body.val(fr)
			if err != nil {
				return v, err
			}
			if k := v.Kind(); k < doc.Bool || k > doc.String {
				return v, l.body.wrong(fr, v, "a string or a number")
			}
			name := groupName(v)
			group, known := groups[name]
			if !known {
				if !fr.take(fieldSize + len(name)) {
					return list, l.limit(fr)
				}
				names = append(names, name)
			}
			groups[name] = append(group, e)
		}
		fields := make([]doc.Field, len(names))
		for i, name := range names {
			fields[i] = doc.Field{Name: name, Value: doc.ListOf(groups[name])}
		}
		return doc.ObjectOf(fields), nil
	}}
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
		if !l.bind(fr, i, e) {
			return nil, l.limit(fr)
		}
		v, err := l.body.val(fr)
		if err != nil {
			return nil, err
		}
		if k := v.Kind(); k != doc.Number && k != doc.String {
			return nil, l.body.wrong(fr, v, "a number or a string")
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
		var acc doc.Value
		from := 1
		if l.extra != nil {
			if acc, err = l.extra.val(fr); err != nil {
				return acc, err
			}
			from = 0
		} else if list.Len() == 0 {
			return doc.Value{}, l.fail("%s is empty, and there is no start: reduce(list, #acc + #, 0)", l.list.text())
		} else {
			acc = list.At(0)
		}
		for i, e := range list.Elems() {
			if i < from {
				continue
			}
			if !l.bind(fr, i, e) {
				return list, l.limit(fr)
			}
			fr.slots[l.slot+2] = acc
			if acc, err = l.body.val(fr); err != nil {
				return acc, err
			}
		}
		return acc, nil
	}}
}
