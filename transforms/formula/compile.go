// Package formula compiles formulas: the expressions of the configuration, in the grammar of expr-lang, with exact decimals, types that are
// checked at load, and a budget. README.md beside this file lists the functions.
//
// Of expr-lang only the parser and its tree are used. A formula becomes Go closures over doc.Value; nothing is reflected.
package formula

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"

	"orderhub/transforms/shape"
)

// compiler turns the tree into nodes, and collects all faults on the way.
type compiler struct {
	*text
	scope    *Scope
	errs     []*Error
	elems    []element // the closures around this place, innermost last
	lets     []let
	slots    int
	maxSlots int
	count    int // nodes so far: the cost of a closure's body
	impure   bool
}

// element is what # means inside a closure.
type element struct {
	slot         int // of the element; the index is in slot+1, the accumulator in slot+2
	typ, acc     *shape.Type
	index, reduc bool
}

type let struct {
	name string
	slot int
	typ  *shape.Type
	v    *node // a constant, or nil
}

func (c *compiler) fault(p place, help, format string, args ...any) {
	c.errs = append(c.errs, &Error{Offset: p.from, Length: p.to - p.from, Message: fmt.Sprintf(format, args...), Help: help})
}

// sorted is the faults in the order of the text, each once.
func (c *compiler) sorted() []*Error {
	slices.SortStableFunc(c.errs, func(a, b *Error) int { return a.Offset - b.Offset })
	return slices.CompactFunc(c.errs, func(a, b *Error) bool { return *a == *b })
}

// reserve takes n slots of the frame; free gives back all from mark on.
func (c *compiler) reserve(n int) int {
	slot := c.slots
	c.slots += n
	c.maxSlots = max(c.maxSlots, c.slots)
	return slot
}

func (c *compiler) free(mark int) { c.slots = mark }

// node compiles one node of the tree; never nil.
func (c *compiler) node(n ast.Node) *node {
	c.count++
	p := c.spanOf(n)
	switch n := n.(type) {
	case *ast.NilNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
		return c.literal(n, p)
	case *ast.IdentifierNode:
		return c.identifier(n, p)
	case *ast.PointerNode:
		return c.pointer(n, p)
	case *ast.MemberNode:
		return c.member(n, p)
	case *ast.ChainNode:
		return c.chain(n)
	case *ast.SliceNode:
		return c.slice(n, p)
	case *ast.UnaryNode:
		return c.unary(n, p)
	case *ast.BinaryNode:
		return c.binary(n, p)
	case *ast.ConditionalNode:
		return c.conditional(n, p)
	case *ast.VariableDeclaratorNode:
		return c.declare(n, p)
	case *ast.ArrayNode:
		return c.array(n, p)
	case *ast.MapNode:
		return c.object(n, p)
	case *ast.BuiltinNode:
		return c.call(n.Name, n.Arguments, p, c.place(n.Location().From, n.Location().To))
	case *ast.CallNode:
		return c.callNode(n, p)
	case *ast.SequenceNode:
		c.fault(p, "use let name = value; result", "only the last part of a sequence would be used")
	case *ast.BytesNode:
		c.fault(p, "", "bytes are no value of a document")
	case *ast.PredicateNode:
		return c.node(n.Node)
	default:
		c.fault(p, "", "this can't stand in a formula")
	}
	return broken(p)
}

// want reports an operand whose type can't be of any of the kinds; what names them.
func (c *compiler) want(n *node, what string, kinds ...shape.Kind) bool {
	if n.bad {
		return false
	}
	if n.typ.IsAny() || slices.Contains(kinds, n.typ.Kind) {
		return true
	}
	help := ""
	switch {
	case what == "a string" && n.typ.Kind <= shape.Number:
		help = "use string(" + n.text() + ")"
	case what == "a number" && n.typ.Kind == shape.String:
		help = "use number(" + n.text() + ")"
	}
	c.fault(n.place, help, "%s must be %s; it is %s", n.text(), what, n.typ.Describe())
	n.bad = true
	return false
}
