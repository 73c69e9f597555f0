package formula

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

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
	if b := builtins[name]; b != nil {
		return c.callBuiltin(b, c.all(args), p)
	}
	c.all(args)
	help := shape.DidYouMean(name, c.scope.Functions())
	switch name {
	case "date", "duration", "timezone":
		help = `times are ISO texts: compare them with < and >, see iso(t), now(), addDuration(t, "3d"), formatTime(t, layout, zone)`
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
	return newNode(p, cmp.Or(f.Result, shape.AnyType), func(fr *Frame) doc.Value {
		vals := make([]doc.Value, len(f.Params))
		for i, a := range args {
			vals[i] = a.val(fr)
			if want := f.Params[i]; !fits(vals[i], want) {
				panic(a.wrong(fr, vals[i], shape.NotNull(want).Describe()))
			}
		}
		p.within(fr, fr.spend(1))
		v, err := f.Call(fr, vals)
		if err != nil {
			panic(p.failed(err))
		}
		return v
	})
}

// arguments reports arguments that are too few or too many, and those that can't be of their parameter's type.
func (c *compiler) arguments(name string, f *Func, args []*node, p place) bool {
	if !c.counted(name, args, len(f.Params)-f.Optional, len(f.Params), p) {
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
		if f.Named != nil && !bad {
			bad = !c.named(f, i, a)
		}
	}
	return !bad
}

// named reports an argument that is no name as f takes it.
func (c *compiler) named(f *Func, i int, a *node) bool {
	fault, help := "a name is written here as it is, not made by a formula", `write it as a text: "orders"`
	if a.konst && a.v.Kind() == doc.String {
		fault, help = f.Named(i, a.v.Str())
	}
	if fault != "" {
		c.fault(a.place, help, "%s", fault)
	}
	return fault == ""
}

// fits tells whether a value has the kind of a parameter.
func fits(v doc.Value, want *shape.Type) bool {
	return want.IsAny() || v.IsNull() && want.Nullable || v.Kind() == want.Kind
}

// counted reports arguments that are too few or too many; most -1: there is no limit.
func (c *compiler) counted(name string, args []*node, least, most int, p place) bool {
	if len(args) >= least && (most < 0 || len(args) <= most) {
		return true
	}
	takes := fmt.Sprintf("%d to %d values", least, most)
	switch {
	case most < 0:
		takes = fmt.Sprintf("at least %d values", least)
	case most == 1 && least == 1:
		takes = "1 value"
	case most == 1:
		takes = fmt.Sprintf("%d to 1 value", least)
	case least == most:
		takes = fmt.Sprintf("%d values", most)
	}
	c.fault(p, "", "%s takes %s, not %d", name, takes, len(args))
	return false
}

// builtin is a function without a closure.
type builtin struct {
	name     string
	params   []set // what each argument may be; the last counts for all that follow
	optional int   // how many of the last may be left out
	open     bool  // any number of arguments, one at least
	changes  bool  // not pure
	pattern  int   // which argument is a regular expression, a constant; 0: none
	result   *shape.Type
	typeOf   func(args []*node) *shape.Type // nil: it is always result
	do       func(s *site, fr *Frame) doc.Value
}

// site is one call of a builtin.
type site struct {
	place
	params []set
	args   []*node

	re    *regexp.Regexp                // of the argument that is a pattern
	insts int                           // that each byte of text may cost it
	zone  atomic.Pointer[time.Location] // that was named last
	marks atomic.Pointer[marks]
}

// arg evaluates argument i, which must be of a kind that its parameter takes.
func (s *site) arg(fr *Frame, i int) doc.Value {
	return s.args[i].of(fr, s.param(i))
}

func (s *site) param(i int) set { return s.params[min(i, len(s.params)-1)] }

// str is argument i, a string; num is argument i, a number.
func (s *site) str(fr *Frame, i int) string      { return s.arg(fr, i).Str() }
func (s *site) num(fr *Frame, i int) doc.Decimal { return s.arg(fr, i).Num() }

// optional is argument i, a string; "" if it is left out.
func (s *site) optional(fr *Frame, i int) string {
	if i >= len(s.args) {
		return ""
	}
	return s.str(fr, i)
}

// all evaluates all arguments.
func (s *site) all(fr *Frame) []doc.Value {
	vals := make([]doc.Value, len(s.args))
	for i := range vals {
		vals[i] = s.arg(fr, i)
	}
	return vals
}

// built is a string that was made: it is paid for.
func (p *place) built(fr *Frame, text string) doc.Value {
	p.within(fr, fr.take(len(text)))
	return doc.StringValue(text)
}

// set is a set of kinds: bit k is kind k.
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
	if s == bools {
		return "true or false"
	}
	var names []string
	for k := doc.Bool; k <= doc.Object; k++ {
		if s&(1<<k) != 0 {
			names = append(names, article(k))
		}
	}
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// builtins is the table of all functions without a closure, by name. It is made once and never changed.
var builtins = func() map[string]*builtin {
	m := map[string]*builtin{}
	for _, family := range [][]builtin{textBuiltins(), codeBuiltins(), patternBuiltins(), numberBuiltins(), moneyBuiltins(), listBuiltins(), pathBuiltins(), convertBuiltins(), timeBuiltins()} {
		for i := range family {
			m[family[i].name] = &family[i]
		}
	}
	for alias, name := range map[string]string{"unique": "uniq", "float": "number", "avg": "mean"} {
		m[alias] = m[name]
	}
	return m
}()

// builtinNames lists all functions that need no scope.
func builtinNames() []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(builtins)), maps.Keys(closed))
	slices.Sort(names)
	return names
}

// callBuiltin checks the arguments and compiles the call.
func (c *compiler) callBuiltin(b *builtin, args []*node, p place) *node {
	least, most := len(b.params)-b.optional, len(b.params)
	if b.open {
		most = -1
	}
	if !c.counted(b.name, args, least, most, p) {
		return broken(p)
	}
	s := &site{place: p, params: b.params, args: args}
	bad := false
	for i, a := range args {
		bad = !c.want(a, s.param(i)) || bad
	}
	if bad {
		return broken(p)
	}
	if b.pattern > 0 {
		var ok bool
		if s.re, s.insts, ok = c.regexp(args[b.pattern]); !ok {
			return broken(p)
		}
	}
	result := b.result
	if b.typeOf != nil {
		result = b.typeOf(args)
	}
	n := newNode(p, result, func(fr *Frame) doc.Value { return b.do(s, fr) })
	if b.changes {
		c.impure = true
		return n
	}
	return c.fold(n, args...)
}
