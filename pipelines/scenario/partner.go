package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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
	root doc.Value
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
	var root any
	if err := yaml.Unmarshal(src, &root); err != nil {
		return nil, err
	}
	p := &partner{file: filepath.Base(path), ops: map[string]*operation{}}
	if p.root, err = doc.FromAny(root); err != nil {
		return nil, err
	}
	for path, item := range p.root.Get("paths").Fields() {
		for method, op := range item.Fields() {
			id := op.Get("operationId").Str()
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

func (p *partner) operation(id string, op doc.Value) (*operation, error) {
	o := &operation{reply: partnerReply{status: http.StatusOK}}
	if s := media(p.behind(op.Get("requestBody"))).Get("schema"); s.Kind() != doc.Missing {
		var err error
		if o.request, err = p.compile(id, s); err != nil {
			return nil, err
		}
	}
	for status, response := range op.Get("responses").Fields() {
		if code, err := strconv.Atoi(status); err == nil && code < 300 {
			o.reply = partnerReply{code, sorted(p.example(media(p.behind(response))))}
			break
		}
	}
	return o, nil
}

// compile makes the schema of a request, with the file's components beside it.
func (p *partner) compile(id string, s doc.Value) (*schema.Schema, error) {
	whole := doc.ObjectOf([]doc.Field{{Name: "allOf", Value: doc.ListOf([]doc.Value{s})}, {Name: "components", Value: p.root.Get("components")}})
	return schema.Compile(id+".json", whole.JSON())
}

// media is the JSON content of a body.
func media(body doc.Value) doc.Value {
	for name, content := range body.Get("content").Fields() {
		if strings.Contains(name, "json") {
			return content
		}
	}
	return doc.Value{}
}

// behind follows a $ref inside the file.
func (p *partner) behind(v doc.Value) doc.Value {
	for range 10 {
		ref := v.Get("$ref").Str()
		if ref == "" {
			break
		}
		v = doc.Lookup(p.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/"))
	}
	return v
}

// answer is the operation's reply; wrong tells what the request should not have.
func (p *partner) answer(op string, request doc.Value) (reply partnerReply, wrong string) {
	o := p.ops[op]
	if o == nil {
		return reply, "the file has no operation " + op
	}
	if o.request != nil {
		if bad := o.request.Validate(request); bad != nil {
			return reply, bad.Error()
		}
	}
	return o.reply, ""
}

// example is the body of a reply: the example of the file, else one made from its schema.
func (p *partner) example(content doc.Value) doc.Value {
	if v := content.Get("example"); v.Kind() != doc.Missing {
		return v
	}
	for _, v := range content.Get("examples").Fields() {
		return p.behind(v).Get("value")
	}
	if s := content.Get("schema"); s.Kind() != doc.Missing {
		return p.sample(s, 0)
	}
	return doc.NullValue()
}

// deepest bounds the samples of schemas that name themselves.
const deepest = 8

// sample is a value that fits the schema s.
func (p *partner) sample(s doc.Value, depth int) doc.Value {
	s = p.behind(s)
	if v, ok := given(s); ok {
		return v
	}
	if depth > deepest {
		return doc.NullValue()
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if list := s.Get(key); list.Len() > 0 {
			return p.sample(list.At(0), depth+1)
		}
	}
	var fields []doc.Field
	for _, part := range s.Get("allOf").Elems() {
		for name, v := range p.sample(part, depth+1).Fields() {
			fields = append(fields, doc.Field{Name: name, Value: v})
		}
	}
	for name, field := range s.Get("properties").Fields() {
		fields = append(fields, doc.Field{Name: name, Value: p.sample(field, depth+1)})
	}
	if len(fields) > 0 || s.Get("allOf").Len() > 0 {
		return doc.ObjectOf(fields)
	}
	return p.scalar(s, depth)
}

// given is a value that the schema itself names.
func given(s doc.Value) (doc.Value, bool) {
	for _, key := range []string{"example", "default", "const"} {
		if v := s.Get(key); v.Kind() != doc.Missing {
			return v, true
		}
	}
	for _, key := range []string{"examples", "enum"} {
		if v := s.Get(key).At(0); v.Kind() != doc.Missing {
			return v, true
		}
	}
	return doc.Value{}, false
}

// formats are texts of the formats that a schema may want.
var formats = map[string]string{"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "uuid": "00000000-0000-4000-8000-000000000001",
	"uri": "https://example.com/", "email": "someone@example.com"}

func (p *partner) scalar(s doc.Value, depth int) doc.Value {
	kind := s.Get("type")
	if kind.Kind() == doc.Array {
		kind = kind.At(0)
	}
	switch kind.Str() {
	case "object":
		return doc.ObjectOf(nil)
	case "array":
		return doc.ListOf([]doc.Value{p.sample(s.Get("items"), depth+1)})
	case "integer", "number":
		for _, key := range []string{"minimum", "maximum"} {
			if v := s.Get(key); v.Kind() == doc.Number {
				return v
			}
		}
		return doc.IntValue(1)
	case "boolean":
		return doc.BoolValue(true)
	case "string":
		return doc.StringValue(cmp.Or(formats[s.Get("format").Str()], "text"))
	}
	return doc.NullValue()
}
