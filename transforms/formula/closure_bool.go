package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// quantifier compiles all, none, any, one.
func (c *compiler) quantifier(name string, l *loop) *node {
	t, ok := c.condition(l)
	if !ok {
		return broken(l.place)
	}
	switch name {
	case "any":
		return newCond(l.place, l.until(t, true, true))
	case "none":
		return newCond(l.place, l.until(t, true, false))
	case "all":
		return newCond(l.place, l.until(t, false, false))
	}
	return newCond(l.place, func(fr *Frame) (bool, *RunError) {
		n, err := l.count(fr, t, 2)
		return n == 1, err
	})
}

// until is the test that stops at the first element whose test is stop; the answer is then found, else its opposite.
func (l *loop) until(t test, stop, found bool) test {
	return func(fr *Frame) (bool, *RunError) {
		met, err := l.meets(fr, t, stop)
		return met == found, err
	}
}

// meets tells whether the test of some element is stop. It is no closure, so that the range allocates nothing.
func (l *loop) meets(fr *Frame, t test, stop bool) (bool, *RunError) {
	list, err := l.start(fr)
	if err != nil {
		return false, err
	}
	for i, e := range list.Elems() {
		if !l.bind(fr, i, e) {
			return false, l.limit(fr)
		}
		if ok, err := t(fr); ok == stop || err != nil {
			return true, err
		}
	}
	return false, nil
}

// count counts the elements that pass, up to most.
func (l *loop) count(fr *Frame, t test, most int) (int, *RunError) {
	list, err := l.start(fr)
	if err != nil {
		return 0, err
	}
	n := 0
	for i, e := range list.Elems() {
		if !l.bind(fr, i, e) {
			return 0, l.limit(fr)
		}
		ok, err := t(fr)
		if err != nil {
			return 0, err
		}
		if ok {
			if n++; n == most {
				break
			}
		}
	}
	return n, nil
}

// counted compiles count(list, test), and count(list) of a list of bools.
func (c *compiler) counted(l *loop) *node {
	t, ok := c.condition(l)
	if !ok {
		return broken(l.place)
	}
	return &node{place: l.place, typ: shape.NumberType, val: func(fr *Frame) (doc.Value, *RunError) {
		n, err := l.count(fr, t, -1)
		return doc.IntValue(int64(n)), err
	}}
}
