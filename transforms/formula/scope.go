package formula

import (
	"fmt"
	"slices"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// Scope is the names and functions that a formula may use, with their types. It is immutable: With… methods return a larger one.
type Scope struct {
	parent *Scope
	name   string
	entry  entry
	locals int
}

// entry is what a name means.
type entry struct {
	root rootKind
	typ  *shape.Type
	slot int
	fn   *Func
}

// Func is a function of the hub that formulas may call: table(), process().
type Func struct {
	Params   []*shape.Type
	Optional int // how many of the last Params may be left out; they are then Missing
	Result   *shape.Type
	Pure     bool // the same arguments give the same result, and nothing is changed
	// Named says what is wrong with a name among the arguments, and what to write; fault "": nothing is. When it is there, all arguments are
	// names, written as texts: they are known when the formula is compiled.
	Named func(arg int, name string) (fault, help string)
	Call  func(fr *Frame, args []doc.Value) (doc.Value, error)
}

// NewScope has the names of every message: body (any value), headers, id, key, correlation, time.
func NewScope() *Scope {
	s := (&Scope{}).with("headers", entry{root: rootHeaders, typ: shape.MapType(shape.StringType)})
	for _, name := range metaNames {
		s = s.with(name, entry{root: rootMeta, typ: shape.StringType})
	}
	return s.WithBody(shape.AnyType)
}

var metaNames = []string{"id", "key", "correlation", "time"}

func (s *Scope) with(name string, e entry) *Scope {
	return &Scope{parent: s, name: name, entry: e, locals: s.locals}
}

// WithBody sets the type of the body.
func (s *Scope) WithBody(t *shape.Type) *Scope { return s.with("body", entry{root: rootBody, typ: t}) }

// WithVar adds a variable of the exchange.
func (s *Scope) WithVar(name string, t *shape.Type) *Scope {
	return s.with(name, entry{root: rootVar, typ: t})
}

// WithLocal adds a name whose value is Frame.Locals[slot].
func (s *Scope) WithLocal(name string, t *shape.Type) (*Scope, int) {
	slot := s.locals
	c := s.with(name, entry{root: rootLocal, typ: t, slot: slot})
	c.locals++
	return c, slot
}

// WithFunc adds a function. It may have the name of a built-in, and hides it.
func (s *Scope) WithFunc(name string, f Func) *Scope {
	return s.with(name, entry{root: rootFunc, fn: &f})
}

// Without takes names away: body in a process, for instance.
func (s *Scope) Without(names ...string) *Scope {
	for _, name := range names {
		s = s.with(name, entry{})
	}
	return s
}

// Type is the type of a name; false: there is no such value.
func (s *Scope) Type(name string) (*shape.Type, bool) {
	if e, ok := s.value(name); ok {
		return e.typ, true
	}
	return nil, false
}

// value finds a name that is no function; functions and values live apart.
func (s *Scope) value(name string) (entry, bool) {
	for ; s.parent != nil; s = s.parent {
		if s.name == name && s.entry.root != rootFunc {
			return s.entry, s.entry.root != rootNone
		}
	}
	return entry{}, false
}

func (s *Scope) function(name string) *Func {
	for ; s.parent != nil; s = s.parent {
		if s.name == name && s.entry.root == rootFunc {
			return s.entry.fn
		}
	}
	return nil
}

// Names lists the values, sorted.
func (s *Scope) Names() []string {
	var names []string
	for c := s; c.parent != nil; c = c.parent {
		if _, ok := s.value(c.name); ok && c.entry.root != rootFunc {
			names = append(names, c.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Functions lists the functions of the scope and the built-in ones, sorted.
func (s *Scope) Functions() []string {
	names := builtinNames()
	for c := s; c.parent != nil; c = c.parent {
		if c.entry.root == rootFunc {
			names = append(names, c.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// identifier compiles a name: a variable of let, or a value of the scope.
func (c *compiler) identifier(n *ast.IdentifierNode, p place) *node {
	for i := len(c.lets) - 1; i >= 0; i-- {
		if l := c.lets[i]; l.name == n.Value {
			if l.v != nil {
				return c.constant(p, l.v.v)
			}
			return c.read(p, l.typ, &path{root: rootSlot, slot: l.slot, name: l.name})
		}
	}
	if n.Value == "null" {
		return c.constant(p, doc.NullValue())
	}
	e, ok := c.scope.value(n.Value)
	if !ok {
		c.unknown(n.Value, p)
		return broken(p)
	}
	return c.read(p, e.typ, &path{root: e.root, slot: e.slot, name: n.Value})
}

func (c *compiler) unknown(name string, p place) {
	if c.scope.function(name) != nil || slices.Contains(builtinNames(), name) {
		c.fault(p, fmt.Sprintf("write %s(...)", name), "%s is a function", name)
		return
	}
	known := c.scope.Names()
	for _, l := range c.lets {
		known = append(known, l.name)
	}
	help := shape.DidYouMean(name, known)
	if help == "" {
		help = c.fieldHelp(name)
	}
	c.fault(p, help, "unknown name %s", name)
}

// fieldHelp finds a bare name that is a field of the element or of the body.
func (c *compiler) fieldHelp(name string) string {
	for _, e := range slices.Backward(c.elems) {
		if slices.Contains(e.typ.Names(), name) {
			return fmt.Sprintf("did you mean \".%s\"?", name)
		}
	}
	if t, ok := c.scope.Type("body"); ok && slices.Contains(t.Names(), name) {
		return fmt.Sprintf("did you mean \"body.%s\"?", name)
	}
	return ""
}

// pointer compiles #, #index and #acc.
func (c *compiler) pointer(n *ast.PointerNode, p place) *node {
	if len(c.elems) == 0 {
		c.fault(p, "", "# stands for an element inside map, filter, sum, any, ...")
		return broken(p)
	}
	e := &c.elems[len(c.elems)-1]
	switch {
	case n.Name == "":
		return c.read(p, e.typ, &path{root: rootSlot, slot: e.slot, name: "#"})
	case n.Name == "index":
		e.index = true
		return c.read(p, shape.NumberType, &path{root: rootSlot, slot: e.slot + 1, name: "#index"})
	case n.Name == "acc" && e.reduc:
		return c.read(p, e.acc, &path{root: rootSlot, slot: e.slot + 2, name: "#acc"})
	}
	c.fault(p, "known: #, #index, and #acc in reduce", "unknown name #%s", n.Name)
	return broken(p)
}
