package formula

import (
	"slices"
	"strings"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// builtin is a function whose arguments are evaluated before it runs. One of one, two and many is set.
type builtin struct {
	name    string
	params  []set // what each argument may be; the last counts for all that follow
	least   int   // how many must be given
	open    bool  // any number of arguments
	changes bool  // not pure
	result  func(args []*node) *shape.Type
	one     func(s *site, fr *Frame, a doc.Value) (doc.Value, *RunError)
	two     func(s *site, fr *Frame, a, b doc.Value) (doc.Value, *RunError)
	many    func(s *site, fr *Frame, a []doc.Value) (doc.Value, *RunError)
}

// site is one call of a builtin.
type site struct {
	place
	name string
	args []*node
}

// set is a set of kinds: bit k is doc.Kind and shape.Kind k, which are numbered alike.
type set uint8

const (
	anything set = 0
	bools    set = 1 << doc.Bool
	nums     set = 1 << doc.Number
	strs     set = 1 << doc.String
	arrs     set = 1 << doc.Array
	objs     set = 1 << doc.Object
)

func (s set) has(k doc.Kind) bool { return s == anything || s&(1<<k) != 0 }

// String names the kinds: "a string or an array".
func (s set) String() string {
	var names []string
	for _, k := range []doc.Kind{doc.Bool, doc.Number, doc.String, doc.Array, doc.Object} {
		if s&(1<<k) != 0 {
			names = append(names, article(k))
		}
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (s set) kinds() []shape.Kind {
	var kinds []shape.Kind
	for k := shape.Bool; k <= shape.Object; k++ {
		if s&(1<<k) != 0 {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

func gives(t *shape.Type) func([]*node) *shape.Type { return func([]*node) *shape.Type { return t } }

func (b *builtin) param(i int) set { return b.params[min(i, len(b.params)-1)] }

// builtins is the table of all functions without a closure, by name. It is made once and never changed.
var builtins = func() map[string]*builtin {
	m := map[string]*builtin{}
	for _, family := range [][]builtin{textBuiltins(), moreTextBuiltins(), numberBuiltins(), extremeBuiltins(), listBuiltins(), convertBuiltins(), timeBuiltins()} {
		for i := range family {
			m[family[i].name] = &family[i]
		}
	}
	for alias, name := range map[string]string{"unique": "uniq", "float": "number", "avg": "mean"} {
		m[alias] = m[name]
	}
	return m
}()

func findBuiltin(name string) *builtin { return builtins[name] }

// builtinNames lists all functions that need no scope.
func builtinNames() []string {
	names := make([]string, 0, len(builtins)+len(closed))
	for name := range builtins {
		names = append(names, name)
	}
	for name := range closed {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// callBuiltin checks the arguments and compiles the call.
func (c *compiler) callBuiltin(b *builtin, args []*node, p place) *node {
	most := len(b.params)
	if b.open {
		most = -1
	}
	if len(args) < b.least || most >= 0 && len(args) > most {
		c.fault(p, "", "%s takes %s, not %d", b.name, countText(b.least, most), len(args))
		return broken(p)
	}
	bad := false
	for i, a := range args {
		want := b.param(i)
		if want != anything && !c.want(a, want.String(), want.kinds()...) {
			bad = true
		}
		bad = bad || a.bad
	}
	if bad {
		return broken(p)
	}
	s := &site{place: p, name: b.name, args: args}
	n := &node{place: p, typ: b.result(args), val: b.compile(s)}
	if b.changes {
		c.impure = true
		return n
	}
	return c.fold(n, args...)
}

func (b *builtin) compile(s *site) value {
	switch {
	case b.one != nil:
		a, want, do := s.args[0], b.param(0), b.one
		return func(fr *Frame) (doc.Value, *RunError) {
			v, err := arg(fr, a, want)
			if err != nil {
				return v, err
			}
			return do(s, fr, v)
		}
	case b.two != nil:
		a, c, wantA, wantC, do := s.args[0], s.args[1], b.param(0), b.param(1), b.two
		return func(fr *Frame) (doc.Value, *RunError) {
			v, err := arg(fr, a, wantA)
			if err != nil {
				return v, err
			}
			w, err := arg(fr, c, wantC)
			if err != nil {
				return w, err
			}
			return do(s, fr, v, w)
		}
	}
	return func(fr *Frame) (doc.Value, *RunError) {
		vals := make([]doc.Value, len(s.args))
		for i, a := range s.args {
			v, err := arg(fr, a, b.param(i))
			if err != nil {
				return v, err
			}
			vals[i] = v
		}
		return b.many(s, fr, vals)
	}
}

// arg evaluates an argument, checks its kind and pays for its text.
func arg(fr *Frame, n *node, want set) (doc.Value, *RunError) {
	v, err := n.val(fr)
	if err != nil {
		return v, err
	}
	if !want.has(v.Kind()) {
		return v, n.wrong(fr, v, want.String())
	}
	if v.Kind() == doc.String {
		if src := v.Source(); src == nil || len(src) > 256 {
			if !fr.read(len(v.Str())) {
				return v, n.limit(fr)
			}
		}
	}
	return v, nil
}

// text is a built string: it is paid for.
func (s *site) result(fr *Frame, text string) (doc.Value, *RunError) {
	if !fr.take(len(text)) {
		return doc.Value{}, s.limit(fr)
	}
	return doc.StringValue(text), nil
}
