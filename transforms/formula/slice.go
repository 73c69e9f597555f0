package formula

import (
	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// slice compiles a[from:to] of arrays and strings; negative bounds count from the end, and bounds outside are moved inside.
func (c *compiler) slice(n *ast.SliceNode, p place) *node {
	base := c.node(n.Node)
	var from, to *node
	parts := []*node{base}
	if n.From != nil {
		from = c.node(n.From)
		parts = append(parts, from)
		c.want(from, "a number", shape.Number)
	}
	if n.To != nil {
		to = c.node(n.To)
		parts = append(parts, to)
		c.want(to, "a number", shape.Number)
	}
	if !c.want(base, "an array or a string", shape.Array, shape.String) {
		return broken(p)
	}
	t := shape.NotNull(base.typ)
	if t.Is(shape.String) {
		t = shape.StringType
	}
	return c.fold(&node{place: p, typ: t, val: func(fr *Frame) (doc.Value, *RunError) {
		v, err := base.val(fr)
		if err != nil {
			return v, err
		}
		if k := v.Kind(); k != doc.Array && k != doc.String {
			return v, base.wrong(fr, v, "an array or a string")
		}
		size := v.Len()
		lo, err := bound(fr, from, 0, size)
		if err != nil {
			return v, err
		}
		hi, err := bound(fr, to, size, size)
		if err != nil {
			return v, err
		}
		if !fr.spend(1+size/16) || !fr.take(max(0, hi-lo)*valueSize) {
			return v, p.limit(fr)
		}
		return cutOut(v, lo, hi), nil
	}}, parts...)
}

func bound(fr *Frame, n *node, none, size int) (int, *RunError) {
	if n == nil {
		return none, nil
	}
	v, err := n.val(fr)
	if err != nil {
		return 0, err
	}
	i, ok := intOf(v)
	if !ok {
		return 0, n.wrong(fr, v, "a whole number")
	}
	if i < 0 {
		i += size
	}
	return max(0, min(i, size)), nil
}

// cutOut is elements or characters lo to hi, which are inside.
func cutOut(v doc.Value, lo, hi int) doc.Value {
	if v.Kind() == doc.String {
		if lo >= hi {
			return doc.StringValue("")
		}
		s, n, from := v.Str(), 0, 0
		for i := range s {
			if n == lo {
				from = i
			}
			if n == hi {
				return doc.StringValue(s[from:i])
			}
			n++
		}
		return doc.StringValue(s[from:])
	}
	out := make([]doc.Value, 0, max(0, hi-lo))
	for i, e := range v.Elems() {
		if i >= hi {
			break
		}
		if i >= lo {
			out = append(out, e)
		}
	}
	return doc.ListOf(out)
}
