package scenario

import (
	"maps"
	"slices"
)

// example is the body of a reply: the example of the file, else one made from its schema.
func (p *partner) example(content map[string]any) any {
	if v, ok := content["example"]; ok {
		return v
	}
	all := object(content["examples"])
	for _, name := range slices.Sorted(maps.Keys(all)) {
		return p.behind(all[name])["value"]
	}
	if s, ok := content["schema"]; ok {
		return p.sample(s, 0)
	}
	return nil
}

// deepest bounds the samples of schemas that name themselves.
const deepest = 8

// sample is a value that fits the schema s.
func (p *partner) sample(s any, depth int) any {
	m := p.behind(s)
	for _, key := range []string{"example", "default", "const"} {
		if v, ok := m[key]; ok {
			return v
		}
	}
	for _, key := range []string{"examples", "enum"} {
		if list, _ := m[key].([]any); len(list) > 0 {
			return list[0]
		}
	}
	if depth > deepest {
		return nil
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if list, _ := m[key].([]any); len(list) > 0 {
			return p.sample(list[0], depth+1)
		}
	}
	out := map[string]any{}
	parts, _ := m["allOf"].([]any)
	for _, part := range parts {
		maps.Copy(out, object(p.sample(part, depth+1)))
	}
	for name, field := range object(m["properties"]) {
		out[name] = p.sample(field, depth+1)
	}
	if len(out) > 0 || len(parts) > 0 {
		return out
	}
	return p.scalar(m, depth)
}

func (p *partner) scalar(m map[string]any, depth int) any {
	kind := m["type"]
	if list, ok := kind.([]any); ok && len(list) > 0 {
		kind = list[0]
	}
	switch kind {
	case "object":
		return map[string]any{}
	case "array":
		return []any{p.sample(m["items"], depth+1)}
	case "integer", "number":
		for _, key := range []string{"minimum", "maximum"} {
			if v, ok := m[key]; ok {
				return v
			}
		}
		return 1
	case "boolean":
		return true
	case "string":
		switch m["format"] {
		case "date-time":
			return "2026-01-01T00:00:00Z"
		case "date":
			return "2026-01-01"
		case "uuid":
			return "00000000-0000-4000-8000-000000000001"
		case "uri":
			return "https://example.com/"
		case "email":
			return "someone@example.com"
		}
		return "text"
	}
	return nil
}
