package formula

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// in compiles x in list, and name in object.
func (c *compiler) in(a, b *node, p place) *node {
	if !c.want(b, "an array or an object", shape.Array, shape.Object) {
		return broken(p)
	}
	if b.typ.Is(shape.Object) && !c.want(a, "a string", shape.String) {
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
	return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
		x, err := a.val(fr)
		if err != nil {
			return false, err
		}
		list, err := b.val(fr)
		if err != nil {
			return false, err
		}
		switch list.Kind() {
		case doc.Object:
			if x.Kind() != doc.String {
				return false, a.wrong(fr, x, "a string")
			}
			return has(list, x.Str()), nil
		case doc.Array:
			return isIn(fr, x, list, p)
		}
		return false, b.wrong(fr, list, "an array or an object")
	}), a, b)
}

func has(obj doc.Value, name string) bool {
	v := obj.Get(name)
	return v.Kind() != doc.Missing
}

func isIn(fr *Frame, x, list doc.Value, p place) (bool, *RunError) {
	for _, e := range list.Elems() {
		if !fr.spend(1) || e.Kind() >= doc.String && e.Kind() == x.Kind() && !fr.weigh(e) {
			return false, p.limit(fr)
		}
		if doc.Equal(e, x) {
			return true, nil
		}
	}
	return false, nil
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
	val := a.val
	if len(texts) > 8 {
		set := make(map[string]struct{}, len(texts))
		for _, t := range texts {
			set[t] = struct{}{}
		}
		return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
			v, err := val(fr)
			_, ok := set[v.Str()]
			return ok && v.Kind() == doc.String, err
		}), a)
	}
	return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
		v, err := val(fr)
		if err != nil || v.Kind() != doc.String {
			return false, err
		}
		s := v.Str()
		for _, t := range texts {
			if s == t {
				return true, nil
			}
		}
		return false, nil
	}), a)
}

// textTest compiles contains, startsWith and endsWith.
func (c *compiler) textTest(op string, a, b *node, p place) *node {
	if op == "contains" && a.typ.Is(shape.Array) {
		c.fault(p, "write "+b.text()+" in "+a.text(), "contains looks into a string; %s is %s", a.text(), a.typ.Describe())
		return broken(p)
	}
	okA, okB := c.want(a, "a string", shape.String), c.want(b, "a string", shape.String)
	if !okA || !okB {
		return broken(p)
	}
	do := strings.Contains
	switch op {
	case "startsWith":
		do = strings.HasPrefix
	case "endsWith":
		do = strings.HasSuffix
	}
	return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
		x, err := textOf(fr, a)
		if err != nil {
			return false, err
		}
		y, err := textOf(fr, b)
		if err != nil {
			return false, err
		}
		return do(x, y), nil
	}), a, b)
}

// textOf evaluates a node that must be a string, and pays for reading it.
func textOf(fr *Frame, n *node) (string, *RunError) {
	v, err := n.val(fr)
	if err != nil {
		return "", err
	}
	if v.Kind() != doc.String {
		return "", n.wrong(fr, v, "a string")
	}
	s := v.Str()
	if !fr.read(len(s)) {
		return "", n.limit(fr)
	}
	return s, nil
}

const maxPattern = 1000 // bytes of a regular expression

// matches compiles text matches "pattern"; the pattern is constant, in RE2's syntax.
func (c *compiler) matches(a, b *node, p place) *node {
	okA, okB := c.want(a, "a string", shape.String), c.want(b, "a string", shape.String)
	if !okA || !okB {
		return broken(p)
	}
	if !b.konst {
		c.fault(b.place, "use contains, startsWith or endsWith for texts of a message", "the pattern must be a constant")
		return broken(p)
	}
	re, size, fault := pattern(b.v.Str())
	if fault != "" {
		c.fault(b.place, "the syntax is RE2: github.com/google/re2/wiki/Syntax", "%s", fault)
		return broken(p)
	}
	return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
		s, err := textOf(fr, a)
		if err != nil {
			return false, err
		}
		if !fr.spend(1 + len(s)*size/128) {
			return false, p.limit(fr)
		}
		return re.MatchString(s), nil
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
