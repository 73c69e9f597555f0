package formula

import (
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
	if !c.want(l.list, "an array", shape.Array) {
		return broken(p) // the element's type would only lead to more faults
	}
	if len(args) > 2 {
		l.extra = c.node(args[2])
	}
	if len(args) > 1 {
		c.body(l, name, args[1])
		if l.body.bad {
			return broken(p)
		}
	}
	if l.extra != nil && l.extra.bad {
		return broken(p)
	}
	return c.finish(name, l)
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

// finish picks the loop by name.
func (c *compiler) finish(name string, l *loop) *node {
	switch name {
	case "all", "none", "any", "one":
		return c.quantifier(name, l)
	case "filter", "find", "findLast", "findIndex", "findLastIndex":
		return c.search(name, l)
	case "map":
		return l.mapped()
	case "count":
		return c.counted(l)
	case "sum":
		return c.summed(l)
	case "groupBy":
		return c.grouped(l)
	case "sortBy":
		return c.sortedBy(l)
	}
	return l.reduced()
}

// start evaluates the list.
func (l *loop) start(fr *Frame) (doc.Value, *RunError) {
	v, err := l.list.val(fr)
	if err == nil && v.Kind() != doc.Array {
		err = l.list.wrong(fr, v, "an array")
	}
	return v, err
}

// bind makes e the element of the next run of the closure, and pays for it; false: the budget is used up.
func (l *loop) bind(fr *Frame, i int, e doc.Value) bool {
	fr.slots[l.slot] = e
	if l.index {
		fr.slots[l.slot+1] = doc.IntValue(int64(i))
	}
	return fr.spend(1 + l.cost)
}

// eval is what the closure gives for element i, which must be of one of the kinds.
func (l *loop) eval(fr *Frame, i int, e doc.Value, want set) (doc.Value, *RunError) {
	if !l.bind(fr, i, e) {
		return e, l.limit(fr)
	}
	v, err := l.body.val(fr)
	if err == nil && !want.has(v.Kind()) {
		err = l.body.wrong(fr, v, want.String())
	}
	return v, err
}

// condition checks that the closure is a test, and compiles it.
func (c *compiler) condition(l *loop) (test, bool) {
	if l.body == nil {
		elem := l.list.typ.Element()
		n := &node{place: l.list.place, typ: elem, label: l.list.text() + "[#]"}
		l.slot = c.reserve(2)
		c.free(l.slot)
		slot := l.slot
		n.val = func(fr *Frame) (doc.Value, *RunError) { return fr.slots[slot], nil }
		l.body, l.cost = n, 1
	}
	if !c.want(l.body, "true or false", shape.Bool) {
		return nil, false
	}
	return l.body.test(), true
}

// quantifier compiles all, none, any, one.
func (c *compiler) quantifier(name string, l *loop) *node {
	t, ok := c.condition(l)
	if !ok {
		return broken(l.place)
	}
	switch name {
	case "any":
		return newCond(l.place, l.some(t, true, true))
	case "none":
		return newCond(l.place, l.some(t, true, false))
	case "all":
		return newCond(l.place, l.some(t, false, false))
	}
	return newCond(l.place, func(fr *Frame) (bool, *RunError) {
		n, err := l.count(fr, t, 2)
		return n == 1, err
	})
}

// some is the condition whose answer is found when the test of some element is wanted, else the opposite.
func (l *loop) some(t test, wanted, found bool) test {
	return func(fr *Frame) (bool, *RunError) {
		_, at, err := l.find(fr, t, wanted, false)
		return at >= 0 == found, err
	}
}

// count counts the elements that pass, up to most.
func (l *loop) count(fr *Frame, t test, most int) (int, *RunError) {
	list, err := l.start(fr)
	if err != nil {
		return 0, err
	}
	n := 0
	for i, e := range list.Elems() {
		if !l.bind(fr, i, e) {
			return 0, l.limit(fr)
		}
		ok, err := t(fr)
		if err != nil {
			return 0, err
		}
		if ok {
			if n++; n == most {
				break
			}
		}
	}
	return n, nil
}

// counted compiles count(list, test), and count(list) of a list of bools.
func (c *compiler) counted(l *loop) *node {
	t, ok := c.condition(l)
	if !ok {
		return broken(l.place)
	}
	return &node{place: l.place, typ: shape.NumberType, val: func(fr *Frame) (doc.Value, *RunError) {
		n, err := l.count(fr, t, -1)
		return doc.IntValue(int64(n)), err
	}}
}

// search compiles filter and the finds.
func (c *compiler) search(name string, l *loop) *node {
	t, ok := c.condition(l)
	if !ok {
		return broken(l.place)
	}
	elem := l.list.typ.Element()
	n := &node{place: l.place, typ: shape.OrNull(elem)}
	switch name {
	case "filter":
		n.typ, n.val = shape.ArrayOf(elem), l.filter(t)
	case "find", "findLast":
		last := name == "findLast"
		n.val = func(fr *Frame) (doc.Value, *RunError) {
			v, _, err := l.find(fr, t, true, last)
			return v, err
		}
	default:
		n.typ = shape.OrNull(shape.NumberType)
		last := name == "findLastIndex"
		n.val = func(fr *Frame) (doc.Value, *RunError) {
			_, i, err := l.find(fr, t, true, last)
			if i < 0 {
				return doc.NullValue(), err
			}
			return doc.IntValue(int64(i)), err
		}
	}
	return n
}

func (l *loop) filter(t test) value {
	return func(fr *Frame) (doc.Value, *RunError) {
		list, err := l.start(fr)
		if err != nil {
			return list, err
		}
		var out []doc.Value
		for i, e := range list.Elems() {
			if !l.bind(fr, i, e) {
				return list, l.limit(fr)
			}
			ok, err := t(fr)
			if err != nil {
				return list, err
			}
			if ok {
				if !fr.take(valueSize) {
					return list, l.limit(fr)
				}
				out = append(out, e)
			}
		}
		return doc.ListOf(out), nil
	}
}

// find is the first element whose test is wanted, or the last; Missing and -1 if there is none. It is no closure, so that
// the range allocates nothing.
func (l *loop) find(fr *Frame, t test, wanted, last bool) (doc.Value, int, *RunError) {
	at, found := -1, doc.Value{}
	list, err := l.start(fr)
	if err != nil {
		return found, at, err
	}
	for i, e := range list.Elems() {
		if !l.bind(fr, i, e) {
			return found, at, l.limit(fr)
		}
		ok, err := t(fr)
		if err != nil {
			return found, at, err
		}
		if ok == wanted {
			at, found = i, e
			if !last {
				break
			}
		}
	}
	return found, at, nil
}
