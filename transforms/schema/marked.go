package schema

import (
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The keywords that mark a value, and all below it: a secret (a card's token, a
// password), and what tells of a person. Both are kept out of logs, errors and history.
const (
	xSecret = "x-secret"
	xPII    = "x-pii"
)

// Marked are the places of a document that the schema marks.
func (s *Schema) Marked() []hub.MarkedPath { return s.marked }

// marker finds the marked places of a compiled schema.
type marker struct {
	folder *folder
	visits map[*jsonschema.Schema]int
	found  []hub.MarkedPath
}

// maxVisits bounds the paths to one schema, such as one that refers to itself.
// What is below it is marked then wherever its own name stands.
const maxVisits = 8

// visit looks at s, which describes the value at path.
func (m *marker) visit(s *jsonschema.Schema, path []string) {
	if s == nil || s.Bool != nil {
		return
	}
	_, _, at := m.folder.at(s.Location)
	secret, personal := at.Get(xSecret).Bool(), at.Get(xPII).Bool()
	if (secret || personal) && len(path) > 0 && strings.Trim(strings.Join(path, ""), "*") != "" {
		m.found = append(m.found, hub.MarkedPath{Path: slices.Clone(path), Secret: secret})
	}
	if m.visits[s]++; m.visits[s] == maxVisits {
		path = nil
	} else if m.visits[s] > maxVisits {
		return
	}
	for name, part := range s.Properties {
		m.visit(part, append(path[:len(path):len(path)], name))
	}
	below := append(path[:len(path):len(path)], "*")
	for _, part := range s.PatternProperties {
		m.visit(part, below)
	}
	for _, part := range slices.Concat([]*jsonschema.Schema{schemaIn(s.AdditionalProperties), s.UnevaluatedProperties, s.Items2020, s.UnevaluatedItems,
		s.Contains, schemaIn(s.Items), schemaIn(s.AdditionalItems)}, s.PrefixItems, schemasIn(s.Items)) {
		m.visit(part, below)
	}
	for _, part := range slices.Concat([]*jsonschema.Schema{s.Ref, s.RecursiveRef, refOf(s.DynamicRef), s.If, s.Then, s.Else}, s.AllOf, s.AnyOf, s.OneOf) {
		m.visit(part, path)
	}
	for _, part := range s.DependentSchemas {
		m.visit(part, path)
	}
}

func schemaIn(x any) *jsonschema.Schema {
	s, _ := x.(*jsonschema.Schema)
	return s
}

func schemasIn(x any) []*jsonschema.Schema {
	list, _ := x.([]*jsonschema.Schema)
	return list
}

// unmarked finds marks that would mark nothing: every value but true and false.
func (f *folder) unmarked() Errors {
	var found Errors
	for _, file := range f.files {
		walk(file.root, nil, func(schema doc.Value, tokens []string) {
			for _, name := range []string{xSecret, xPII} {
				if v := schema.Get(name); v.Kind() != doc.Missing && v.Kind() != doc.Bool {
					e := f.errorAt(file, slices.Concat(tokens, []string{name}), name+" must be true or false")
					e.Help = "write \"" + name + "\": true"
					found = append(found, e)
				}
			}
		})
	}
	return found.sorted()
}
