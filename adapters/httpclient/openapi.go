package httpclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
	"orderhub/hub"
)

const maxSpec = 16 << 20 // bytes of an OpenAPI file

// readSpec reads the operations of an OpenAPI 3 file (YAML or JSON), by their
// operationId. Those without one are left out: `ops` can name them.
func readSpec(env *hub.Env, path string) (map[string]*op, error) {
	src, err := env.ReadFile(path)
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, e.Err
	}
	if len(src) > maxSpec {
		return nil, fmt.Errorf("it is larger than %d MB", maxSpec>>20)
	}
	root, err := decode(src)
	if err != nil {
		return nil, err
	}
	s := &spec{root: root}
	version, _ := s.root["openapi"].(string)
	switch {
	case s.root["swagger"] != nil:
		return nil, errors.New("it is Swagger 2: convert it to OpenAPI 3")
	case !strings.HasPrefix(version, "3."):
		return nil, errors.New("it is no OpenAPI 3 file: openapi: 3.… is missing at its top")
	}
	return s.operations()
}

// decode gives a tree of map[string]any, []any and scalars.
func decode(src []byte) (map[string]any, error) {
	var v any
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")) { // JSON: yaml.v3 takes no tabs
		err = json.Unmarshal(src, &v)
	} else if err = yaml.Unmarshal(src, &v); err == nil {
		v = textKeys(v)
	}
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it is no map")
	}
	return m, nil
}

// textKeys makes the keys of all maps texts: the status 200 is a number in YAML.
func textKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, part := range v {
			v[k] = textKeys(part)
		}
		return v
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, part := range v {
			out[fmt.Sprint(k)] = textKeys(part)
		}
		return out
	case []any:
		for i, part := range v {
			v[i] = textKeys(part)
		}
	}
	return v
}

// spec is an OpenAPI file.
type spec struct{ root map[string]any }

func (s *spec) operations() (map[string]*op, error) {
	ops := map[string]*op{}
	paths, _ := s.root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, err := s.object(paths[path])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, method := range methods {
			v, err := s.object(item[strings.ToLower(method)])
			id, _ := v["operationId"].(string)
			if err == nil && id == "" {
				continue
			}
			var o *op
			if err == nil {
				o, err = s.operation(id, method+" "+path, item, v)
			}
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			if old := ops[id]; old != nil {
				return nil, fmt.Errorf("%s %s: the operationId %q is that of %s %s already", method, path, id, old.method, old.path)
			}
			ops[id] = o
		}
	}
	if len(ops) == 0 {
		return nil, errors.New("it has no operation with an operationId")
	}
	return ops, nil
}

func (s *spec) operation(id, line string, item, v map[string]any) (*op, error) {
	o, err := lineOp(id, line)
	if err != nil {
		return nil, err
	}
	o.described = &description{spec: s, replies: map[string]any{}}
	for _, list := range []any{item["parameters"], v["parameters"]} {
		all, _ := list.([]any)
		for _, p := range all {
			if err := s.parameter(o, p); err != nil {
				return nil, err
			}
		}
	}
	body, err := s.object(v["requestBody"])
	if err != nil {
		return nil, fmt.Errorf("requestBody: %w", err)
	}
	if content := object(body["content"]); len(content) > 0 && jsonContent(content) == nil {
		o.described.form = slices.Sorted(maps.Keys(content))[0]
	}
	responses, _ := v["responses"].(map[string]any)
	var good []any
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		if strings.HasPrefix(status, "2") {
			good = append(good, strings.ToLower(status))
			answer, err := s.object(responses[status])
			if err != nil {
				return nil, fmt.Errorf("responses: %s: %w", status, err)
			}
			if schema := jsonContent(answer["content"])["schema"]; schema != nil {
				o.described.replies[strings.ToLower(status)] = schema
			}
		}
	}
	if len(good) > 0 {
		o.expect, err = parseExpect(good)
	}
	return o, err
}

// parameter adds one of the query; those of the operation itself come last, and win. Paths name their own, headers are the configuration's: those that
// every request must have are noted.
func (s *spec) parameter(o *op, v any) error {
	p, err := s.object(v)
	if err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	name, _ := p["name"].(string)
	required, _ := p["required"].(bool)
	switch in, _ := p["in"].(string); {
	case name == "":
		return nil
	case (in == "header" || in == "cookie") && required:
		o.described.headers = append(o.described.headers, name)
		return nil
	case in != "query":
		return nil
	}
	o.fields = slices.DeleteFunc(o.fields, func(f field) bool { return f.name == name })
	o.fields = append(o.fields, field{name, required})
	return nil
}

// object is v as an object, behind its $ref; nil when there is none.
func (s *spec) object(v any) (map[string]any, error) {
	for range 10 {
		m, _ := v.(map[string]any)
		ref, ok := m["$ref"].(string)
		if !ok {
			return m, nil
		}
		path, inside := strings.CutPrefix(ref, "#/")
		if !inside {
			return nil, fmt.Errorf("$ref %s: only references inside the file are read", ref)
		}
		v = s.root
		for name := range strings.SplitSeq(path, "/") {
			parent, _ := v.(map[string]any)
			v = parent[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
		}
		if v == nil {
			return nil, fmt.Errorf("$ref %s leads nowhere", ref)
		}
	}
	return nil, errors.New("$refs that lead to each other")
}

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
