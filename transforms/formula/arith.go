package formula

import (
	"math"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// arith compiles - * / % **: exact decimals.
func (c *compiler) arith(op string, a, b *node, p place) *node {
	if !c.both(a, b, nums) {
		return broken(p)
	}
	do := operation(op, b, p)
	return c.fold(newNode(p, shape.NumberType, func(fr *Frame) doc.Value {
		return doc.NumberValue(do(fr, a.number(fr), b.number(fr)))
	}), a, b)
}

func operation(op string, b *node, p place) func(fr *Frame, x, y doc.Decimal) doc.Decimal {
	switch op {
	case "-":
		return func(_ *Frame, x, y doc.Decimal) doc.Decimal { return x.Sub(y) }
	case "*":
		return func(_ *Frame, x, y doc.Decimal) doc.Decimal { return p.product(x, y) }
	case "/":
		return func(_ *Frame, x, y doc.Decimal) doc.Decimal { return b.divides(x.Div(y)) }
	case "%":
		return func(_ *Frame, x, y doc.Decimal) doc.Decimal { return b.divides(x.Mod(y)) }
	}
	return func(fr *Frame, x, y doc.Decimal) doc.Decimal { return p.power(fr, x, y, b) }
}

// divides gives the result of a division by n, which fails for 0.
func (n *node) divides(d doc.Decimal, err error) doc.Decimal {
	if err != nil {
		panic(n.fail("%s is 0: division by zero", n.text()))
	}
	return d
}

// maxPower bounds the exponent of **.
const maxPower = 1000

func (p *place) power(fr *Frame, x, y doc.Decimal, exp *node) doc.Decimal {
	n, ok := y.Int64()
	if !ok || n < -maxPower || n > maxPower {
		panic(exp.fail("the exponent %s must be a whole number from -%d to %[2]d; it is %s", exp.text(), maxPower, cut(y.String())))
	}
	out, base := doc.Int(1), x
	for k := max(n, -n); k > 0; k >>= 1 {
		p.within(fr, fr.spend(1))
		if k&1 == 1 {
			out = p.product(out, base)
		}
		if k > 1 {
			base = p.product(base, base)
		}
	}
	if n >= 0 {
		return out
	}
	d, err := doc.Int(1).Div(out)
	if err != nil {
		panic(p.fail("0 has no negative power: division by zero"))
	}
	return d
}

// product refuses one that left the exact range: doc bounds numbers to 2,000 digits before and behind the point.
func (p *place) product(x, y doc.Decimal) doc.Decimal {
	d := x.Mul(y)
	if d.Scale() != x.Scale()+y.Scale() || huge(d) {
		panic(p.fail("the number has too many digits"))
	}
	return d
}

// maxNumber is the bound of a product, 400 digits.
var maxNumber, _ = doc.ParseDecimal("1e400")

func huge(d doc.Decimal) bool { return !d.Small() && d.Abs().Cmp(maxNumber) > 0 }

// plus compiles +: numbers are added, strings joined, never mixed.
func (c *compiler) plus(a, b *node, p place) *node {
	if !c.both(a, b, nums|strs) {
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
	return c.fold(newNode(p, t, func(fr *Frame) doc.Value {
		x, y := a.val(fr), b.val(fr)
		if x.Kind() == doc.Number && y.Kind() == doc.Number {
			return doc.NumberValue(x.Num().Add(y.Num()))
		}
		return p.joined(fr, a, b, x, y)
	}), a, b)
}

func (c *compiler) mixed(a, b *node, p place) {
	other := a
	if a.typ.Is(shape.String) {
		other = b
	}
	c.fault(p, "use string("+other.text()+")", "+ can't join a string and a number: %s", kinds(a, b))
}

// joined is two strings as one; the error names the operand that is at fault.
func (p *place) joined(fr *Frame, a, b *node, x, y doc.Value) doc.Value {
	kx, ky := x.Kind(), y.Kind()
	switch {
	case kx == doc.String && ky == doc.String:
		s, t := x.Str(), y.Str()
		p.within(fr, fr.take(len(s)+len(t)))
		return doc.StringValue(s + t)
	case kx == doc.String || kx == doc.Number && ky != doc.String:
		panic(b.wrong(fr, y, article(kx)))
	case ky == doc.String || ky == doc.Number:
		panic(a.wrong(fr, x, article(ky)))
	}
	panic(a.wrong(fr, x, "a number or a string"))
}

// interval compiles from..to: the list of whole numbers, both ends included. A short one of constants is made once.
func (c *compiler) interval(a, b *node, p place) *node {
	if !c.both(a, b, nums) {
		return broken(p)
	}
	n := newNode(p, shape.ArrayOf(shape.NumberType), func(fr *Frame) doc.Value {
		from, to := a.whole(fr), b.whole(fr)
		if to < from {
			return doc.ListOf(nil)
		}
		size := int(min(uint64(to)-uint64(from), math.MaxInt64-1))
		p.within(fr, fr.spend(size) && fr.takeTimes(size+1, valueSize))
		out := make([]doc.Value, size+1)
		for i := range out {
			out[i] = doc.IntValue(int64(from + i))
		}
		return doc.ListOf(out)
	})
	if from, ok := intOf(a.v); ok && a.konst && b.konst {
		if to, ok := intOf(b.v); ok && to >= from && uint64(to)-uint64(from) < 1000 {
			return c.fold(n, a, b)
		}
	}
	return n
}
