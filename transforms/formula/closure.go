package formula

import (
	"strings"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// closed is the functions that take a closure, with the number of arguments at least: sum(list, .price * .quantity). The grammar knows
// them; a closure is { .a + .b } or just .a + .b.
var closed = map[string]int{
	"all": 2, "none": 2, "any": 2, "one": 2, "filter": 2, "map": 2, "find": 2, "findIndex": 2, "findLast": 2, "findLastIndex": 2,
	"count": 1, "sum": 1, "groupBy": 2, "sortBy": 2, "reduce": 2,
}

// loop is a compiled list with the closure that runs for its elements.
type loop struct {
	place
	list  *node
	body  *node // nil: the element itself
	extra *node // the order of sortBy, the start of reduce
	slot  int
	index bool // the closure uses #index
	cost  int
}

// closure compiles a function that takes a closure.
func (c *compiler) closure(name string, args []ast.Node, p place) *node {
	if len(args) < closed[name] || len(args) > 3 {
		c.all(args)
		c.fault(p, "", "%s takes a list and a closure: %[1]s(body.items, .quantity > 1)", name)
		return broken(p)
	}
	l := &loop{place: p, list: c.node(args[0])}
	if !c.want(l.list, arrs) {
		return broken(p) // the element's type would only lead to more faults
	}
	if len(args) > 2 {
		l.extra = c.node(args[2])
	}
	if len(args) > 1 {
		c.body(l, name, args[1])
	}
	if l.body != nil && l.body.bad || l.extra != nil && l.extra.bad {
		return broken(p)
	}
	if n := c.finish(name, l); n != nil {
		return n
	}
	return broken(p)
}

// body compiles the closure with # bound to the element.
func (c *compiler) body(l *loop, name string, arg ast.Node) {
	mark, count := c.slots, c.count
	e := element{slot: c.reserve(2), typ: l.list.typ.Element(), acc: shape.AnyType}
	if name == "reduce" {
		c.reserve(1)
		e.reduc = true
		if l.extra != nil && l.extra.typ.Is(shape.Number) && e.typ.Is(shape.Number) {
			e.acc = shape.NumberType
		}
	}
	c.elems = append(c.elems, e)
	l.body = c.node(arg)
	l.slot, l.index = e.slot, c.elems[len(c.elems)-1].index
	c.elems = c.elems[:len(c.elems)-1]
	c.free(mark)
	l.cost = c.count - count
}

// finish picks the loop by name; nil: it has a fault.
func (c *compiler) finish(name string, l *loop) *node {
	switch name {
	case "map":
		return l.mapped()
	case "sum":
		return c.summed(l)
	case "groupBy":
		return c.grouped(l)
	case "sortBy":
		return c.sortedBy(l)
	case "reduce":
		return l.reduced()
	}
	if l.body == nil { // count of a list of bools
		slot := c.reserve(2)
		c.free(slot)
		l.slot, l.cost = slot, 1
		l.body = newNode(l.list.place, l.list.typ.Element(), func(fr *Frame) doc.Value { return fr.slots[slot] })
		l.body.label = l.list.text() + "[#]"
	}
	if !c.want(l.body, bools) {
		return nil
	}
	return l.tested(name, l.body.test())
}

// start evaluates the list.
func (l *loop) start(fr *Frame) doc.Value {
	v := l.list.val(fr)
	if v.Kind() != doc.Array {
		panic(l.list.wrong(fr, v, "an array"))
	}
	return v
}

// bind makes e the element of the next run of the closure, and pays for it.
func (l *loop) bind(fr *Frame, i int, e doc.Value) {
	fr.slots[l.slot] = e
	if l.index {
		fr.slots[l.slot+1] = doc.IntValue(int64(i))
	}
	l.within(fr, fr.spend(1+l.cost))
}

// eval is what the closure gives for element i, which must be of one of the kinds.
func (l *loop) eval(fr *Frame, i int, e doc.Value, want set) doc.Value {
	l.bind(fr, i, e)
	v := l.body.val(fr)
	if !want.has(v.Kind()) {
		panic(l.body.wrong(fr, v, want.String()))
	}
	return v
}

// tested makes the functions whose closure is a test.
func (l *loop) tested(name string, t test) *node {
	elem, last := l.list.typ.Element(), strings.HasPrefix(name, "findLast")
	switch name {
	case "any":
		return newCond(l.place, l.some(t, true, true))
	case "none":
		return newCond(l.place, l.some(t, true, false))
	case "all":
		return newCond(l.place, l.some(t, false, false))
	case "one":
		return newCond(l.place, func(fr *Frame) bool { return l.count(fr, t, 2) == 1 })
	case "count":
		return newNode(l.place, shape.NumberType, func(fr *Frame) doc.Value { return doc.IntValue(int64(l.count(fr, t, -1))) })
	case "filter":
		return newNode(l.place, shape.ArrayOf(elem), l.filter(t))
	case "find", "findLast":
		return newNode(l.place, shape.OrNull(elem), func(fr *Frame) doc.Value {
			v, _ := l.find(fr, t, true, last)
			return v
		})
	}
	return newNode(l.place, shape.OrNull(shape.NumberType), func(fr *Frame) doc.Value {
		if _, i := l.find(fr, t, true, last); i >= 0 {
			return doc.IntValue(int64(i))
		}
		return doc.NullValue()
	})
}

// some is the condition whose answer is found when the test of some element is wanted, else the opposite.
func (l *loop) some(t test, wanted, found bool) test {
	return func(fr *Frame) bool {
		_, at := l.find(fr, t, wanted, false)
		return at >= 0 == found
	}
}

// find is the first element whose test is wanted, or the last; Missing and -1 if there is none. It is no closure, so that
// the range allocates nothing.
func (l *loop) find(fr *Frame, t test, wanted, last bool) (found doc.Value, at int) {
	at = -1
	for i, e := range l.start(fr).Elems() {
		if l.bind(fr, i, e); t(fr) == wanted {
			at, found = i, e
			if !last {
				break
			}
		}
	}
	return found, at
}

// count counts the elements that pass, up to most.
func (l *loop) count(fr *Frame, t test, most int) int {
	n := 0
	for i, e := range l.start(fr).Elems() {
		if l.bind(fr, i, e); t(fr) {
			if n++; n == most {
				break
			}
		}
	}
	return n
}

func (l *loop) filter(t test) value {
	return func(fr *Frame) doc.Value {
		var out []doc.Value
		for i, e := range l.start(fr).Elems() {
			if l.bind(fr, i, e); t(fr) {
				l.within(fr, fr.take(valueSize))
				out = append(out, e)
			}
		}
		return doc.ListOf(out)
	}
}
