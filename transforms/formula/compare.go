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
	va, vb := a.val, b.val
	t := func(fr *Frame) bool {
		x, y := va(fr), vb(fr)
		if x.Kind() >= doc.String && x.Kind() == y.Kind() {
			p.within(fr, fr.weigh(x) && fr.weigh(y))
		}
		return doc.Equal(x, y) != not
	}
	switch k := b.v.Kind(); {
	case b.konst && b.v.IsNull():
		t = func(fr *Frame) bool { return va(fr).IsNull() != not }
	case b.konst && k == doc.String:
		text := b.v.Str()
		t = func(fr *Frame) bool {
			v := va(fr)
			return (v.Kind() == doc.String && v.Str() == text) != not
		}
	case b.konst && k == doc.Number:
		d := b.v.Num()
		t = func(fr *Frame) bool {
			v := va(fr)
			return (v.Kind() == doc.Number && v.Num().Cmp(d) == 0) != not
		}
	}
	return c.fold(newCond(p, t), a, b)
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
	if !c.both(a, b, nums|strs) {
		return broken(p)
	}
	if !a.typ.IsAny() && !b.typ.IsAny() && a.typ.Kind != b.typ.Kind {
		c.fault(p, compareHelp(a, b), "these can't be compared: %s", kinds(a, b))
		return broken(p)
	}
	less, same := op[0] == '<', len(op) == 2
	holds := func(r int) bool { return r < 0 && less || r > 0 && !less || r == 0 && same }
	t := func(fr *Frame) bool {
		x := a.val(fr)
		return holds(compareValues(fr, a, b, x, b.val(fr)))
	}
	if b.konst && b.v.Kind() == doc.Number {
		d := b.v.Num()
		t = func(fr *Frame) bool { return holds(a.number(fr).Cmp(d)) }
	}
	return c.fold(newCond(p, t), a, b)
}

// compareValues orders two numbers or two strings; the error names the operand that is none.
func compareValues(fr *Frame, a, b *node, x, y doc.Value) int {
	k := x.Kind()
	switch {
	case k != doc.Number && k != doc.String:
		panic(a.wrong(fr, x, "a number or a string"))
	case y.Kind() != k:
		panic(b.wrong(fr, y, article(k)))
	case k == doc.Number:
		return x.Num().Cmp(y.Num())
	}
	s, t := x.Str(), y.Str()
	a.within(fr, fr.read(min(len(s), len(t))))
	return strings.Compare(s, t)
}

// in compiles x in list, and name in object.
func (c *compiler) in(a, b *node, p place) *node {
	if !c.want(b, arrs|objs) || b.typ.Is(shape.Object) && !c.want(a, strs) {
		return broken(p)
	}
	e := b.typ.Element()
	known := b.typ.Is(shape.Array) && !e.IsAny() && !a.typ.IsAny() && !a.typ.Is(shape.Null) && !e.Is(shape.Null)
	if known && e.Kind != a.typ.Kind {
		c.fault(p, "", "%s is %s, it is never in %s: %s", a.text(), a.typ.Describe(), b.text(), b.typ.Describe())
		return broken(p)
	}
	if texts, ok := constTexts(b); ok {
		return c.inTexts(a, b, texts, p)
	}
	return c.fold(newCond(p, func(fr *Frame) bool {
		x, list := a.val(fr), b.val(fr)
		switch list.Kind() {
		case doc.Object:
			if x.Kind() != doc.String {
				panic(a.wrong(fr, x, "a string"))
			}
			return list.Get(x.Str()).Kind() != doc.Missing
		case doc.Array:
			return p.holds(fr, list, x)
		}
		panic(b.wrong(fr, list, "an array or an object"))
	}), a, b)
}

// holds tells whether x is in the list.
func (p *place) holds(fr *Frame, list, x doc.Value) bool {
	for _, e := range list.Elems() {
		p.within(fr, fr.spend(1) && (e.Kind() < doc.String || e.Kind() != x.Kind() || fr.weigh(e)))
		if doc.Equal(e, x) {
			return true
		}
	}
	return false
}

// constTexts is the texts of a constant list of strings.
func constTexts(n *node) ([]string, bool) {
	if !n.konst || n.v.Kind() != doc.Array || n.v.Len() == 0 {
		return nil, false
	}
	var texts []string
	for _, e := range n.v.Elems() {
		if e.Kind() != doc.String {
			return nil, false
		}
		texts = append(texts, e.Str())
	}
	return texts, true
}

func (c *compiler) inTexts(a, b *node, texts []string, p place) *node {
	if !a.konst {
		for _, text := range texts {
			if !c.oneOf(a, b.place, text) {
				return broken(p)
			}
		}
	}
	val, has := a.val, func(s string) bool { return slices.Contains(texts, s) }
	if len(texts) > 8 {
		set := make(map[string]bool, len(texts))
		for _, t := range texts {
			set[t] = true
		}
		has = func(s string) bool { return set[s] }
	}
	return c.fold(newCond(p, func(fr *Frame) bool {
		v := val(fr)
		return v.Kind() == doc.String && has(v.Str())
	}), a)
}

// textTest compiles contains, startsWith and endsWith.
func (c *compiler) textTest(op string, a, b *node, p place) *node {
	if op == "contains" && a.typ.Is(shape.Array) {
		c.fault(p, "write "+b.text()+" in "+a.text(), "contains looks into a string; %s is %s", a.text(), a.typ.Describe())
		return broken(p)
	}
	if !c.both(a, b, strs) {
		return broken(p)
	}
	do := map[string]func(s, part string) bool{"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix}[op]
	return c.fold(newCond(p, func(fr *Frame) bool { return do(a.of(fr, strs).Str(), b.of(fr, strs).Str()) }), a, b)
}
