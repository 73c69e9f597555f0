package mapping

import (
	"cmp"
	"slices"
	"strings"

	"orderhub/transforms/shape"
)

// assign checks that the value of a leaf, of type from, can stand at the place.
func (c *compiler) assign(t *Tree, from *shape.Type, p place) {
	for _, m := range shape.Assignable(from, p.target) {
		message := p.called() + ": " + m.Message
		if rest, ok := strings.CutPrefix(m.Message, "it "); ok && m.Path == "" {
			message = p.called() + " " + rest
		}
		c.found = append(c.found, &Error{Pos: t.Pos, Length: len(t.Formula), Message: message, Help: m.Help})
	}
}

// wantKind checks that an object or a list can stand at the place.
func (c *compiler) wantKind(pos any, kind shape.Kind, p place) {
	if !p.target.IsAny() && !p.target.Is(kind) {
		given := &shape.Type{Kind: kind}
		c.fault(pos, "", p.called()+" must be "+p.target.Describe()+", not "+given.Describe())
	}
}

// checkNames checks the names of an object's fields against its target, and returns the target of each field.
func (c *compiler) checkNames(t *Tree, p place) []*shape.Type {
	wanted := make([]*shape.Type, len(t.Fields))
	if !p.target.Is(shape.Object) {
		return wanted
	}
	var meant []string // names that were misspelled
	given := make(map[string]bool, len(t.Fields))
	for _, f := range t.Fields {
		given[f.Name] = true
	}
	for i, f := range t.Fields {
		typ, ok := p.target.Accepts(f.Name)
		if ok {
			wanted[i] = typ
			continue
		}
		help := ""
		missing := slices.DeleteFunc(p.target.Names(), func(name string) bool { return given[name] })
		if near, ok := shape.Nearest(f.Name, missing); ok {
			meant = append(meant, near)
			help = shape.DidYouMean(f.Name, missing)
		} else if names := p.target.Names(); len(names) > 0 {
			help = "it has " + list(names)
		}
		c.fault(f.NamePos, help, c.owner(p)+" has no field "+f.Name)
	}
	for _, f := range p.target.Fields {
		if f.Required && !given[f.Name] && !slices.Contains(meant, f.Name) {
			c.fault(t.Pos, "", p.field(f.Name, nil).path+" is missing; "+c.owner(p)+" requires it")
		}
	}
	return wanted
}

// owner names the object that fields belong to.
func (c *compiler) owner(p place) string { return cmp.Or(p.target.Name, p.called()) }

// list names fields for a message, 8 at most.
func list(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}
