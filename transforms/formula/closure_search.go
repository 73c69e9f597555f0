package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// search compiles filter and the finds.
func (c *compiler) search(name string, l *loop) *node {
	t, ok := c.condition(l)
	if !ok {
		return broken(l.place)
	}
	elem := l.list.typ.Element()
	n := &node{place: l.place, typ: shape.OrNull(elem)}
	switch name {
	case "filter":
		n.typ, n.val = shape.ArrayOf(elem), l.filter(t)
	case "find", "findLast":
		last := name == "findLast"
		n.val = func(fr *Frame) (doc.Value, *RunError) {
			v, _, err := l.find(fr, t, last)
			return v, err
		}
	default:
		n.typ = shape.OrNull(shape.NumberType)
		last := name == "findLastIndex"
		n.val = func(fr *Frame) (doc.Value, *RunError) {
			_, i, err := l.find(fr, t, last)
			if i < 0 {
				return doc.NullValue(), err
			}
			return doc.IntValue(int64(i)), err
		}
	}
	return n
}

func (l *loop) filter(t test) value {
	return func(fr *Frame) (doc.Value, *RunError) {
		list, err := l.start(fr)
		if err != nil {
			return list, err
		}
		var out []doc.Value
		for i, e := range list.Elems() {
			if !l.bind(fr, i, e) {
				return list, l.limit(fr)
			}
			ok, err := t(fr)
			if err != nil {
				return list, err
			}
			if ok {
				if !fr.take(valueSize) {
					return list, l.limit(fr)
				}
				out = append(out, e)
			}
		}
		return doc.ListOf(out), nil
	}
}

// find is the first element that passes, or the last; Missing and -1 if there is none.
func (l *loop) find(fr *Frame, t test, last bool) (doc.Value, int, *RunError) {
	at, found := -1, doc.Value{}
	list, err := l.start(fr)
	if err != nil {
		return found, at, err
	}
	for i, e := range list.Elems() {
		if !l.bind(fr, i, e) {
			return found, at, l.limit(fr)
		}
		ok, err := t(fr)
		if err != nil {
			return found, at, err
		}
		if ok {
			at, found = i, e
			if !last {
				break
			}
		}
	}
	return found, at, nil
}
