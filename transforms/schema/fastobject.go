package schema

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderhub/hub/doc"
)

// objectCheck is what a schema wants of objects.
type objectCheck struct {
	props    []property
	names    names // of props
	required int   // how many of props are
	size     sizes
	extra    *checker // undeclared fields; nil: all are valid
	together []together
}

type property struct {
	check    *checker // nil: always valid
	required bool
}

// together is dependentRequired: with the first field the others must be there.
type together struct {
	name   string
	others []string
}

func (f *fastCompiler) object(c *checker, s *jsonschema.Schema) *objectCheck {
	o := &objectCheck{size: sizesOf(s.MinProperties, s.MaxProperties)}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(s.Properties)), s.Required))))
	o.names = newNames(all)
	for _, name := range all {
		p := property{required: slices.Contains(s.Required, name)}
		if p.required {
			o.required++
		}
		p.check = f.child(c, s.Properties[name])
		o.props = append(o.props, p)
	}
	switch extra := s.AdditionalProperties.(type) {
	case bool:
		if !extra {
			o.extra = &checker{exact: true}
		}
	case *jsonschema.Schema:
		o.extra = f.child(c, extra)
	}
	if o.extra != nil { // a field that is only required is not declared
		for i := range o.props {
			if _, ok := s.Properties[all[i]]; !ok {
				o.props[i].check = o.extra
			}
		}
	}
	for name, others := range s.DependentRequired {
		o.together = append(o.together, together{name, others})
	}
	if len(o.props) == 0 && o.extra == nil && o.size == anySize && o.together == nil {
		return nil
	}
	return o
}

func (o *objectCheck) ok(v doc.Value) bool {
	if o.size != anySize && !o.size.ok(v.Len()) {
		return false
	}
	required := o.required
	for name, f := range v.Fields() {
		check := o.extra
		if i := o.names.find(name); i >= 0 {
			p := &o.props[i]
			check = p.check
			if p.required {
				required--
			}
		}
		if check != nil && !check.ok(f) {
			return false
		}
	}
	if required > 0 {
		return false
	}
	for _, t := range o.together {
		if v.Get(t.name).Kind() != doc.Missing && !hasAll(v, t.others) {
			return false
		}
	}
	return true
}

func hasAll(v doc.Value, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return v.Get(name).Kind() == doc.Missing })
}

// names finds the place of a field's name. Most sets of names have a perfect hash of their length and three of their bytes; the others use a
// map.
type names struct {
	slots    []slot
	multiply uint32
	index    map[string]int // instead of slots
}

// slot is the place of one name; -1: of none.
type slot struct {
	name  string
	place int
}

func newNames(all []string) names {
	for size := 8; size <= 1024 && len(all) > 0; size *= 2 {
		for multiply := uint32(3); size >= len(all) && multiply < 200; multiply += 2 {
			if slots := perfect(all, size, multiply); slots != nil {
				return names{slots: slots, multiply: multiply}
			}
		}
	}
	n := names{index: make(map[string]int, len(all))}
	for i, name := range all {
		n.index[name] = i
	}
	return n
}

// perfect returns the slots if each name has one for itself.
func perfect(all []string, size int, multiply uint32) []slot {
	slots := slices.Repeat([]slot{{place: -1}}, size)
	for i, name := range all {
		s := &slots[hash(name, multiply)&uint32(size-1)]
		if s.place >= 0 {
			return nil
		}
		*s = slot{name, i}
	}
	return slots
}

func hash(name string, multiply uint32) uint32 {
	n := len(name)
	if n == 0 {
		return 0
	}
	h := (uint32(n)*multiply+uint32(name[0]))*multiply + uint32(name[n-1])
	h = h*multiply + uint32(name[n>>1])
	return h ^ h>>7
}

// find returns the place of a name, -1 if it is none of them.
func (n *names) find(name string) int {
	if len(n.slots) == 0 {
		if i, ok := n.index[name]; ok {
			return i
		}
	} else if s := &n.slots[hash(name, n.multiply)&uint32(len(n.slots)-1)]; s.name == name {
		return s.place
	}
	return -1
}
