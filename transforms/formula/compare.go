package formula

import (
	"fmt"
	"slices"
	"strings"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// equal compiles == and !=. Values of different kinds are never equal, so comparing them is a fault where it is known.
func (c *compiler) equal(not bool, a, b *node, p place) *node {
	if !c.comparable(a, b, p) {
		return broken(p)
	}
	if a.konst && !b.konst {
		a, b = b, a
	}
	var t test
	switch {
	case b.konst && b.v.IsNull():
		t = func(fr *Frame) (bool, *RunError) {
			v, err := a.val(fr)
			return v.IsNull() != not, err
		}
	case b.konst && b.v.Kind() == doc.String:
		t = equalText(a.val, b.v.Str(), not)
	case b.konst && b.v.Kind() == doc.Number:
		t = equalNumber(a.val, b.v.Num(), not)
	default:
		t = equalAny(a.val, b.val, not, p)
	}
	return c.fold(newCond(p, t), a, b)
}

func equalText(val value, s string, not bool) test {
	return func(fr *Frame) (bool, *RunError) {
		v, err := val(fr)
		return (v.Kind() == doc.String && v.Str() == s) != not, err
	}
}

func equalNumber(val value, d doc.Decimal, not bool) test {
	return func(fr *Frame) (bool, *RunError) {
		v, err := val(fr)
		return (v.Kind() == doc.Number && v.Num().Cmp(d) == 0) != not, err
	}
}

func equalAny(va, vb value, not bool, p place) test {
	return func(fr *Frame) (bool, *RunError) {
		a, err := va(fr)
		if err != nil {
			return false, err
		}
		b, err := vb(fr)
		if err != nil {
			return false, err
		}
		if a.Kind() >= doc.String && a.Kind() == b.Kind() && !(fr.weigh(a) && fr.weigh(b)) {
			return false, p.limit(fr)
		}
		return doc.Equal(a, b) != not, nil
	}
}

// comparable reports what can never be equal.
func (c *compiler) comparable(a, b *node, p place) bool {
	ta, tb := a.typ, b.typ
	if ta.IsAny() || tb.IsAny() || ta.Is(shape.Null) || tb.Is(shape.Null) {
		return true
	}
	if ta.Kind != tb.Kind {
		c.fault(p, compareHelp(a, b), "these are never equal: %s", kinds(a, b))
		return false
	}
	if a.konst && !b.konst {
		a, b = b, a
	}
	if b.konst && ta.Is(shape.String) && len(a.typ.Enum) > 0 {
		return a.konst || c.oneOf(a, b.place, b.v.Str())
	}
	return true
}

// oneOf reports a text that an enumerated string never has.
func (c *compiler) oneOf(a *node, at place, text string) bool {
	if len(a.typ.Enum) == 0 || slices.Contains(a.typ.Enum, text) {
		return true
	}
	help := shape.DidYouMean(text, a.typ.Enum)
	if help == "" {
		help = "it is one of " + strings.Join(a.typ.Enum, ", ")
	}
	c.fault(at, help, "%s is never %q", a.text(), text)
	return false
}

func compareHelp(a, b *node) string {
	if a.typ.Is(shape.String) && b.typ.Is(shape.Number) {
		a, b = b, a
	}
	if !a.typ.Is(shape.Number) || !b.typ.Is(shape.String) {
		return ""
	}
	if b.konst {
		return fmt.Sprintf("write the number without quotes, or string(%s)", a.text())
	}
	return fmt.Sprintf("use number(%s)", b.text())
}

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
		return strings.Compare(s, t), nil
	}
	return 0, a.wrong(fr, x, "a number or a string")
}
