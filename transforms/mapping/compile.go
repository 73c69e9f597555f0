package mapping

import (
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Mapping is a compiled tree. It is immutable and safe for concurrent use.
type Mapping struct {
	root node
}

// Type is the shape of what Apply gives.
func (m *Mapping) Type() *shape.Type { return m.root.typ() }

type compiler struct{ errs []*Error }

// Compile checks every formula in scope s and the result against target (nil: any), and tells all faults.
func Compile(t *Tree, s *formula.Scope, target *shape.Type) (*Mapping, []*Error) {
	c := &compiler{}
	root := c.node(t, s)
	if len(c.errs) == 0 && target != nil && !target.IsAny() {
		c.check(t, root, target)
	}
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return &Mapping{root}, nil
}

func (c *compiler) node(t *Tree, s *formula.Scope) node {
	switch t.Kind {
	case Formula:
		return &leaf{pos: t.Pos, f: c.formula(t.Formula, t.Pos, s)}
	case Literal:
		return &literal{t.Literal}
	case Array:
		n := &array{}
		for _, item := range t.Items {
			n.items = append(n.items, c.node(item, s))
		}
		return n
	case Each:
		return c.each(t, s)
	}
	n := &object{when: c.when(t, s)}
	c.fields(n, t, s)
	return n
}

func (c *compiler) fields(n *object, t *Tree, s *formula.Scope) {
	for _, f := range t.Fields {
		n.names = append(n.names, f.Name)
		n.values = append(n.values, c.node(f.Tree, s))
	}
}

func (c *compiler) when(t *Tree, s *formula.Scope) *leaf {
	if t.When == "" {
		return nil
	}
	return &leaf{pos: t.WhenPos, f: c.formula(t.When, t.WhenPos, s)}
}

func (c *compiler) each(t *Tree, s *formula.Scope) node {
	n := &each{list: &leaf{pos: t.EachPos, f: c.formula(t.Each, t.EachPos, s)}}
	elem := shape.AnyType
	if n.list.f != nil {
		switch lt := n.list.f.Type(); {
		case lt.Kind == shape.Array && lt.Elem != nil:
			elem = lt.Elem
		case lt.Kind != shape.Array && !lt.IsAny():
			c.errs = append(c.errs, &Error{Pos: t.EachPos, Length: len(t.Each), Message: "$each needs a list, this is " + lt.Kind.String(), Help: "name a list: body.items"})
		}
	}
	inner := s
	if outer, ok := s.Type("it"); ok {
		inner, n.outer = inner.WithLocal("outer", outer)
		n.nested = true
	}
	inner, n.it = inner.WithLocal("it", elem)
	inner, n.index = inner.WithLocal("index", shape.NumberType)
	n.when = c.when(t, inner)
	if t.Value != nil {
		n.entry = c.node(t.Value, inner)
	} else {
		o := &object{}
		c.fields(o, t, inner)
		n.entry = o
	}
	if n.nested {
		n.outerFrom = c.formula("it", t.EachPos, s)
	}
	return n
}

func (c *compiler) formula(src string, pos any, s *formula.Scope) *formula.Formula {
	f, errs := formula.Compile(src, s)
	for _, e := range errs {
		c.errs = append(c.errs, &Error{Pos: pos, Offset: e.Offset, Length: e.Length, Message: e.Message, Help: e.Help})
	}
	return f
}

// check compares the tree with the target field by field, so that each fault stands where it is written.
func (c *compiler) check(t *Tree, n node, target *shape.Type) {
	o, ok := n.(*object)
	if !ok || target.Kind != shape.Object {
		if e, isEach := n.(*each); isEach && target.Kind == shape.Array && t.Value == nil {
			if inner, ok := e.entry.(*object); ok && target.Elem != nil {
				c.checkFields(t, inner, target.Elem)
			}
			return
		}
		for _, m := range shape.Assignable(n.typ(), target) {
			c.errs = append(c.errs, &Error{Pos: t.Pos, Message: place(m.Path) + m.Message, Help: m.Help})
		}
		return
	}
	c.checkFields(t, o, target)
}

func (c *compiler) checkFields(t *Tree, o *object, target *shape.Type) {
	if target.Kind != shape.Object {
		for _, m := range shape.Assignable(o.typ(), target) {
			c.errs = append(c.errs, &Error{Pos: t.Pos, Message: place(m.Path) + m.Message, Help: m.Help})
		}
		return
	}
	have := map[string]bool{}
	for i, f := range t.Fields {
		have[f.Name] = true
		ft, ok := target.Field(f.Name)
		if !ok {
			help := ""
			if near, found := shape.Nearest(f.Name, target.Names()); found {
				help = `did you mean "` + near + `"?`
			}
			c.errs = append(c.errs, &Error{Pos: f.NamePos, Message: target.String() + " has no field " + f.Name, Help: help})
			continue
		}
		c.check(f.Tree, o.values[i], ft)
	}
	for _, f := range target.Fields {
		if f.Required && !have[f.Name] {
			c.errs = append(c.errs, &Error{Pos: t.Pos, Message: target.String() + " needs the field " + f.Name, Help: "add " + f.Name + ": =…"})
		}
	}
}

func place(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}
