package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"orderhub/hub/doc"
	"orderhub/transforms/schema"
)

// partner is a partner that its OpenAPI file describes: it takes the requests
// that fit and answers with the file's examples, else with values made from the schemas.
type partner struct {
	file string
	root map[string]any
	ops  map[string]*operation // by operationId
}

type operation struct {
	request *schema.Schema // nil: any
	reply   partnerReply
}

type partnerReply struct {
	status int
	body   doc.Value
}

func readPartner(path string) (*partner, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &partner{file: filepath.Base(path), ops: map[string]*operation{}}
	if err := yaml.Unmarshal(src, &p.root); err != nil {
		return nil, err
	}
	paths := object(p.root["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := object(paths[path])
		for _, method := range slices.Sorted(maps.Keys(item)) {
			op := object(item[method])
			id, _ := op["operationId"].(string)
			if id == "" {
				continue
			}
			if p.ops[id], err = p.operation(id, op); err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
		}
	}
	if len(p.ops) == 0 {
		return nil, errors.New("it describes no operation with an operationId")
	}
	return p, nil
}

// object is v as a map with texts as keys; YAML reads a status as a number.
func object(v any) map[string]any {
	out := map[string]any{}
	switch m := v.(type) {
	case map[string]any:
		return m
	case map[any]any:
		for k, part := range m {
			out[fmt.Sprint(k)] = part
		}
	}
	return out
}

func (p *partner) operation(id string, op map[string]any) (*operation, error) {
	o := &operation{reply: partnerReply{status: 200}}
	if s := media(p.behind(op["requestBody"]))["schema"]; s != nil {
		var err error
		if o.request, err = p.compile(id, s); err != nil {
			return nil, err
		}
	}
	responses := object(op["responses"])
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		code, err := strconv.Atoi(status)
		if err != nil || code >= 300 {
			continue
		}
		v, err := doc.FromAny(plain(p.example(media(p.behind(responses[status])))))
		if err != nil {
			return nil, err
		}
		o.reply = partnerReply{code, v}
		break
	}
	return o, nil
}

// compile makes the schema of a request, with the file's components beside it.
func (p *partner) compile(id string, s any) (*schema.Schema, error) {
	src, err := json.Marshal(plain(map[string]any{"allOf": []any{s}, "components": p.root["components"]}))
	if err != nil {
		return nil, err
	}
	return schema.Compile(id+".json", src)
}

// media is the JSON content of a body.
func media(body map[string]any) map[string]any {
	content := object(body["content"])
	for _, name := range slices.Sorted(maps.Keys(content)) {
		if strings.Contains(name, "json") {
			return object(content[name])
		}
	}
	return nil
}

// behind follows a $ref inside the file.
func (p *partner) behind(v any) map[string]any {
	m := object(v)
	for range 10 {
		ref, ok := m["$ref"].(string)
		if !ok {
			break
		}
		var at any = p.root
		for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			at = object(at)[name]
		}
		m = object(at)
	}
	return m
}

// answer is the operation's reply; wrong tells what the request should not have.
func (p *partner) answer(op string, request doc.Value) (reply partnerReply, wrong string, err error) {
	o := p.ops[op]
	if o == nil {
		return reply, "the file has no operation " + op, nil
	}
	if o.request != nil {
		if bad := o.request.Validate(request); bad != nil {
			return reply, bad.Error(), nil
		}
	}
	return o.reply, "", nil
}

// plain is v with texts as the keys of all maps.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any, map[any]any:
		out := map[string]any{}
		for k, part := range object(v) {
			out[k] = plain(part)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, part := range v {
			out[i] = plain(part)
		}
		return out
	}
	return v
}
