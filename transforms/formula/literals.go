package formula

import (
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
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
