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
