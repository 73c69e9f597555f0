package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// order compiles < <= > >= of two numbers or two strings (ISO times are strings).
func (c *compiler) order(op string, a, b *node, p place) *node {
	okA := c.want(a, "a number or a string", shape.Number, shape.String)
	okB := c.want(b, "a number or a string", shape.Number, shape.String)
	if !okA || !okB {
		return broken(p)
	}
	if !a.typ.IsAny() && !b.typ.IsAny() && a.typ.Kind != b.typ.Kind {
		c.fault(p, compareHelp(a, b), "these can't be compared: %s", kinds(a, b))
		return broken(p)
	}
	if b.konst && b.v.Kind() == doc.Number {
		return c.fold(newCond(p, orderNumber(op, a, b.v.Num())), a, b)
	}
	less, same := op[0] == '<', len(op) == 2
	return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
		x, err := a.val(fr)
		if err != nil {
			return false, err
		}
		y, err := b.val(fr)
		if err != nil {
			return false, err
		}
		r, err := compareValues(fr, a, b, x, y)
		return r < 0 && less || r > 0 && !less || r == 0 && same, err
	}), a, b)
}

func orderNumber(op string, a *node, d doc.Decimal) test {
	val := a.val
	less, same := op[0] == '<', len(op) == 2
	return func(fr *Frame) (bool, *RunError) {
		v, err := val(fr)
		if err != nil {
			return false, err
		}
		if v.Kind() != doc.Number {
			return false, a.wrong(fr, v, "a number")
		}
		r := v.Num().Cmp(d)
		return r < 0 && less || r > 0 && !less || r == 0 && same, nil
	}
}

// compareValues orders two numbers or two strings; the error names the operand that is none.
func compareValues(fr *Frame, a, b *node, x, y doc.Value) (int, *RunError) {
	switch k := x.Kind(); {
	case k == doc.Number:
		if y.Kind() != k {
			return 0, b.wrong(fr, y, "a number")
		}
		return x.Num().Cmp(y.Num()), nil
	case k == doc.String:
		if y.Kind() != k {
			return 0, b.wrong(fr, y, "a string")
		}
		s, t := x.Str(), y.Str()
		if !fr.read(min(len(s), len(t))) {
			return 0, a.limit(fr)
		}
		return compareText(s, t), nil
	}
	return 0, a.wrong(fr, x, "a number or a string")
}
