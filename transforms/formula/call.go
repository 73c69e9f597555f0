package formula

import (
	"fmt"

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
	help := suggest(name, c.scope.Functions())
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
	if least := len(f.Params) - f.Optional; len(args) < least || len(args) > len(f.Params) {
		c.fault(p, "", "%s takes %s, not %d", name, countText(least, len(f.Params)), len(args))
		return broken(p)
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
	if bad {
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
