package shape

import (
	"slices"
	"strings"
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
func (t *Type) Without(names []string) *Type {
	out := t
	for _, name := range names {
		out = out.without(strings.Split(name, "."))
	}
	return out
}

func (t *Type) without(path []string) *Type {
	switch {
	case t.Is(Array):
		c := *t
		c.Elem = t.Element().without(path)
		return &c
	case !t.Is(Object):
		return orAny(t)
	}
	c := *t
	c.Fields = nil
	for _, f := range t.Fields {
		if f.Name == path[0] {
			if len(path) == 1 {
				continue
			}
			f.Type = orAny(f.Type).without(path[1:])
		}
		c.Fields = append(c.Fields, f)
	}
	return &c
}

// Pick is the closed type after all but the named fields were dropped. Names are those of Without.
func (t *Type) Pick(names []string) *Type {
	paths := make([][]string, len(names))
	for i, name := range names {
		paths[i] = strings.Split(name, ".")
	}
	return t.pick(paths)
}

func (t *Type) pick(paths [][]string) *Type {
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
		if rest, whole := under(paths, f.Name); whole {
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

// under is what follows name in the paths, and whether one of them ends there.
func under(paths [][]string, name string) (rest [][]string, whole bool) {
	for _, p := range paths {
		if p[0] != name {
			continue
		}
		if len(p) == 1 {
			return nil, true
		}
		rest = append(rest, p[1:])
	}
	return rest, false
}
