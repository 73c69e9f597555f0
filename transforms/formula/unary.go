package formula

import (
	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// unary compiles - + ! and not.
func (c *compiler) unary(n *ast.UnaryNode, p place) *node {
	in := c.node(n.Node)
	if in.bad {
		return broken(p)
	}
	if n.Operator == "not" || n.Operator == "!" {
		if !c.want(in, "true or false", shape.Bool) {
			return broken(p)
		}
		t := in.test()
		return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
			ok, err := t(fr)
			return !ok, err
		}), in)
	}
	if !c.want(in, "a number", shape.Number) {
		return broken(p)
	}
	minus := n.Operator == "-"
	return c.fold(&node{place: p, typ: shape.NumberType, val: func(fr *Frame) (doc.Value, *RunError) {
		v, err := in.val(fr)
		if err != nil {
			return v, err
		}
		if v.Kind() != doc.Number {
			return v, in.wrong(fr, v, "a number")
		}
		if minus {
			return doc.NumberValue(v.Num().Neg()), nil
		}
		return v, nil
	}}, in)
}

// binary compiles an operator with two sides.
func (c *compiler) binary(n *ast.BinaryNode, p place) *node {
	a, b := c.node(n.Left), c.node(n.Right)
	if a.bad || b.bad {
		return broken(p)
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		return c.logic(n.Operator, a, b, p)
	case "==", "!=":
		return c.equal(n.Operator == "!=", a, b, p)
	case "<", "<=", ">", ">=":
		return c.order(n.Operator, a, b, p)
	case "in":
		return c.in(a, b, p)
	case "contains", "startsWith", "endsWith":
		return c.textTest(n.Operator, a, b, p)
	case "matches":
		return c.matches(a, b, p)
	case "+":
		return c.plus(a, b, p)
	case "-", "*", "/", "%", "**", "^":
		return c.arith(n.Operator, a, b, p)
	case "..":
		return c.span2(a, b, p)
	case "??":
		return c.coalesce(a, b, p)
	}
	c.fault(p, "", "unknown operator %s", n.Operator)
	return broken(p)
}
