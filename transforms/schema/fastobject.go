package schema

import (
	"maps"
	"slices"

	"orderhub/hub/doc"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// objectCheck is what a schema wants of objects.
type objectCheck struct {
	props    []property
	names    names // of props
	required int   // how many of props are
	least    int
	most     int      // -1: no limit
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
	o := &objectCheck{most: -1}
	all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(s.Properties)), s.Required))))
	o.names = newNames(all)
	for _, name := range all {
		p := property{required: slices.Contains(s.Required, name)}
		if p.required {
			o.required++
		}
		if part := s.Properties[name]; part != nil {
			p.check = f.child(c, part)
		}
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
	if s.MinProperties != nil {
		o.least = *s.MinProperties
	}
	if s.MaxProperties != nil {
		o.most = *s.MaxProperties
	}
	for name, others := range s.DependentRequired {
		o.together = append(o.together, together{name, others})
	}
	if len(o.props) == 0 && o.extra == nil && o.least == 0 && o.most < 0 && o.together == nil {
		return nil
	}
	return o
}

func (o *objectCheck) ok(v doc.Value) bool {
	if o.least > 0 || o.most >= 0 {
		if n := v.Len(); n < o.least || o.most >= 0 && n > o.most {
			return false
		}
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
	for _, name := range names {
		if v.Get(name).Kind() == doc.Missing {
			return false
		}
	}
	return true
}
