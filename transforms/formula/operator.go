package formula

import (
	"fmt"

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
		return c.interval(a, b, p)
	case "??":
		return c.coalesce(a, b, p)
	}
	c.fault(p, "", "unknown operator %s", n.Operator)
	return broken(p)
}

// logic compiles and, or: the right side is looked at only if needed.
func (c *compiler) logic(op string, a, b *node, p place) *node {
	okA, okB := c.want(a, "true or false", shape.Bool), c.want(b, "true or false", shape.Bool)
	if !okA || !okB {
		return broken(p)
	}
	ta, tb := a.test(), b.test()
	if op == "and" || op == "&&" {
		return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
			if ok, err := ta(fr); !ok || err != nil {
				return false, err
			}
			return tb(fr)
		}), a, b)
	}
	return c.fold(newCond(p, func(fr *Frame) (bool, *RunError) {
		if ok, err := ta(fr); ok || err != nil {
			return ok, err
		}
		return tb(fr)
	}), a, b)
}

// conditional compiles test ? a : b and if test { a } else { b }.
func (c *compiler) conditional(n *ast.ConditionalNode, p place) *node {
	cond, a, b := c.node(n.Cond), c.node(n.Exp1), c.node(n.Exp2)
	ok := c.want(cond, "true or false", shape.Bool)
	if !ok || a.bad || b.bad {
		return broken(p)
	}
	t, va, vb := cond.test(), a.val, b.val
	return c.fold(&node{place: p, typ: shape.Join(a.typ, b.typ), val: func(fr *Frame) (doc.Value, *RunError) {
		ok, err := t(fr)
		if err != nil {
			return doc.Value{}, err
		}
		if ok {
			return va(fr)
		}
		return vb(fr)
	}}, cond, a, b)
}

// coalesce compiles a ?? b: b if a is null or missing.
func (c *compiler) coalesce(a, b *node, p place) *node {
	va, vb := a.val, b.val
	t := shape.Join(shape.NotNull(a.typ), b.typ)
	if a.typ.Is(shape.Null) {
		t = b.typ
	}
	return c.fold(&node{place: p, typ: t, val: func(fr *Frame) (doc.Value, *RunError) {
		v, err := va(fr)
		if err != nil || !v.IsNull() {
			return v, err
		}
		return vb(fr)
	}}, a, b)
}

// declare compiles let name = value; result.
func (c *compiler) declare(n *ast.VariableDeclaratorNode, p place) *node {
	v := c.node(n.Value)
	mark := c.slots
	l := let{name: n.Name, typ: v.typ}
	if v.konst {
		l.v = v
	} else {
		l.slot = c.reserve(1)
	}
	if _, taken := c.scope.value(n.Name); taken {
		c.fault(c.place(n.Location().From, n.Location().To), "choose another name", "%s is a name of the scope already", n.Name)
	}
	c.lets = append(c.lets, l)
	body := c.node(n.Expr)
	c.lets = c.lets[:len(c.lets)-1]
	c.free(mark)
	if v.bad || body.bad {
		return broken(p)
	}
	if l.v != nil {
		return body
	}
	val, slot, rest := v.val, l.slot, body.val
	return &node{place: p, typ: body.typ, val: func(fr *Frame) (doc.Value, *RunError) {
		x, err := val(fr)
		if err != nil {
			return x, err
		}
		fr.slots[slot] = x
		return rest(fr)
	}}
}

// kinds names two types in a message.
func kinds(a, b *node) string {
	return fmt.Sprintf("%s is %s, %s is %s", a.text(), a.typ.Describe(), b.text(), b.typ.Describe())
}
