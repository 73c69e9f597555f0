package httpclient

import (
	"encoding/json"
	"slices"
	"strings"
)

// description is what an OpenAPI file says of an operation beside its place and its params.
type description struct {
	spec    *spec
	replies map[string]any // schemas of its answers by status
	body    bool           // it takes one
	media   string         // content type of the body, where it is no JSON; "": it is
	server  string         // its own; "": that of all

	unwritten string     // what its body wants that the format of it does not do; "": nothing
	security  [][]scheme // alternatives, each with the schemes that it needs all of
}

// scheme is a way to prove who asks.
type scheme struct{ name, kind, how, in, param string }

// login names the logins that the operation wants, if the configuration has none of them and the headers of the call are none.
func (d *description) login(c *Config, headers []string) string {
	var wanted []string
	for _, alternative := range d.security {
		lacking := slices.DeleteFunc(slices.Clone(alternative), func(s scheme) bool { return s.given(c, headers) })
		if len(lacking) == 0 {
			return ""
		}
		for _, s := range lacking {
			wanted = append(wanted, s.name)
		}
	}
	return strings.Join(wanted, " or ")
}

// given tells that each call has the scheme.
func (s *scheme) given(c *Config, headers []string) bool {
	sends := func(header string) bool {
		return c.sends(header) || slices.ContainsFunc(headers, func(h string) bool { return strings.EqualFold(h, header) })
	}
	switch {
	case s.kind == "mutualTLS":
		return c.TLS.Cert != ""
	case s.kind != "apiKey":
		return sends("authorization")
	case s.in == "header":
		return sends(s.param)
	case c.APIKey.Value != "" && c.APIKey.In == s.in && c.APIKey.Name == s.param:
		return true
	case s.in == "query":
		return c.Query[s.param] != ""
	}
	return sends("cookie")
}

// reply is the JSON Schema of the answer with a status, with the file's components beside it; nil: the file says nothing of it.
func (d *description) reply(status string) []byte {
	if d == nil || d.replies[status] == nil {
		return nil
	}
	whole := map[string]any{"allOf": []any{jsonSchema(d.replies[status])}, "components": map[string]any{"schemas": jsonSchemas(object(d.spec.root["components"])["schemas"])}}
	if files := d.spec.root[elsewhere]; files != nil {
		whole[elsewhere] = jsonSchemas(files)
	}
	src, err := json.Marshal(whole)
	if err != nil { // of values that were decoded
		panic(err)
	}
	return src
}

// ofOpenAPI are words of a schema that JSON Schema does not have, or has another meaning for; jsonSchema translates what restricts.
var ofOpenAPI = []string{"nullable", "discriminator", "xml", "externalDocs", "example"}

// named are words of a schema whose maps have names as keys, not words.
var named = []string{"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "schemas", "parameters", "responses", "requestBodies", "headers"}

// ofData are words whose values are data.
var ofData = []string{"enum", "const", "default", "example", "examples"}

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
				out[word] = jsonSchemas(part)
			case slices.Contains(ofData, word):
				out[word] = part
			default:
				out[word] = jsonSchema(part)
			}
		}
		return translate(v, out)
	}
	return v
}

// jsonSchemas are schemas by their names.
func jsonSchemas(v any) map[string]any {
	out := map[string]any{}
	for name, s := range object(v) {
		out[name] = jsonSchema(s)
	}
	return out
}

// translate turns the words of OpenAPI 3.0: nullable, and exclusive limits that are flags; and what is for requests alone.
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
	if required, is := to["required"].([]any); is { // what is only written is not in an answer
		to["required"] = slices.DeleteFunc(slices.Clone(required), func(name any) bool {
			text, _ := name.(string)
			return object(object(from["properties"])[text])["writeOnly"] == true
		})
	}
	if from["nullable"] == true {
		return map[string]any{"anyOf": []any{to, map[string]any{"type": "null"}}}
	}
	return to
}
