package formula

import (
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// literal compiles a constant. Numbers are taken from the source: they keep all their digits.
func (c *compiler) literal(n ast.Node, p place) *node {
	switch n := n.(type) {
	case *ast.BoolNode:
		return c.constant(p, doc.BoolValue(n.Value))
	case *ast.StringNode:
		return c.constant(p, doc.StringValue(n.Value))
	case *ast.IntegerNode, *ast.FloatNode:
		return c.number(n, p)
	}
	return c.constant(p, doc.NullValue())
}

func (c *compiler) number(n ast.Node, p place) *node {
	loc := n.Location()
	text := strings.ReplaceAll(c.place(loc.From, loc.To).text(), "_", "")
	if i, ok := n.(*ast.IntegerNode); ok && len(text) > 1 && strings.ContainsAny(text, "xXoObB") {
		return c.constant(p, doc.IntValue(int64(i.Value)))
	}
	d, err := doc.ParseDecimal(jsonNumber(text))
	if err != nil {
		c.fault(p, "", "%v", err)
		return broken(p)
	}
	return c.constant(p, doc.NumberValue(d))
}

// jsonNumber writes .5, 5. and 007 as JSON does.
func jsonNumber(s string) string {
	exp := ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		s, exp = s[:i], s[i:]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole + exp
}

// intOf is a number as a Go int; false: it is none, or too large.
func intOf(v doc.Value) (int, bool) {
	if v.Kind() != doc.Number {
		return 0, false
	}
	i, ok := v.Num().Int64()
	return int(i), ok && strconv.IntSize == 64
}

// array compiles [a, b].
func (c *compiler) array(n *ast.ArrayNode, p place) *node {
	parts := make([]*node, len(n.Nodes))
	bad := false
	var elem *shape.Type
	for i, e := range n.Nodes {
		parts[i] = c.node(e)
		bad = bad || parts[i].bad
		if i == 0 {
			elem = parts[i].typ
		} else {
			elem = shape.Join(elem, parts[i].typ)
		}
	}
	if bad {
		return broken(p)
	}
	return c.fold(&node{place: p, typ: shape.ArrayOf(elem), val: func(fr *Frame) (doc.Value, *RunError) {
		if !fr.spend(len(parts)) || !fr.take(len(parts)*valueSize) {
			return doc.Value{}, p.limit(fr)
		}
		out := make([]doc.Value, len(parts))
		for i, part := range parts {
			v, err := part.val(fr)
			if err != nil {
				return v, err
			}
			if v.Kind() == doc.Missing {
				v = doc.NullValue()
			}
			out[i] = v
		}
		return doc.ListOf(out), nil
	}}, parts...)
}

// pair is one entry of an object literal.
type pair struct {
	key  string
	dyn  *node // a computed key
	node *node
}

// object compiles {name: value}. Missing values leave their field out.
func (c *compiler) object(n *ast.MapNode, p place) *node {
	pairs := make([]pair, 0, len(n.Pairs))
	parts := make([]*node, 0, 2*len(n.Pairs))
	t := &shape.Type{Kind: shape.Object}
	bad := false
	for _, e := range n.Pairs {
		pn, ok := e.(*ast.PairNode)
		if !ok {
			return broken(p)
		}
		key, v := c.node(pn.Key), c.node(pn.Value)
		bad = bad || key.bad || v.bad || !c.want(key, "a string", shape.String)
		parts = append(parts, key, v)
		if key.konst && key.v.Kind() == doc.String {
			pairs = append(pairs, pair{key: key.v.Str(), node: v})
			t.Fields = append(t.Fields, shape.Field{Name: key.v.Str(), Type: v.typ, Required: !v.typ.IsAny() && !v.typ.Nullable})
		} else {
			pairs = append(pairs, pair{dyn: key, node: v})
			t.Open = true
		}
	}
	if bad {
		return broken(p)
	}
	return c.fold(&node{place: p, typ: t, val: func(fr *Frame) (doc.Value, *RunError) {
		if !fr.spend(len(pairs)) || !fr.take(len(pairs)*fieldSize) {
			return doc.Value{}, p.limit(fr)
		}
		return build(fr, pairs)
	}}, parts...)
}

func build(fr *Frame, pairs []pair) (doc.Value, *RunError) {
	fields := make([]doc.Field, 0, len(pairs))
	for i := range pairs {
		name := pairs[i].key
		if pairs[i].dyn != nil {
			s, err := textOf(fr, pairs[i].dyn)
			if err != nil {
				return doc.Value{}, err
			}
			name = s
		}
		v, err := pairs[i].node.val(fr)
		if err != nil {
			return v, err
		}
		if v.Kind() != doc.Missing {
			fields = append(fields, doc.Field{Name: name, Value: v})
		}
	}
	return doc.ObjectOf(fields), nil
}
