package formula

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

func (c *compiler) callNode(n *ast.CallNode, p place) *node {
	if id, ok := n.Callee.(*ast.IdentifierNode); ok {
		at := id.Location()
		return c.call(id.Value, n.Arguments, p, c.place(at.From, at.To))
	}
	help := "functions stand before their values: upper(body.name)"
	if m, ok := n.Callee.(*ast.MemberNode); ok {
		if s, ok := m.Property.(*ast.StringNode); ok {
			help = fmt.Sprintf("write %s(%s)", s.Value, c.spanOf(m.Node).text())
		}
	}
	c.fault(p, help, "values have no methods")
	return broken(p)
}

// call compiles a function: of the scope, one with a closure, or a built-in one. at is the place of its name.
func (c *compiler) call(name string, args []ast.Node, p, at place) *node {
	if f := c.scope.function(name); f != nil {
		return c.callFunc(name, f, c.all(args), p)
	}
	if closed[name] != 0 {
		return c.closure(name, args, p)
	}
	if b := findBuiltin(name); b != nil {
		return c.callBuiltin(b, c.all(args), p)
	}
	c.all(args)
	help := shape.DidYouMean(name, c.scope.Functions())
	switch name {
	case "date", "duration", "timezone":
		help = `times are ISO texts: compare them with < and >, see iso(t), now(), addDuration(t, "3d")`
	}
	c.fault(at, help, "unknown name %s", name)
	return broken(p)
}

func (c *compiler) all(args []ast.Node) []*node {
	nodes := make([]*node, len(args))
	for i, a := range args {
		nodes[i] = c.node(a)
	}
	return nodes
}

// callFunc compiles a function of the scope.
func (c *compiler) callFunc(name string, f *Func, args []*node, p place) *node {
	c.impure = c.impure || !f.Pure
	if !c.arguments(name, f, args, p) {
		return broken(p)
	}
	result := f.Result
	if result == nil {
		result = shape.AnyType
	}
	return &node{place: p, typ: result, val: func(fr *Frame) (doc.Value, *RunError) {
		vals := make([]doc.Value, len(f.Params))
		for i, a := range args {
			v, err := a.val(fr)
			if err != nil {
				return v, err
			}
			if want := f.Params[i]; !fits(v, want) {
				return v, a.wrong(fr, v, shape.NotNull(want).Describe())
			}
			vals[i] = v
		}
		if !fr.spend(1) {
			return doc.Value{}, p.limit(fr)
		}
		v, err := f.Call(fr, vals)
		if err != nil {
			return v, p.failed(err)
		}
		return v, nil
	}}
}

// arguments reports arguments that are too few or too many, and those that can't be of their parameter's type.
func (c *compiler) arguments(name string, f *Func, args []*node, p place) bool {
	if least := len(f.Params) - f.Optional; len(args) < least || len(args) > len(f.Params) {
		c.fault(p, "", "%s takes %s, not %d", name, countText(least, len(f.Params)), len(args))
		return false
	}
	bad := false
	for i, a := range args {
		if a.bad {
			bad = true
			continue
		}
		for _, m := range shape.Assignable(a.typ, f.Params[i]) {
			c.fault(a.place, m.Help, "%s: argument %d: %s", name, i+1, m.Message)
			bad = true
		}
	}
	return !bad
}

// fits tells whether a value has the kind of a parameter.
func fits(v doc.Value, want *shape.Type) bool {
	if want.IsAny() || v.IsNull() && want.Nullable {
		return true
	}
	return int(v.Kind()) == int(want.Kind)
}

func countText(least, most int) string {
	values := "values"
	if most == 1 {
		values = "value"
	}
	switch {
	case most < 0:
		return fmt.Sprintf("at least %d values", least)
	case least == most:
		return fmt.Sprintf("%d %s", most, values)
	}
	return fmt.Sprintf("%d to %d %s", least, most, values)
}

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
	for _, family := range [][]builtin{textBuiltins(), numberBuiltins(), listBuiltins(), convertBuiltins()} {
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
