package formula

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// chain compiles a whole chain with ?. in it. Where a ?. finds nothing it says so in the frame, and the parts of the chain behind it give
// nothing, up to here.
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
	out.val = func(fr *Frame) doc.Value {
		v := val(fr)
		fr.short = false
		return v
	}
	return &out
}

// base evaluates what a part of a chain stands behind; false: there is nothing behind it any more.
func (n *node) base(fr *Frame, optional bool) (doc.Value, bool) {
	v := n.val(fr)
	fr.short = fr.short || optional && v.IsNull()
	return v, !fr.short
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
	if !c.want(base, arrs|objs) || base.typ.Is(shape.Object) && !c.want(prop, strs) || base.typ.Is(shape.Array) && !c.want(prop, nums) {
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
		return c.read(p, shape.OrNull(shape.StringType), &path{root: rootHeader, name: hub.HeaderName(name)})
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
	return c.fold(newNode(p, t, func(fr *Frame) doc.Value {
		v, ok := base.base(fr, optional)
		switch {
		case !ok:
			return doc.Value{}
		case v.Kind() != doc.Object:
			panic(base.wrong(fr, v, "an object"))
		}
		return v.Get(name)
	}), base)
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
	return c.fold(newNode(p, t, func(fr *Frame) doc.Value {
		v, ok := base.base(fr, optional)
		if !ok {
			return doc.Value{}
		}
		k := prop.val(fr)
		switch v.Kind() {
		case doc.Object:
			if k.Kind() != doc.String {
				panic(prop.wrong(fr, k, "a string"))
			}
			if base.path != nil && base.path.root == rootHeaders {
				return fr.header(hub.HeaderName(k.Str()))
			}
			base.within(fr, fr.spend(1+v.Len()/16))
			return v.Get(k.Str())
		case doc.Array:
			i, ok := intOf(k)
			if !ok {
				panic(prop.wrong(fr, k, "a whole number"))
			}
			base.within(fr, fr.spend(1+v.Len()/16))
			return v.At(i)
		}
		panic(base.wrong(fr, v, "an array or an object"))
	}), base, prop)
}

// slice compiles a[from:to] of arrays and strings; negative bounds count from the end, and bounds outside are moved inside.
func (c *compiler) slice(n *ast.SliceNode, p place) *node {
	base := c.node(n.Node)
	var from, to *node
	parts := []*node{base}
	if n.From != nil {
		from = c.node(n.From)
		parts = append(parts, from)
		c.want(from, nums)
	}
	if n.To != nil {
		to = c.node(n.To)
		parts = append(parts, to)
		c.want(to, nums)
	}
	if !c.wantAs(base, arrs|strs, "an array or a string") {
		return broken(p)
	}
	t := shape.NotNull(base.typ)
	if t.Is(shape.String) {
		t = shape.StringType
	}
	return c.fold(newNode(p, t, func(fr *Frame) doc.Value {
		v, ok := base.base(fr, false)
		switch k := v.Kind(); {
		case !ok:
			return v
		case k != doc.Array && k != doc.String:
			panic(base.wrong(fr, v, "an array or a string"))
		}
		size := v.Len()
		lo, hi := from.bound(fr, 0, size), to.bound(fr, size, size)
		p.within(fr, fr.spend(1+size/16) && fr.take(max(0, hi-lo)*valueSize))
		return cutOut(v, lo, hi)
	}), parts...)
}

// bound is the bound of a slice, moved inside; none where nothing is written.
func (n *node) bound(fr *Frame, none, size int) int {
	if n == nil {
		return none
	}
	i := n.whole(fr)
	if i < 0 {
		i += size
	}
	return max(0, min(i, size))
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
