package mapping

import (
	"cmp"

	"orderhub/hub/doc"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Compile checks and compiles a mapping. target is the type of the document to make, nil if nothing is known of it. Either the Mapping or all
// faults that could be found are returned. What only a message can tell (a field that may be missing) is left to the schema at run time.
func Compile(t *Tree, s *formula.Scope, target *shape.Type) (*Mapping, []*Error) {
	c := compiler{}
	root, typ := c.part(t, place{scope: s, target: target})
	if len(c.found) > 0 {
		return nil, c.found
	}
	return newMapping(root, typ), nil
}

type compiler struct{ found []*Error }

func (c *compiler) fault(pos any, help, message string) {
	c.found = append(c.found, &Error{Pos: pos, Message: message, Help: help})
}

// place is where a part stands: what it may use and what it should be.
type place struct {
	scope  *formula.Scope
	target *shape.Type
	path   string // for messages: items[].price
	it     int    // slot of the enclosing $each's element
	inside bool   // an $each
}

func (p place) field(name string, target *shape.Type) place {
	p.target = target
	if p.path != "" {
		name = p.path + "." + name
	}
	p.path = name
	return p
}

func (p place) element(target *shape.Type) place {
	p.target = target
	p.path += "[]"
	return p
}

// called names the part for messages.
func (p place) called() string { return cmp.Or(p.path, "the document") }

// part compiles a tree. The type may be nil after a fault.
func (c *compiler) part(t *Tree, p place) (part, *shape.Type) {
	made, typ := c.value(t, p)
	if t.When == "" || t.Kind == Each {
		return made, typ
	}
	w := c.when(t, p.scope)
	w.then = made
	return w, shape.OrNull(typ)
}

// when compiles the condition of a tree, for a part that the caller adds.
func (c *compiler) when(t *Tree, s *formula.Scope) *when {
	f, errs := formula.CompileBool(t.When, s)
	c.compiled(t.WhenPos, errs)
	return &when{pos: t.WhenPos, test: f}
}

func (c *compiler) value(t *Tree, p place) (part, *shape.Type) {
	switch t.Kind {
	case Object:
		if t.Value != nil {
			return c.only(t, p)
		}
		return c.object(t, p)
	case Array:
		return c.array(t, p)
	case Each:
		return c.each(t, p)
	case Formula:
		f, errs := formula.Compile(t.Formula, p.scope)
		if !c.compiled(t.Pos, errs) {
			return nil, shape.AnyType
		}
		c.assign(t, f.Type(), p)
		if v, ok := f.Const(); ok {
			return &literal{v: rendered(v)}, f.Type()
		}
		return &leaf{pos: t.Pos, f: f}, f.Type()
	}
	typ := shape.OfValue(t.Literal)
	if t.Literal.Kind() == doc.String {
		typ = shape.EnumOf(t.Literal.Str())
	}
	c.assign(t, typ, p)
	return &literal{v: rendered(t.Literal)}, typ
}

// rendered is a value as a node, which is copied as bytes.
func rendered(v doc.Value) doc.Value {
	if v.Kind() == doc.Missing {
		return v
	}
	var b doc.Builder
	b.Value(v)
	return b.Done()
}

// compiled takes over the faults of a formula; true: there are none.
func (c *compiler) compiled(pos any, errs []*formula.Error) bool {
	for _, e := range errs {
		c.found = append(c.found, &Error{Pos: pos, Offset: e.Offset, Length: e.Length, Message: e.Message, Help: e.Help})
	}
	return len(errs) == 0
}

func (c *compiler) object(t *Tree, p place) (part, *shape.Type) {
	c.wantKind(t.Pos, shape.Object, p)
	return c.fields(t, p)
}

// only compiles $value, beside which no field can stand.
func (c *compiler) only(t *Tree, p place) (part, *shape.Type) {
	if len(t.Fields) > 0 {
		c.fault(t.Fields[0].NamePos, "leave one of them out", "beside "+KeyValue+" no other field can stand")
	}
	return c.part(t.Value, p)
}

// fields compiles the fields of an object, or of an entry of $each.
func (c *compiler) fields(t *Tree, p place) (part, *shape.Type) {
	made := &object{}
	typ := shape.ObjectType()
	wanted := c.checkNames(t, p)
	seen := make(map[string]bool, len(t.Fields))
	for i, f := range t.Fields {
		value, ft := c.part(f.Tree, p.field(f.Name, wanted[i]))
		name := doc.NewName(f.Name)
		if seen[name.String()] {
			c.fault(f.NamePos, "leave one of them out", "the field "+f.Name+" stands here twice")
		}
		seen[name.String()] = true
		made.fields = append(made.fields, field{name, value})
		typ.Fields = append(typ.Fields, shape.Field{Name: f.Name, Type: ft, Required: !ft.IsAny() && !ft.Nullable})
	}
	return made, typ
}

func (c *compiler) array(t *Tree, p place) (part, *shape.Type) {
	c.wantKind(t.Pos, shape.Array, p)
	made := &array{}
	var elem *shape.Type
	for i, item := range t.Items {
		value, it := c.part(item, p.element(elementOf(p.target)))
		made.items = append(made.items, value)
		if i == 0 {
			elem = it
		} else {
			elem = shape.Join(elem, it)
		}
	}
	return made, shape.ArrayOf(elem)
}

func (c *compiler) each(t *Tree, p place) (part, *shape.Type) {
	c.wantKind(t.Pos, shape.Array, p)
	list, errs := formula.Compile(t.Each, p.scope)
	from := shape.AnyType
	if c.compiled(t.EachPos, errs) {
		from = list.Type()
		if !from.IsAny() && !from.Is(shape.Array) {
			c.found = append(c.found, &Error{Pos: t.EachPos, Length: len(t.Each), Message: "$each needs a list; " + t.Each + " is " + from.Describe()})
		}
	}
	made := &each{pos: t.EachPos, list: list, outer: -1}
	inner := p.element(elementOf(p.target))
	if p.inside {
		outer, _ := p.scope.Type(NameIt)
		made.enclosing = p.it
		inner.scope, made.outer = inner.scope.WithLocal(NameOuter, outer)
	}
	inner.scope, made.it = inner.scope.WithLocal(NameIt, from.Element())
	inner.scope, made.index = inner.scope.WithLocal(NameIndex, shape.NumberType)
	inner.it, inner.inside = made.it, true
	var w *when
	if t.When != "" {
		w = c.when(t, inner.scope)
	}
	var elem *shape.Type
	if t.Value != nil {
		made.entry, elem = c.only(t, inner)
	} else {
		c.wantKind(t.Pos, shape.Object, inner)
		made.entry, elem = c.fields(t, inner)
	}
	if w != nil {
		w.then, made.entry = made.entry, w
	}
	typ := shape.ArrayOf(elem)
	typ.Nullable = from.Nullable
	return made, typ
}

func elementOf(t *shape.Type) *shape.Type {
	if t.Is(shape.Array) {
		return t.Element()
	}
	return shape.AnyType
}
