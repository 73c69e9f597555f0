package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// plus compiles +: numbers are added, strings joined, never mixed.
func (c *compiler) plus(a, b *node, p place) *node {
	okA := c.want(a, "a number or a string", shape.Number, shape.String)
	okB := c.want(b, "a number or a string", shape.Number, shape.String)
	if !okA || !okB {
		return broken(p)
	}
	t := shape.AnyType
	switch {
	case !a.typ.IsAny() && !b.typ.IsAny() && a.typ.Kind != b.typ.Kind:
		c.mixed(a, b, p)
		return broken(p)
	case a.typ.Is(shape.String) || b.typ.Is(shape.String):
		t = shape.StringType
	case a.typ.Is(shape.Number) || b.typ.Is(shape.Number):
		t = shape.NumberType
	}
	return c.fold(&node{place: p, typ: t, val: func(fr *Frame) (doc.Value, *RunError) {
		x, err := a.val(fr)
		if err != nil {
			return x, err
		}
		y, err := b.val(fr)
		if err != nil {
			return y, err
		}
		if x.Kind() == doc.Number && y.Kind() == doc.Number {
			return doc.NumberValue(x.Num().Add(y.Num())), nil
		}
		return joined(fr, a, b, x, y, p)
	}}, a, b)
}

func (c *compiler) mixed(a, b *node, p place) {
	other := a
	if a.typ.Is(shape.String) {
		other = b
	}
	c.fault(p, "use string("+other.text()+")", "+ can't join a string and a number: %s", kinds(a, b))
}

// joined is two strings as one; the error names the operand that is at fault.
func joined(fr *Frame, a, b *node, x, y doc.Value, p place) (doc.Value, *RunError) {
	kx, ky := x.Kind(), y.Kind()
	switch {
	case kx == doc.String && ky == doc.String:
		s, t := x.Str(), y.Str()
		if !fr.take(len(s) + len(t)) {
			return x, p.limit(fr)
		}
		return doc.StringValue(s + t), nil
	case kx == doc.String:
		return x, b.wrong(fr, y, "a string")
	case ky == doc.String:
		return x, a.wrong(fr, x, "a string")
	case kx == doc.Number:
		return x, b.wrong(fr, y, "a number")
	case ky == doc.Number:
		return x, a.wrong(fr, x, "a number")
	}
	return x, a.wrong(fr, x, "a number or a string")
}

// span2 compiles from..to: the list of whole numbers, both ends included.
func (c *compiler) span2(a, b *node, p place) *node {
	okA, okB := c.want(a, "a number", shape.Number), c.want(b, "a number", shape.Number)
	if !okA || !okB {
		return broken(p)
	}
	n := &node{place: p, typ: shape.ArrayOf(shape.NumberType), val: func(fr *Frame) (doc.Value, *RunError) {
		from, err := whole(fr, a)
		if err != nil {
			return doc.Value{}, err
		}
		to, err := whole(fr, b)
		if err != nil {
			return doc.Value{}, err
		}
		if to < from {
			return doc.ListOf(nil), nil
		}
		size := uint64(to) - uint64(from)
		if size >= uint64(fr.limits.Steps) || !fr.spend(int(size)) || !fr.take(int(size+1)*valueSize) {
			fr.exceed()
			return doc.Value{}, p.limit(fr)
		}
		out := make([]doc.Value, 0, size+1)
		for i := from; ; i++ {
			out = append(out, doc.IntValue(int64(i)))
			if i == to {
				return doc.ListOf(out), nil
			}
		}
	}}
	if a.konst && b.konst {
		if x, ok := intOf(a.v); ok {
			if y, ok := intOf(b.v); ok && y >= x && uint64(y)-uint64(x) < 1000 {
				return c.fold(n, a, b)
			}
		}
	}
	return n
}

// whole evaluates a node that must be a whole number.
func whole(fr *Frame, n *node) (int, *RunError) {
	v, err := n.val(fr)
	if err != nil {
		return 0, err
	}
	i, ok := intOf(v)
	if !ok {
		return 0, n.wrong(fr, v, "a whole number")
	}
	return i, nil
}
