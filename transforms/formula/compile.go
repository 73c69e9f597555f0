package formula

import (
	"cmp"
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

// want reports an operand whose type can't be of any of the kinds.
func (c *compiler) want(n *node, kinds set) bool { return c.wantAs(n, kinds, "") }

// wantAs is want with words of its own for the kinds.
func (c *compiler) wantAs(n *node, kinds set, words string) bool {
	if n.bad || n.typ.IsAny() || kinds.has(n.typ.Kind) {
		return !n.bad
	}
	help := ""
	switch {
	case kinds == strs && n.typ.Kind <= shape.Number:
		help = "use string(" + n.text() + ")"
	case kinds == nums && n.typ.Kind == shape.String:
		help = "use number(" + n.text() + ")"
	}
	c.fault(n.place, help, "%s must be %s; it is %s", n.text(), cmp.Or(words, kinds.String()), n.typ.Describe())
	n.bad = true
	return false
}

// both is want for two operands: all their faults are reported.
func (c *compiler) both(a, b *node, kinds set) bool {
	okA, okB := c.want(a, kinds), c.want(b, kinds)
	return okA && okB
}

// value is a compiled expression, test a compiled condition. Both panic with a *RunError when they can't go on.
type (
	value = func(*Frame) doc.Value
	test  = func(*Frame) bool
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
	bad   bool      // a fault was reported: say no more about it, and never run it
	label string    // how messages call it, where the source text won't do
}

func newNode(p place, t *shape.Type, val value) *node { return &node{place: p, typ: t, val: val} }

func newCond(p place, t test) *node {
	return &node{place: p, typ: shape.BoolType, cond: t, val: func(fr *Frame) doc.Value { return doc.BoolValue(t(fr)) }}
}

// broken stands for a part with a fault.
func broken(p place) *node { return &node{place: p, typ: shape.AnyType, bad: true} }

func (c *compiler) constant(p place, v doc.Value) *node {
	n := &node{place: p, typ: shape.OfValue(v), konst: true, v: v, val: func(*Frame) doc.Value { return v }}
	if v.Kind() == doc.String {
		n.typ = shape.EnumOf(v.Str())
	}
	return n
}

// text is the node for messages.
func (n *node) text() string {
	if n.label != "" {
		return n.label
	}
	return n.place.text()
}

// test is the node as a condition: anything but true and false is an error.
func (n *node) test() test {
	if n.cond != nil {
		return n.cond
	}
	val := n.val
	return func(fr *Frame) bool {
		v := val(fr)
		if v.Kind() != doc.Bool {
			panic(n.wrong(fr, v, "true or false"))
		}
		return v.Bool()
	}
}

// of evaluates the node, which must be of one of the kinds, and pays for reading its text.
func (n *node) of(fr *Frame, kinds set) doc.Value {
	v := n.val(fr)
	if !kinds.has(v.Kind()) {
		panic(n.wrong(fr, v, kinds.String()))
	}
	if v.Kind() == doc.String {
		if src := v.Source(); src == nil || len(src) > 256 {
			n.within(fr, fr.read(len(v.Str())))
		}
	}
	return v
}

// number evaluates the node, which must be a number.
func (n *node) number(fr *Frame) doc.Decimal {
	v := n.val(fr)
	if v.Kind() != doc.Number {
		panic(n.wrong(fr, v, "a number"))
	}
	return v.Num()
}

// whole evaluates the node, which must be a whole number.
func (n *node) whole(fr *Frame) int {
	v := n.val(fr)
	i, ok := intOf(v)
	if !ok {
		panic(n.wrong(fr, v, "a whole number"))
	}
	return i
}

// fold makes a constant of a node whose parts are constants. A fault that its run shows is a fault of the text.
func (c *compiler) fold(n *node, parts ...*node) *node {
	for _, p := range parts {
		if !p.konst || p.bad {
			return n
		}
	}
	fr := &Frame{}
	v, err := (&Formula{root: n, eval: n.val, built: true}).Eval(fr)
	if fr.short { // the chain around it says what it gives
		return n
	}
	if e, ok := err.(*RunError); ok {
		c.errs = append(c.errs, &Error{Offset: e.Offset, Length: e.Length, Message: e.Message, Help: e.Help})
		return broken(n.place)
	}
	k := c.constant(n.place, v)
	if k.typ.Kind == shape.Null {
		k.typ = n.typ
	}
	return k
}
