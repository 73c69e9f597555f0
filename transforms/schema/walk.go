package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderhub/hub/doc"
	"orderhub/hub/mask"
	"orderhub/transforms/shape"
)

// Where a schema holds other schemas.
var (
	oneSchema = strings.Fields("additionalProperties unevaluatedProperties additionalItems unevaluatedItems items contains " +
		"propertyNames not if then else contentSchema")
	allSchemas = strings.Fields("allOf anyOf oneOf prefixItems items")
	namedOnes  = strings.Fields("properties patternProperties $defs definitions dependentSchemas dependencies")
	// keywords are the others that we know, of all drafts and of OpenAPI.
	keywords = strings.Fields("$schema $id id $ref $anchor $dynamicRef $dynamicAnchor $recursiveRef $recursiveAnchor $vocabulary $comment " +
		"type enum const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems maxContains minContains " +
		"maxProperties minProperties required dependentRequired format contentEncoding contentMediaType title description default deprecated " +
		"readOnly writeOnly examples example nullable discriminator xml externalDocs")
)

// walk visits all schemas of a file that are objects.
func walk(v doc.Value, tokens []string, visit func(schema doc.Value, tokens []string)) {
	if v.Kind() != doc.Object {
		return
	}
	visit(v, tokens)
	under := func(more ...string) []string { return slices.Concat(tokens, more) }
	for _, name := range oneSchema {
		walk(v.Get(name), under(name), visit)
	}
	for _, name := range allSchemas {
		for i, part := range v.Get(name).Elems() {
			walk(part, under(name, strconv.Itoa(i)), visit)
		}
	}
	for _, name := range namedOnes {
		for key, part := range v.Get(name).Fields() {
			walk(part, under(name, key), visit)
		}
	}
}

// doubtful finds what the library ignores: keywords that are none, but nearly, so that "requierd" would require nothing, and
// marks that would mark nothing.
func (f *folder) doubtful() Errors {
	known := slices.Concat(oneSchema, allSchemas, namedOnes, keywords)
	var found Errors
	for _, file := range f.files {
		walk(file.root, nil, func(schema doc.Value, tokens []string) {
			for name, v := range schema.Fields() {
				if message, help := doubt(name, v, known); message != "" {
					e := f.errorAt(file, slices.Concat(tokens, []string{name}), message)
					e.Help = help
					found = append(found, e)
				}
			}
		})
	}
	return found.sorted()
}

// doubt is what is wrong with a keyword and its value; "" for nothing.
func doubt(name string, v doc.Value, known []string) (message, help string) {
	switch {
	case name == xSecret || name == xPII:
		if v.Kind() != doc.Bool {
			return name + " must be true or false", "write \"" + name + "\": true"
		}
	case len(name) >= 5 && !strings.HasPrefix(name, "x-") && !slices.Contains(known, name):
		if near := shape.DidYouMean(name, known); near != "" {
			return fmt.Sprintf("unknown keyword %q", name), near + " (a keyword of your own starts with x-)"
		}
	}
	return "", ""
}

// ref is a $ref of a file, resolved.
type ref struct {
	file   *file
	tokens []string
	url    string
}

func (f *folder) refs() []ref {
	var all []ref
	for link, file := range f.files {
		base := within(mustParse(link), file.root.Get("$id").Str())
		walk(file.root, nil, func(schema doc.Value, tokens []string) {
			for _, name := range []string{"$ref", "$dynamicRef"} {
				target := schema.Get(name).Str()
				if target == "" {
					continue
				}
				full := within(base, target)
				for _, url := range []string{full.String(), strings.TrimSuffix(full.String(), "#"+full.EscapedFragment())} {
					all = append(all, ref{file, slices.Concat(tokens, []string{name}), url})
				}
			}
		})
	}
	slices.SortStableFunc(all, func(a, b ref) int {
		return strings.Compare(a.file.path+doc.Pointer(a.tokens...), b.file.path+doc.Pointer(b.tokens...))
	})
	return all
}

// The keywords that mark a value, and all below it: a secret (a card's token, a
// password), and what tells of a person. Both are kept out of logs, errors and history.
const (
	xSecret = "x-secret"
	xPII    = "x-pii"
)

// Marked are the places of a document that the schema marks.
func (s *Schema) Marked() []mask.Path { return s.marked }

// marker finds the marked places of a compiled schema.
type marker struct {
	folder *folder
	visits map[*jsonschema.Schema]int
	found  []mask.Path
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
		m.found = append(m.found, mask.Path{Path: slices.Clone(path), Secret: secret})
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
	for _, part := range inPlace(s) {
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
