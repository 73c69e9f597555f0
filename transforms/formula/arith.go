package formula

import (
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// arith compiles - * / % **: exact decimals.
func (c *compiler) arith(op string, a, b *node, p place) *node {
	okA, okB := c.want(a, "a number", shape.Number), c.want(b, "a number", shape.Number)
	if !okA || !okB {
		return broken(p)
	}
	do := operation(op, a, b, p)
	return c.fold(&node{place: p, typ: shape.NumberType, val: func(fr *Frame) (doc.Value, *RunError) {
		x, err := a.val(fr)
		if err != nil {
			return x, err
		}
		if x.Kind() != doc.Number {
			return x, a.wrong(fr, x, "a number")
		}
		y, err := b.val(fr)
		if err != nil {
			return y, err
		}
		if y.Kind() != doc.Number {
			return y, b.wrong(fr, y, "a number")
		}
		d, err := do(fr, x.Num(), y.Num())
		return doc.NumberValue(d), err
	}}, a, b)
}

type operator = func(fr *Frame, x, y doc.Decimal) (doc.Decimal, *RunError)

func operation(op string, a, b *node, p place) operator {
	switch op {
	case "-":
		return func(_ *Frame, x, y doc.Decimal) (doc.Decimal, *RunError) { return x.Sub(y), nil }
	case "*":
		return func(_ *Frame, x, y doc.Decimal) (doc.Decimal, *RunError) { return checked(x.Mul(y), x, y, p) }
	case "/":
		return func(_ *Frame, x, y doc.Decimal) (doc.Decimal, *RunError) {
			d, err := x.Div(y)
			if err != nil {
				return d, b.fail("%s is 0: division by zero", b.text())
			}
			return d, nil
		}
	case "%":
		return func(_ *Frame, x, y doc.Decimal) (doc.Decimal, *RunError) {
			d, err := x.Mod(y)
			if err != nil {
				return d, b.fail("%s is 0: division by zero", b.text())
			}
			return d, nil
		}
	}
	return func(fr *Frame, x, y doc.Decimal) (doc.Decimal, *RunError) { return power(fr, x, y, b, p) }
}

// maxPower bounds the exponent of **.
const maxPower = 1000

func power(fr *Frame, x, y doc.Decimal, exp *node, p place) (doc.Decimal, *RunError) {
	n, ok := y.Int64()
	if !ok || n < -maxPower || n > maxPower {
		return x, exp.fail("the exponent %s must be a whole number from -%d to %[2]d; it is %s", exp.text(), maxPower, cut(y.String()))
	}
	out, base := doc.Int(1), x
	for k := max(n, -n); k > 0; k >>= 1 {
		if !fr.spend(1) {
			return x, p.limit(fr)
		}
		var err *RunError
		if k&1 == 1 {
			if out, err = checked(out.Mul(base), out, base, p); err != nil {
				return x, err
			}
		}
		if k > 1 {
			if base, err = checked(base.Mul(base), base, base, p); err != nil {
				return x, err
			}
		}
	}
	if n >= 0 {
		return out, nil
	}
	d, err := doc.Int(1).Div(out)
	if err != nil {
		return d, p.fail("0 has no negative power: division by zero")
	}
	return d, nil
}

// checked refuses a product that left the exact range: doc bounds numbers to 2,000 digits before and behind the point.
func checked(d, x, y doc.Decimal, p place) (doc.Decimal, *RunError) {
	if d.Scale() == x.Scale()+y.Scale() && !huge(d) {
		return d, nil
	}
	return d, p.fail("the number has too many digits")
}

// maxNumber is the bound of a product, 400 digits.
var maxNumber, _ = doc.ParseDecimal("1e400")

func huge(d doc.Decimal) bool { return !d.Small() && d.Abs().Cmp(maxNumber) > 0 }

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

// interval compiles from..to: the list of whole numbers, both ends included. A short one of constants is made once.
func (c *compiler) interval(a, b *node, p place) *node {
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
		out := make([]doc.Value, size+1)
		for i := range out {
			out[i] = doc.IntValue(int64(from + i))
		}
		return doc.ListOf(out), nil
	}}
	if from, ok := intOf(a.v); ok && a.konst && b.konst {
		if to, ok := intOf(b.v); ok && to >= from && uint64(to)-uint64(from) < 1000 {
			return c.fold(n, a, b)
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
