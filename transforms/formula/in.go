package formula

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

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

const maxPattern = 1000 // bytes of a regular expression

// matches compiles text matches "pattern"; the pattern is constant, in RE2's syntax.
func (c *compiler) matches(a, b *node, p place) *node {
	if !c.both(a, b, strs) {
		return broken(p)
	}
	re, size, ok := c.regexp(b)
	if !ok {
		return broken(p)
	}
	return c.fold(newCond(p, func(fr *Frame) bool {
		s := a.of(fr, strs).Str()
		p.within(fr, fr.spend(1+len(s)*size/128))
		return re.MatchString(s)
	}), a)
}

// pattern compiles a regular expression, and tells how many instructions each byte of text may cost.
func pattern(s string) (re *regexp.Regexp, size int, fault string) {
	if len(s) > maxPattern {
		return nil, 0, "the pattern is longer than 1000 bytes"
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return nil, 0, "bad pattern: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	if parsed, err := syntax.Parse(s, syntax.Perl); err == nil {
		if prog, err := syntax.Compile(parsed.Simplify()); err == nil {
			size = len(prog.Inst)
		}
	}
	return re, size, ""
}
