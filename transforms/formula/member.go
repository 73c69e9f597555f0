package formula

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// errShort leaves a chain of ?. early; chain catches it.
var errShort = &RunError{Message: "optional chain", Err: errors.New("optional chain")}

// chain compiles a whole chain with ?. in it.
func (c *compiler) chain(n *ast.ChainNode) *node {
	in := c.node(n.Node)
	if in.bad {
		return in
	}
	out := *in
	out.typ = shape.OrNull(in.typ)
	if in.path != nil {
		return &out
	}
	val := in.val
	out.cond = nil
	out.val = func(fr *Frame) (doc.Value, *RunError) {
		v, err := val(fr)
		if err == errShort {
			return doc.Value{}, nil
		}
		return v, err
	}
	return &out
}

// member compiles a.name, a["name"], a[0] and a[expression].
func (c *compiler) member(n *ast.MemberNode, p place) *node {
	base, prop := c.node(n.Node), c.node(n.Property)
	if base.bad || prop.bad {
		return broken(p)
	}
	if name, ok := prop.v, prop.konst; ok && name.Kind() == doc.String {
		return c.field(base, prop.place, name.Str(), n.Optional, p)
	}
	if !c.want(base, "an array or an object", shape.Array, shape.Object) {
		return broken(p)
	}
	if base.typ.Is(shape.Object) && !c.want(prop, "a string", shape.String) || base.typ.Is(shape.Array) && !c.want(prop, "a number", shape.Number) {
		return broken(p)
	}
	t := shape.OrNull(base.typ.Element())
	if !base.typ.IsAny() && base.typ.Kind == shape.Object && len(base.typ.Fields) > 0 {
		t = shape.AnyType
	}
	if i, ok := intOf(prop.v); ok && prop.konst && base.path != nil && base.path.root != rootHeaders {
		return c.read(p, t, base.path.extend(seg{index: i, isIndex: true, optional: n.Optional, to: p.to}))
	}
	return c.dynamic(base, prop, t, n.Optional, p)
}

// field compiles the access of a field whose name is known.
func (c *compiler) field(base *node, at place, name string, optional bool, p place) *node {
	if base.path != nil && base.path.root == rootHeaders && len(base.path.segs) == 0 {
		return c.read(p, shape.OrNull(shape.StringType), &path{root: rootHeader, name: strings.ToLower(name)})
	}
	t, ok := base.typ.Field(name)
	if !ok {
		c.noField(base, at, name)
		return broken(p)
	}
	if optional && base.typ.IsAny() {
		t = shape.AnyType
	}
	if base.path != nil && base.path.root != rootHeader {
		return c.read(p, t, base.path.extend(seg{name: name, optional: optional, to: p.to}))
	}
	val := base.val
	return c.fold(&node{place: p, typ: t, val: func(fr *Frame) (doc.Value, *RunError) {
		v, err := val(fr)
		switch {
		case err != nil:
			return v, err
		case v.Kind() == doc.Object:
			return v.Get(name), nil
		case optional && v.IsNull():
			return doc.Value{}, errShort
		}
		return v, base.wrong(fr, v, "an object")
	}}, base)
}

func (c *compiler) noField(base *node, at place, name string) {
	t := base.typ
	switch {
	case t.Is(shape.Array):
		c.fault(at, fmt.Sprintf("write %s[0].%s for one, map(%[1]s, .%[2]s) for all", base.text(), name), "%s is an array, it has no field %s",
			base.text(), name)
	case !t.Is(shape.Object):
		c.fault(at, "", "%s is %s, it has no field %s", base.text(), t.Describe(), name)
	default:
		owner := t.Name
		if owner == "" {
			owner = base.text()
			if base.path != nil && base.path.name == "#" && len(base.path.segs) == 0 {
				owner = "the element"
			}
		}
		help := shape.DidYouMean(name, t.Names())
		if help == "" && len(t.Fields) > 0 && len(t.Fields) <= 12 {
			help = "known: " + strings.Join(t.Names(), ", ")
		}
		c.fault(at, help, "%s has no field %s", owner, name)
	}
}

