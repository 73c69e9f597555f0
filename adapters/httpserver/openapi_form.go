package httpserver

import (
	"maps"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// formLimits say in JSON Schema what the format form takes: names without brackets, which say that a field is a part of another
// one, and values that are texts as they stand, once or several times. (transforms/form has the most fields.)
var formLimits = object{"type": "object", "maxProperties": 1000, "propertyNames": object{"pattern": `^[^\[\]]+$`},
	"additionalProperties": object{"type": append(slices.Clone(formTypes), "array"), "items": object{"type": formTypes}, "minItems": 1}}

var formTypes = []string{"string", "number", "integer", "boolean"}

// formOf is the schema of a form whose document has the schema that typed refers to; nil: some field is always an object, and OpenAPI
// has no word on how a form says that. A form without fields is a request without a body: empty tells that the route takes it.
func formOf(d hub.Description, typed object, empty bool) object {
	if d.Schema != "" && !flat(d) {
		return nil
	}
	out := maps.Clone(formLimits)
	maps.Copy(out, typed)
	if !empty {
		out["minProperties"] = 1
	}
	return out
}

// flat tells that each field of a route's documents may be a text, a number, a truth value or a list of such.
func flat(d hub.Description) bool {
	root, _ := doc.Parse(d.Schemas[d.Schema]) // of JSON that is checked
	for _, field := range follow(d, root).Get("properties").Fields() {
		if field = follow(d, field); field.Get("items").Kind() == doc.Object {
			field = follow(d, field.Get("items"))
		}
		types := field.Get("type").Text() // one, or a list of them
		if types != "" && !slices.ContainsFunc(formTypes, func(t string) bool { return strings.Contains(types, t) }) {
			return false
		}
	}
	return true
}

// follow is the component that a schema refers to, or the schema itself.
func follow(d hub.Description, v doc.Value) doc.Value {
	for range 10 {
		name, ok := strings.CutPrefix(v.Get("$ref").Text(), "#/components/schemas/")
		if !ok {
			break
		}
		v, _ = doc.Parse(d.Schemas[name])
	}
	return v
}
