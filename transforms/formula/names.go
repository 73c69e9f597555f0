package formula

import (
	"fmt"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

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
	switch e.role {
	case roleBody:
		return c.read(p, e.typ, &path{root: rootBody, name: n.Value})
	case roleVar:
		return c.read(p, e.typ, &path{root: rootVar, name: n.Value})
	case roleLocal:
		return c.read(p, e.typ, &path{root: rootLocal, slot: e.slot, name: n.Value})
	case roleMeta:
		return c.read(p, e.typ, &path{root: rootMeta, name: n.Value})
	}
	return c.read(p, e.typ, &path{root: rootHeaders, name: n.Value})
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
	help := suggest(name, known)
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

func suggest(name string, known []string) string {
	if near, ok := shape.Nearest(name, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
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

// meta is a property of the message.
func (fr *Frame) meta(name string) doc.Value {
	if fr.X == nil || fr.X.Msg == nil {
		return doc.Value{}
	}
	m := fr.X.Msg
	switch name {
	case "id":
		return doc.StringValue(m.ID)
	case "key":
		return doc.StringValue(m.Key)
	case "correlation":
		return doc.StringValue(m.Correlation)
	}
	return doc.StringValue(m.Time.UTC().Format(time.RFC3339Nano))
}

// headers is all headers as an object, sorted.
func (fr *Frame) headers() doc.Value {
	if fr.X == nil || fr.X.Msg == nil {
		return doc.ObjectOf(nil)
	}
	h := fr.X.Msg.Headers
	fields := make([]doc.Field, 0, len(h))
	for name, v := range h {
		fields = append(fields, doc.Field{Name: name, Value: doc.StringValue(v)})
	}
	slices.SortFunc(fields, func(a, b doc.Field) int { return compareText(a.Name, b.Name) })
	return doc.ObjectOf(fields)
}

// header is one header; Missing when absent.
func (fr *Frame) header(name string) doc.Value {
	if fr.X == nil || fr.X.Msg == nil {
		return doc.Value{}
	}
	if v, ok := fr.X.Msg.Headers[name]; ok {
		return doc.StringValue(v)
	}
	return doc.Value{}
}
