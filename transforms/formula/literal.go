package formula

import (
	"slices"
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
	parts := c.all(n.Nodes)
	if slices.ContainsFunc(parts, func(n *node) bool { return n.bad }) {
		return broken(p)
	}
	var elem *shape.Type
	if len(parts) > 0 {
		elem = joinTypes(parts)
	}
	return c.fold(newNode(p, shape.ArrayOf(elem), func(fr *Frame) doc.Value {
		p.within(fr, fr.spend(len(parts)) && fr.take(len(parts)*valueSize))
		out := make([]doc.Value, len(parts))
		for i, part := range parts {
			out[i] = orNull(part.val(fr))
		}
		return doc.ListOf(out)
	}), parts...)
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
		bad = !c.want(key, strs) || v.bad || bad
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
	return c.fold(newNode(p, t, func(fr *Frame) doc.Value {
		p.within(fr, fr.spend(len(pairs)) && fr.take(len(pairs)*fieldSize))
		fields := make([]doc.Field, 0, len(pairs))
		for i := range pairs {
			f := doc.Field{Name: pairs[i].key}
			if pairs[i].dyn != nil {
				f.Name = pairs[i].dyn.of(fr, strs).Str()
			}
			if f.Value = pairs[i].node.val(fr); f.Value.Kind() != doc.Missing {
				fields = append(fields, f)
			}
		}
		return doc.ObjectOf(fields)
	}), parts...)
}
