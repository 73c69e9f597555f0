package schema

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// Where a schema holds other schemas.
var (
	oneSchema  = strings.Fields("additionalProperties unevaluatedProperties additionalItems unevaluatedItems items contains propertyNames not if then else contentSchema")
	allSchemas = strings.Fields("allOf anyOf oneOf prefixItems items")
	namedOnes  = strings.Fields("properties patternProperties $defs definitions dependentSchemas dependencies")
	// keywords are the others that we know, of all drafts and of OpenAPI.
	keywords = strings.Fields("$schema $id id $ref $anchor $dynamicRef $dynamicAnchor $recursiveRef $recursiveAnchor $vocabulary $comment type enum const " +
		"multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems maxContains minContains " +
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

// misspelled finds keywords that are none, but nearly: the library ignores what it does not know, so "requierd" would require nothing.
func (f *folder) misspelled() Errors {
	known := slices.Concat(oneSchema, allSchemas, namedOnes, keywords)
	var found Errors
	for _, file := range f.files {
		walk(file.root, nil, func(schema doc.Value, tokens []string) {
			for name := range schema.Fields() {
				if len(name) < 5 || strings.HasPrefix(name, "x-") || slices.Contains(known, name) {
					continue
				}
				if near, ok := shape.Nearest(name, known); ok {
					e := f.errorAt(file, slices.Concat(tokens, []string{name}), fmt.Sprintf("unknown keyword %q", name))
					e.Help = fmt.Sprintf("did you mean %q? (a keyword of your own starts with x-)", near)
					found = append(found, e)
				}
			}
		})
	}
	return found.sorted()
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
		base, err := url.Parse(link)
		if err != nil {
			continue
		}
		if id, err := url.Parse(file.root.Get("$id").Str()); err == nil && file.root.Get("$id").Str() != "" {
			base = base.ResolveReference(id)
		}
		walk(file.root, nil, func(schema doc.Value, tokens []string) {
			for _, name := range []string{"$ref", "$dynamicRef"} {
				target, err := url.Parse(schema.Get(name).Str())
				if err != nil || schema.Get(name).Str() == "" {
					continue
				}
				full := base.ResolveReference(target)
				for _, url := range []string{full.String(), strings.TrimSuffix(full.String(), "#"+full.EscapedFragment())} {
					all = append(all, ref{file, slices.Concat(tokens, []string{name}), url})
				}
			}
		})
	}
	slices.SortStableFunc(all, func(a, b ref) int {
		return strings.Compare(a.file.path+pointer(a.tokens), b.file.path+pointer(b.tokens))
	})
	return all
}
