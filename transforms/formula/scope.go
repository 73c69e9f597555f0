package formula

import (
	"slices"

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

// role says where a name's value comes from.
type role uint8

const (
	roleNone role = iota // a name that was taken away
	roleBody
	roleHeaders
	roleMeta // id, key, correlation, time
	roleVar
	roleLocal
	roleFunc
)

type entry struct {
	role role
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
	Call     func(fr *Frame, args []doc.Value) (doc.Value, error)
}

// NewScope has the names of every message: body (any value), headers, id, key, correlation, time.
func NewScope() *Scope {
	s := (&Scope{}).with("headers", entry{role: roleHeaders, typ: shape.MapType(shape.StringType)})
	for _, name := range metaNames {
		s = s.with(name, entry{role: roleMeta, typ: shape.StringType})
	}
	return s.WithBody(shape.AnyType)
}

var metaNames = []string{"id", "key", "correlation", "time"}

func (s *Scope) with(name string, e entry) *Scope {
	return &Scope{parent: s, name: name, entry: e, locals: s.locals}
}

// WithBody sets the type of the body.
func (s *Scope) WithBody(t *shape.Type) *Scope { return s.with("body", entry{role: roleBody, typ: t}) }

// WithVar adds a variable of the exchange.
func (s *Scope) WithVar(name string, t *shape.Type) *Scope {
	return s.with(name, entry{role: roleVar, typ: t})
}

// WithLocal adds a name whose value is Frame.Locals[slot].
func (s *Scope) WithLocal(name string, t *shape.Type) (*Scope, int) {
	slot := s.locals
	c := s.with(name, entry{role: roleLocal, typ: t, slot: slot})
	c.locals++
	return c, slot
}

// WithFunc adds a function. It may have the name of a built-in, and hides it.
func (s *Scope) WithFunc(name string, f Func) *Scope {
	return s.with(name, entry{role: roleFunc, fn: &f})
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
		if s.name == name && s.entry.role != roleFunc {
			return s.entry, s.entry.role != roleNone
		}
	}
	return entry{}, false
}

func (s *Scope) function(name string) *Func {
	for ; s.parent != nil; s = s.parent {
		if s.name == name && s.entry.role == roleFunc {
			return s.entry.fn
		}
	}
	return nil
}

// Names lists the values, sorted.
func (s *Scope) Names() []string {
	var names []string
	for c := s; c.parent != nil; c = c.parent {
		if _, ok := s.value(c.name); ok && c.entry.role != roleFunc {
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
		if c.entry.role == roleFunc {
			names = append(names, c.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
