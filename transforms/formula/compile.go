package formula

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
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

// value is a compiled expression, test a compiled condition.
type (
	value = func(*Frame) (doc.Value, *RunError)
	test  = func(*Frame) (bool, *RunError)
)

// node is a compiled part of a formula.
type node struct {
	place
	typ   *shape.Type
	val   value
	cond  test // nil: val has it
	path  *path
	konst bool
	v     doc.Value // of a constant
	bad   bool      // a fault was reported: say no more about it
	label string    // how messages call it, where the source text won't do
}

// text is the node for messages.
func (n *node) text() string {
	if n.label != "" {
		return n.label
	}
	return n.place.text()
}

func (c *compiler) constant(p place, v doc.Value) *node {
	n := &node{place: p, typ: shape.OfValue(v), konst: true, v: v}
	if v.Kind() == doc.String {
		n.typ = shape.EnumOf(v.Str())
	}
	n.val = func(*Frame) (doc.Value, *RunError) { return v, nil }
	return n
}

// broken stands for a part with a fault.
func broken(p place) *node {
	n := &node{place: p, typ: shape.AnyType, bad: true}
	n.val = func(*Frame) (doc.Value, *RunError) { return doc.Value{}, p.fail("%s has a fault", p.text()) }
	return n
}

func newCond(p place, t test) *node {
	n := &node{place: p, typ: shape.BoolType, cond: t}
	n.val = func(fr *Frame) (doc.Value, *RunError) {
		ok, err := t(fr)
		if err != nil {
			return doc.Value{}, err
		}
		return doc.BoolValue(ok), nil
	}
	return n
}

// test is the node as a condition: anything but true and false is an error.
func (n *node) test() test {
	if n.cond != nil {
		return n.cond
	}
	val := n.val
	return func(fr *Frame) (bool, *RunError) {
		v, err := val(fr)
		if err != nil {
			return false, err
		}
		if v.Kind() != doc.Bool {
			return false, n.wrong(fr, v, "true or false")
		}
		return v.Bool(), nil
	}
}

// fold makes a constant of a node whose parts are constants. A fault that its run shows is a fault of the text.
func (c *compiler) fold(n *node, parts ...*node) *node {
	for _, p := range parts {
		if p != nil && (!p.konst || p.bad) {
			return n
		}
	}
	fr := &Frame{}
	saved, nested := fr.begin(0)
	v, err := n.val(fr)
	if err == nil && !fr.weigh(v) {
		err = n.limit(fr)
	}
	fr.end(saved, nested)
	if err == errShort { // the chain around it says what it gives
		return n
	}
	if err != nil {
		c.errs = append(c.errs, &Error{Offset: err.Offset, Length: err.Length, Message: err.Message, Help: err.Help})
		return broken(n.place)
	}
	k := c.constant(n.place, v)
	if k.typ.Kind == shape.Null {
		k.typ = n.typ
	}
	return k
}
