package schema

import (
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderhub/transforms/shape"
)

// shaper makes types of the library's compiled schemas.
type shaper struct {
	folder *folder
	busy   map[*jsonschema.Schema]bool // a schema inside itself is any value
	made   map[*jsonschema.Schema]*shape.Type
}

// typeOf is the type of the values that s allows.
func (sh *shaper) typeOf(s *jsonschema.Schema) *shape.Type {
	if t := sh.made[s]; t != nil {
		return t
	}
	k := newKnowledge()
	sh.learn(k, s, map[*jsonschema.Schema]bool{})
	sh.made[s] = k.shape()
	return sh.made[s]
}

// learn adds what s says of a value. seen are the schemas that were learned for this value.
func (sh *shaper) learn(k *knowledge, s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) {
	if seen[s] || sh.busy[s] || s.Bool != nil {
		return
	}
	seen[s] = true
	sh.busy[s] = true
	defer delete(sh.busy, s)
	k.allowTypes(s)
	k.allowValues(s)
	sh.fields(k, s)
	sh.elements(k, s)
	for _, part := range slices.Concat([]*jsonschema.Schema{s.Ref, s.RecursiveRef, refOf(s.DynamicRef)}, s.AllOf) {
		if part != nil {
			sh.learn(k, part, seen)
		}
	}
	sh.branches(k, s.AnyOf, seen)
	sh.branches(k, s.OneOf, seen)
	for _, part := range []*jsonschema.Schema{s.Then, s.Else} {
		if part != nil {
			sh.maybe(k, part, seen)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		sh.maybe(k, s.DependentSchemas[name], seen)
	}
}

func refOf(r *jsonschema.DynamicRef) *jsonschema.Schema {
	if r == nil {
		return nil
	}
	return r.Ref
}

// branches adds that one of the schemas holds.
func (sh *shaper) branches(k *knowledge, all []*jsonschema.Schema, seen map[*jsonschema.Schema]bool) {
	var joined *shape.Type
	open := undeclared
	for i, part := range all {
		branch := newKnowledge()
		sh.learn(branch, part, maps.Clone(seen))
		open = max(open, branch.open)
		if t := branch.shape(); i == 0 {
			joined = t
		} else {
			joined = shape.Join(joined, t)
		}
	}
	if !joined.IsAny() {
		k.merge(joined, open)
	}
}

// maybe adds the fields that a value has if a condition holds: they are optional.
func (sh *shaper) maybe(k *knowledge, s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) {
	branch := newKnowledge()
	sh.learn(branch, s, maps.Clone(seen))
	for _, f := range branch.fields {
		if i := k.field(f.Name); k.fields[i].Type.IsAny() {
			k.fields[i].Type = f.Type
		}
	}
	k.open = max(k.open, branch.open)
}

func (sh *shaper) fields(k *knowledge, s *jsonschema.Schema) {
	if len(s.Properties) > 0 {
		k.open = max(k.open, declared)
	}
	for _, name := range sh.order(s) {
		i := k.field(name)
		k.fields[i].Type = both(k.fields[i].Type, sh.typeOf(s.Properties[name]))
	}
	for _, name := range s.Required {
		k.fields[k.field(name)].Required = true
	}
	if len(s.PatternProperties) > 0 {
		k.open = max(k.open, opened)
	}
	switch extra := s.AdditionalProperties.(type) {
	case bool:
		if extra {
			k.open = max(k.open, opened)
		} else {
			k.open = max(k.open, declared)
		}
	case *jsonschema.Schema:
		if extra.Bool == nil || *extra.Bool {
			k.open = max(k.open, opened)
			k.extra = both(k.extra, sh.typeOf(extra))
		}
	}
	if len(s.PatternProperties) > 0 {
		k.extra = nil
	}
}

// order lists the properties as they stand in the file.
func (sh *shaper) order(s *jsonschema.Schema) []string {
	names := make([]string, 0, len(s.Properties))
	_, _, at := sh.folder.at(s.Location)
	for name := range at.Get("properties").Fields() {
		if s.Properties[name] != nil {
			names = append(names, name)
		}
	}
	if len(names) < len(s.Properties) { // of a schema that is in no file: of the library's own
		names = names[:0]
		for name := range s.Properties {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	return names
}

func (sh *shaper) elements(k *knowledge, s *jsonschema.Schema) {
	first, rest := itemsOf(s)
	if first == nil && rest == nil {
		return
	}
	elem := shape.AnyType
	if rest != nil && (rest.Bool == nil || *rest.Bool) {
		elem = sh.typeOf(rest)
	}
	for i, part := range first {
		t := sh.typeOf(part)
		if i == 0 && rest != nil && rest.Bool != nil && !*rest.Bool {
			elem = t // nothing behind the first ones
		}
		elem = shape.Join(elem, t)
	}
	k.elem = both(k.elem, elem)
	k.array = true
}

// itemsOf are the schemas of the first elements of an array, and that of all behind them, in every draft.
func itemsOf(s *jsonschema.Schema) (first []*jsonschema.Schema, rest *jsonschema.Schema) {
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		return s.PrefixItems, items
	case []*jsonschema.Schema:
		return items, s.Items2020
	}
	return s.PrefixItems, s.Items2020
}
