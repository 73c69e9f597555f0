package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// value is a compiled expression, test a compiled condition.
type (
	value = func(*Frame) (doc.Value, *RunError)
	test  = func(*Frame) (bool, *RunError)
)

// node is a compiled part of a formula.
type node struct {
	place
	typ   *shape.Type
	val   value
	cond  test // nil: val has it
	path  *path
	konst bool
	v     doc.Value // of a constant
	bad   bool      // a fault was reported: say no more about it
	label string    // how messages call it, where the source text won't do
}

// text is the node for messages.
func (n *node) text() string {
	if n.label != "" {
		return n.label
	}
	return n.place.text()
}

func (c *compiler) constant(p place, v doc.Value) *node {
	n := &node{place: p, typ: shape.OfValue(v), konst: true, v: v}
	if v.Kind() == doc.String {
		n.typ = shape.EnumOf(v.Str())
	}
	n.val = func(*Frame) (doc.Value, *RunError) { return v, nil }
	return n
}

// broken stands for a part with a fault.
func broken(p place) *node {
	n := &node{place: p, typ: shape.AnyType, bad: true}
	n.val = func(*Frame) (doc.Value, *RunError) { return doc.Value{}, p.fail("%s has a fault", p.text()) }
	return n
}

func newCond(p place, t test) *node {
	n := &node{place: p, typ: shape.BoolType, cond: t}
	n.val = func(fr *Frame) (doc.Value, *RunError) {
		ok, err := t(fr)
		if err != nil {
			return doc.Value{}, err
		}
		return doc.BoolValue(ok), nil
	}
	return n
}

// test is the node as a condition: anything but true and false is an error.
func (n *node) test() test {
	if n.cond != nil {
		return n.cond
	}
	val := n.val
	return func(fr *Frame) (bool, *RunError) {
		v, err := val(fr)
		if err != nil {
			return false, err
		}
		if v.Kind() != doc.Bool {
			return false, n.wrong(fr, v, "true or false")
		}
		return v.Bool(), nil
	}
}

// fold makes a constant of a node whose parts are constants. A fault that its run shows is a fault of the text.
func (c *compiler) fold(n *node, parts ...*node) *node {
	for _, p := range parts {
		if p != nil && (!p.konst || p.bad) {
			return n
		}
	}
	fr := &Frame{}
	saved, nested := fr.begin(0)
	v, err := n.val(fr)
	if err == nil && !fr.weigh(v) {
		err = n.limit(fr)
	}
	fr.end(saved, nested)
	if err == errShort { // the chain around it says what it gives
		return n
	}
	if err != nil {
		c.errs = append(c.errs, &Error{Offset: err.Offset, Length: err.Length, Message: err.Message, Help: err.Help})
		return broken(n.place)
	}
	k := c.constant(n.place, v)
	if k.typ.Kind == shape.Null {
		k.typ = n.typ
	}
	return k
}
