package shape

import (
	"slices"
	"strings"

	"orderhub/hub/doc"
)

// With is the type after the value at path was set to one of type ft: objects are made on the way. An empty path gives ft.
func (t *Type) With(path []string, ft *Type) *Type {
	if len(path) == 0 {
		return orAny(ft)
	}
	c := &Type{Kind: Object, Open: t.IsAny()}
	if t.Is(Object) {
		*c = *t
		c.Nullable = false
		c.Fields = slices.Clone(t.Fields)
	}
	if f := c.declared(path[0]); f != nil {
		*f = Field{Name: f.Name, Type: NotNull(f.Type).With(path[1:], ft), Required: true}
		return c
	}
	var old *Type
	if c.Open {
		old = c.Elem
		if old == nil {
			old = AnyType
		}
	} else if len(path) > 1 {
		old = ObjectType()
	}
	c.Fields = append(c.Fields, Field{Name: path[0], Type: old.With(path[1:], ft), Required: true})
	return c
}

// Without is the type after the named fields were dropped. A name is a field or a dotted path; a path that meets an array goes on in its
// elements.
func (t *Type) Without(names []string) *Type { return t.without(pathsOf(names)) }

func pathsOf(names []string) doc.Paths {
	paths := make(doc.Paths, len(names))
	for i, name := range names {
		paths[i] = strings.Split(name, ".")
	}
	return paths
}

func (t *Type) without(paths doc.Paths) *Type {
	switch {
	case t.Is(Array):
		c := *t
		c.Elem = t.Element().without(paths)
		return &c
	case !t.Is(Object):
		return orAny(t)
	}
	c := *t
	c.Fields = nil
	for _, f := range t.Fields {
		rest, ends := paths.Under(f.Name)
		if rest != nil {
			f.Type = orAny(f.Type).without(rest)
		}
		if !ends {
			c.Fields = append(c.Fields, f)
		}
	}
	return &c
}

// Pick is the closed type after all but the named fields were dropped. Names are those of Without.
func (t *Type) Pick(names []string) *Type { return t.pick(pathsOf(names)) }

func (t *Type) pick(paths doc.Paths) *Type {
	switch {
	case t.Is(Array):
		c := *t
		c.Elem = t.Element().pick(paths)
		return &c
	case !t.Is(Object):
		return orAny(t)
	}
	c := *t
	c.Fields, c.Open, c.Elem = nil, false, nil
	for _, f := range t.Fields {
		if rest, whole := paths.Under(f.Name); whole {
			c.Fields = append(c.Fields, f)
		} else if rest != nil {
			c.Fields = append(c.Fields, Field{Name: f.Name, Type: orAny(f.Type).pick(rest), Required: f.Required})
		}
	}
	if !t.Open {
		return &c
	}
	for _, p := range paths {
		if c.declared(p[0]) == nil {
			c.Fields = append(c.Fields, Field{Name: p[0], Type: t.Element()})
		}
	}
	return &c
}
