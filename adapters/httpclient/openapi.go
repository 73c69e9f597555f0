package httpclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// openAPI is what an OpenAPI 3 file says.
type openAPI struct {
	ops    map[string]*op // by operationId; those without one are left out: `ops` can name them
	server string         // its first server; "": it names none
}

// readSpec reads an OpenAPI 3 file (YAML or JSON), with the files beside it that its references name.
func readSpec(env *hub.Env, path string) (*openAPI, error) {
	root, err := gather(env, path)
	if err != nil {
		return nil, err
	}
	s := &spec{root: root}
	version, _ := s.root["openapi"].(string)
	switch {
	case s.root["swagger"] != nil:
		return nil, errors.New("it is Swagger 2: make OpenAPI 3 of it, with `npx swagger2openapi FILE` or at https://editor.swagger.io (Edit, Convert to OpenAPI 3), and name that file")
	case !strings.HasPrefix(version, "3."):
		return nil, errors.New("it is no OpenAPI 3 file: openapi: 3.… is missing at its top")
	}
	ops, err := s.operations()
	if err != nil {
		return nil, err
	}
	return &openAPI{ops: ops, server: s.server(s.root)}, nil
}

// decode gives a tree of map[string]any, []any and scalars.
func decode(src []byte) (map[string]any, error) {
	var v any
	var err error
	if bytes.HasPrefix(bytes.TrimSpace(src), []byte("{")) { // JSON: yaml.v3 takes no tabs
		err = json.Unmarshal(src, &v)
	} else {
		err = yaml.Unmarshal(src, &v)
	}
	if err != nil {
		return nil, err
	}
	d, err := doc.FromAny(v)
	if err != nil {
		return nil, err
	}
	m, ok := d.Any().(map[string]any)
	if !ok {
		return nil, errors.New("it is no map")
	}
	return m, nil
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
	o.described = &description{spec: s, replies: map[string]any{}, server: cmp.Or(s.server(v), s.server(item))}
	for _, list := range []any{item["parameters"], v["parameters"]} { // those of the operation itself come last, and win
		all, _ := list.([]any)
		for _, p := range all {
			if err := s.parameter(o, p); err != nil {
				return nil, err
			}
		}
	}
	if err := s.requestBody(o, v["requestBody"]); err != nil {
		return nil, err
	}
	if err := s.responses(o, v["responses"]); err != nil {
		return nil, err
	}
	security := s.root["security"]
	if own, says := v["security"]; says {
		security = own
	}
	return o, s.security(o, security)
}

// requestBody notes whether there is one, and its content type: JSON, if that is among them.
func (s *spec) requestBody(o *op, v any) error {
	body, err := s.object(v)
	if err != nil {
		return fmt.Errorf("requestBody: %w", err)
	}
	content := object(body["content"])
	o.described.body = body != nil
	if len(content) > 0 && jsonContent(content) == nil {
		o.described.media = slices.Sorted(maps.Keys(content))[0]
		if _, form := content[typeForm]; form {
			o.described.media = typeForm
		}
		if strings.Contains(o.described.media, "*") {
			o.described.media = ""
		}
		o.described.unwritten = unwritten(o.described.media, object(content[o.described.media]))
	}
	return nil
}

// unwritten tells what the `encoding` of a form wants that the format of its bodies does not do by itself; "": nothing.
func unwritten(media string, content map[string]any) string {
	fields := object(content["encoding"])
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		e := object(fields[name])
		style, _ := e["style"].(string)
		kind, _ := e["contentType"].(string)
		switch {
		case media != typeForm && len(object(e["headers"])) > 0:
			return "the field " + name + " has headers of its own"
		case media != typeForm || style == "deepObject":
		case kind != "" && hub.IsJSON(kind):
			return "the field " + name + " is JSON in a form"
		case style != "" && style != "form" || e["explode"] == false:
			return fmt.Sprintf("the field %s has the style %s, explode: %v", name, cmp.Or(style, "form"), e["explode"] == true)
		}
	}
	return ""
}

