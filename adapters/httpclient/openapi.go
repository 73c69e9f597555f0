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
