package formula

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

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
