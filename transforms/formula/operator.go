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
	not := n.Operator == "not" || n.Operator == "!"
	switch {
	case not && c.want(in, bools):
		t := in.test()
		return c.fold(newCond(p, func(fr *Frame) bool { return !t(fr) }), in)
	case !not && c.want(in, nums) && n.Operator == "-":
		return c.fold(newNode(p, shape.NumberType, func(fr *Frame) doc.Value { return doc.NumberValue(in.number(fr).Neg()) }), in)
	case !not && !in.bad:
		return c.fold(newNode(p, shape.NumberType, func(fr *Frame) doc.Value { return in.of(fr, nums) }), in)
	}
	return broken(p)
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
	if !c.both(a, b, bools) {
		return broken(p)
	}
	ta, tb := a.test(), b.test()
	t := func(fr *Frame) bool { return ta(fr) || tb(fr) }
	if op == "and" || op == "&&" {
		t = func(fr *Frame) bool { return ta(fr) && tb(fr) }
	}
	return c.fold(newCond(p, t), a, b)
}

// conditional compiles test ? a : b and if test { a } else { b }.
func (c *compiler) conditional(n *ast.ConditionalNode, p place) *node {
	cond, a, b := c.node(n.Cond), c.node(n.Exp1), c.node(n.Exp2)
	if ok := c.want(cond, bools); !ok || a.bad || b.bad {
		return broken(p)
	}
	t, va, vb := cond.test(), a.val, b.val
	return c.fold(newNode(p, shape.Join(a.typ, b.typ), func(fr *Frame) doc.Value {
		if t(fr) {
			return va(fr)
		}
		return vb(fr)
	}), cond, a, b)
}

// coalesce compiles a ?? b: b if a is null or missing.
func (c *compiler) coalesce(a, b *node, p place) *node {
	va, vb := a.val, b.val
	t := shape.Join(shape.NotNull(a.typ), b.typ)
	if a.typ.Is(shape.Null) {
		t = b.typ
	}
	return c.fold(newNode(p, t, func(fr *Frame) doc.Value {
		if v := va(fr); !v.IsNull() {
			return v
		}
		return vb(fr)
	}), a, b)
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
	return newNode(p, body.typ, func(fr *Frame) doc.Value {
		fr.slots[slot] = val(fr)
		return rest(fr)
	})
}

// kinds names two types in a message.
func kinds(a, b *node) string {
	return fmt.Sprintf("%s is %s, %s is %s", a.text(), a.typ.Describe(), b.text(), b.typ.Describe())
}