// dynamic compiles an access by a computed name or index.
func (c *compiler) dynamic(base, prop *node, t *shape.Type, optional bool, p place) *node {
	val, key := base.val, prop.val
	return c.fold(&node{place: p, typ: t, val: func(fr *Frame) (doc.Value, *RunError) {
		v, err := val(fr)
		if err != nil {
			return v, err
		}
		if optional && v.IsNull() {
			return doc.Value{}, errShort
		}
		k, err := key(fr)
		if err != nil {
			return v, err
		}
		return pick(fr, base, prop, v, k)
	}}, base, prop)
}

func pick(fr *Frame, base, prop *node, v, k doc.Value) (doc.Value, *RunError) {
	switch v.Kind() {
	case doc.Object:
		if k.Kind() != doc.String {
			return v, prop.wrong(fr, k, "a string")
		}
		if base.path != nil && base.path.root == rootHeaders {
			return fr.header(strings.ToLower(k.Str())), nil
		}
		if !fr.spend(1 + v.Len()/16) {
			return v, base.limit(fr)
		}
		return v.Get(k.Str()), nil
	case doc.Array:
		i, ok := intOf(k)
		if !ok {
			return v, prop.wrong(fr, k, "a whole number")
		}
		if !fr.spend(1 + v.Len()/16) {
			return v, base.limit(fr)
		}
		return v.At(i), nil
	}
	return v, base.wrong(fr, v, "an array or an object")
}

// slice compiles a[from:to] of arrays and strings; negative bounds count from the end, and bounds outside are moved inside.
func (c *compiler) slice(n *ast.SliceNode, p place) *node {
	base := c.node(n.Node)
	var from, to *node
	parts := []*node{base}
	if n.From != nil {
		from = c.node(n.From)
		parts = append(parts, from)
		c.want(from, "a number", shape.Number)
	}
	if n.To != nil {
		to = c.node(n.To)
		parts = append(parts, to)
		c.want(to, "a number", shape.Number)
	}
	if !c.want(base, "an array or a string", shape.Array, shape.String) {
		return broken(p)
	}
	t := shape.NotNull(base.typ)
	if t.Is(shape.String) {
		t = shape.StringType
	}
	return c.fold(&node{place: p, typ: t, val: func(fr *Frame) (doc.Value, *RunError) {
		v, err := base.val(fr)
		if err != nil {
			return v, err
		}
		if k := v.Kind(); k != doc.Array && k != doc.String {
			return v, base.wrong(fr, v, "an array or a string")
		}
		size := v.Len()
		lo, err := bound(fr, from, 0, size)
		if err != nil {
			return v, err
		}
		hi, err := bound(fr, to, size, size)
		if err != nil {
			return v, err
		}
		if !fr.spend(1+size/16) || !fr.take(max(0, hi-lo)*valueSize) {
			return v, p.limit(fr)
		}
		return cutOut(v, lo, hi), nil
	}}, parts...)
}

func bound(fr *Frame, n *node, none, size int) (int, *RunError) {
	if n == nil {
		return none, nil
	}
	v, err := n.val(fr)
	if err != nil {
		return 0, err
	}
	i, ok := intOf(v)
	if !ok {
		return 0, n.wrong(fr, v, "a whole number")
	}
	if i < 0 {
		i += size
	}
	return max(0, min(i, size)), nil
}

// cutOut is elements or characters lo to hi, which are inside.
func cutOut(v doc.Value, lo, hi int) doc.Value {
	if v.Kind() == doc.String {
		if lo >= hi {
			return doc.StringValue("")
		}
		s, n, from := v.Str(), 0, 0
		for i := range s {
			if n == lo {
				from = i
			}
			if n == hi {
				return doc.StringValue(s[from:i])
			}
			n++
		}
		return doc.StringValue(s[from:])
	}
	out := make([]doc.Value, 0, max(0, hi-lo))
	for i, e := range v.Elems() {
		if i >= hi {
			break
		}
		if i >= lo {
			out = append(out, e)
		}
	}
	return doc.ListOf(out)
}