const typeForm = "application/x-www-form-urlencoded"

// responses notes which statuses are good, with the schemas of their bodies.
func (s *spec) responses(o *op, v any) (err error) {
	all, _ := v.(map[string]any)
	var good []any
	for _, status := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		good = append(good, strings.ToLower(status))
		answer, err := s.object(all[status])
		if err != nil {
			return fmt.Errorf("responses: %s: %w", status, err)
		}
		if schema := jsonContent(answer["content"])["schema"]; schema != nil {
			o.described.replies[strings.ToLower(status)] = schema
		}
	}
	if len(good) > 0 {
		o.expect, err = parseExpect(good, nil)
	}
	return err
}

// parameter adds one.
func (s *spec) parameter(o *op, v any) error {
	p, err := s.object(v)
	if err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	name, _ := p["name"].(string)
	in, _ := p["in"].(string)
	if stylesOf[in] == nil || name == "" || in == "path" && !strings.Contains(o.path, "{"+name+"}") || in == "header" && (connections(name) || slices.Contains(unsaid, strings.ToLower(name))) {
		return nil
	}
	one := param{field: name, name: name, in: in, taken: true}
	one.required, _ = p["required"].(bool)
	one.reserved, _ = p["allowReserved"].(bool)
	style, _ := p["style"].(string)
	if len(object(p["content"])) > 0 {
		style = styleJSON
	}
	var explode *bool
	if flag, says := p["explode"].(bool); says {
		explode = &flag
	}
	if one, err = newParam(one, style, explode); err == nil {
		err = o.put(one)
	}
	if err != nil {
		return fmt.Errorf("parameters: %s: %w", name, err)
	}
	return nil
}

// unsaid are headers that a description names otherwise: OpenAPI 3.1, 4.8.12.1.
var unsaid = []string{"accept", "content-type", "authorization"}

// server is the address of the first server of v, with the defaults of its variables; "": it names none.
func (s *spec) server(v map[string]any) string {
	list, _ := v["servers"].([]any)
	if len(list) == 0 {
		return ""
	}
	first := object(list[0])
	address, _ := first["url"].(string)
	for name, variable := range object(first["variables"]) {
		address = strings.ReplaceAll(address, "{"+name+"}", fmt.Sprint(object(variable)["default"]))
	}
	return strings.TrimRight(address, "/")
}

// security notes the logins that the operation wants: all schemes of one alternative.
func (s *spec) security(o *op, v any) error {
	alternatives, _ := v.([]any)
	schemes := object(object(s.root["components"])["securitySchemes"])
	for _, one := range alternatives {
		var all []scheme
		for _, name := range slices.Sorted(maps.Keys(object(one))) {
			d, err := s.object(schemes[name])
			if err != nil {
				return fmt.Errorf("security: %w", err)
			}
			text := func(key string) string { t, _ := d[key].(string); return t }
			all = append(all, scheme{name: name, kind: text("type"), how: strings.ToLower(text("scheme")), in: text("in"), param: text("name")})
		}
		o.described.security = append(o.described.security, all)
	}
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
		var err error
		if v, err = s.at(ref); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("$refs that lead to each other")
}

// at is what a reference inside the file leads to.
func (s *spec) at(ref string) (any, error) {
	path, inside := strings.CutPrefix(ref, "#")
	path, err := url.PathUnescape(path)
	var v any = s.root
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if path == "" {
			break
		}
		switch parent := v.(type) {
		case map[string]any:
			v = parent[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
		case []any:
			i, bad := strconv.Atoi(name)
			if v = nil; bad == nil && i >= 0 && i < len(parent) {
				v = parent[i]
			}
		default:
			v = nil
		}
	}
	if v == nil || err != nil || !inside {
		return nil, fmt.Errorf("$ref %s leads nowhere", ref)
	}
	return v, nil
}

// jsonContent is the JSON media type of a body; nil: it has none.
func jsonContent(content any) map[string]any {
	all := object(content)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if hub.IsJSON(name) {
			return object(all[name])
		}
	}
	return nil
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
