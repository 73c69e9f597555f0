package httpclient

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// description is what an OpenAPI file says of an operation beside its place and its query.
type description struct {
	spec    *spec
	replies map[string]any // schemas of its answers by status
	headers []string       // headers and cookies that every request must have
	form    string         // media type of the body, where it is no JSON; "": it is
}

// reply is the JSON Schema of the answer with a status, with the file's components beside it; nil: the file says nothing of it.
func (d *description) reply(status string) []byte {
	if d == nil || d.replies[status] == nil {
		return nil
	}
	components, _ := d.spec.root["components"].(map[string]any)
	named := map[string]any{}
	for name, s := range object(components["schemas"]) {
		named[name] = jsonSchema(s)
	}
	src, err := json.Marshal(map[string]any{"allOf": []any{jsonSchema(d.replies[status])}, "components": map[string]any{"schemas": named}})
	if err != nil { // of values that were decoded
		panic(err)
	}
	return src
}

// jsonContent is the JSON media type of a body; nil: it has none.
func jsonContent(content any) map[string]any {
	all := object(content)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if kind, _, _ := strings.Cut(name, ";"); isJSON(kind) {
			return object(all[name])
		}
	}
	return nil
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// ofOpenAPI are words of a schema that JSON Schema does not have, or has another meaning for; jsonSchema translates what restricts.
var ofOpenAPI = []string{"nullable", "discriminator", "xml", "externalDocs", "example"}

// named are words of a schema whose maps have names as keys, not words.
var named = []string{"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}

// jsonSchema is a schema of OpenAPI 3.0 or 3.1 as JSON Schema has it.
func jsonSchema(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, part := range v {
			out[i] = jsonSchema(part)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for word, part := range v {
			switch {
			case slices.Contains(ofOpenAPI, word):
			case slices.Contains(named, word):
				parts := map[string]any{}
				for name, s := range object(part) {
					parts[name] = jsonSchema(s)
				}
				out[word] = parts
			case word == "enum" || word == "const" || word == "default" || word == "examples":
				out[word] = part
			default:
				out[word] = jsonSchema(part)
			}
		}
		return translate(v, out)
	}
	return v
}

// translate turns the words of OpenAPI 3.0: nullable, and exclusive limits that are flags.
func translate(from, to map[string]any) map[string]any {
	for exclusive, limit := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		if flag, is := from[exclusive].(bool); is {
			delete(to, exclusive)
			if flag {
				to[exclusive] = from[limit]
				delete(to, limit)
			}
		}
	}
	if from["nullable"] == true {
		return map[string]any{"anyOf": []any{to, map[string]any{"type": "null"}}}
	}
	return to
}
