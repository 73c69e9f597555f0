package api

import (
	"encoding"
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"orderhub/hub/trust"
)

// GetOpenAPI is the description of the calls themselves, as an OpenAPI 3.1 document.
var GetOpenAPI = looks[*OpenAPI]("/openapi.json", trust.Viewer)

type object map[string]any

// OpenAPI gathers the calls that a hub answers, and is what describes them.
type OpenAPI struct {
	Version string
	paths   object
	schemas map[string]object
}

// Add adds a call, and what it answers.
func Add[A any](o *OpenAPI, c *Call[A]) {
	if o.paths == nil {
		o.paths, o.schemas = object{}, map[string]object{}
	}
	media := "application/json"
	if c.Path == GetTap.Path {
		media = "application/x-ndjson" // a line each
	}
	op := object{"operationId": strings.ToLower(c.Method) + strings.NewReplacer("/", "-", "{", "", "}", "").Replace(c.Path), "x-role": c.Role,
		"tags": []string{strings.SplitN(c.Path, "/", 3)[1]}, "description": "Needs the role " + c.Role.String() + ".",
		"responses": object{"200": object{"description": "the answer", "content": object{media: object{"schema": o.schema(reflect.TypeFor[A]())}}},
			"default": object{"$ref": "#/components/responses/problem"}}}
	if c.Act != "" {
		op["summary"], op["description"] = c.Act, "Needs the role "+c.Role.String()+"; leaves a record in the audit log."
	}
	var params []object
	if strings.Contains(c.Path, "{name}") {
		params = append(params, object{"name": "name", "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, name := range slices.Concat(c.Query, Common) {
		p := object{"name": name, "in": "query", "schema": object{"type": "string"}}
		if strings.HasSuffix(name, ".") {
			p["name"], p["description"] = name+"NAME", "NAME stands for any name"
		}
		params = append(params, p)
	}
	op["parameters"] = params
	if c.Takes != nil {
		op["requestBody"] = object{"content": object{"application/json": object{"schema": o.schema(reflect.TypeOf(c.Takes))}}}
	}
	at, _ := o.paths[c.Path].(object)
	if at == nil {
		at = object{}
		o.paths[c.Path] = at
	}
	at[strings.ToLower(c.Method)] = op
}

// MarshalJSON gives the document.
func (o *OpenAPI) MarshalJSON() ([]byte, error) {
	problem := o.schema(reflect.TypeFor[Problem]())
	return json.Marshal(object{
		"openapi": "3.1.0", "paths": o.paths, "servers": []object{{"url": "/api"}}, "security": []object{{"token": []string{}}},
		"info": object{"title": "The admin API of an order hub", "version": o.Version, "description": "What the verbs of hub ask. Roles: viewer, operator, admin; who has a higher one may do all that the lower ones may."},
		"components": object{"schemas": o.schemas,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "hub token add NAME --role viewer"}},
			"responses":       object{"problem": object{"description": "why not (RFC 9457)", "content": object{"application/problem+json": object{"schema": problem}}}}}})
}

// schema describes how values of a type stand in JSON. Structs with a name become components.
func (o *OpenAPI) schema(t reflect.Type) object {
	if t.Kind() == reflect.Pointer {
		return o.schema(t.Elem())
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage](), t == reflect.TypeFor[Document](), t.Implements(reflect.TypeFor[json.Marshaler]()), reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()):
		return object{} // anything
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Struct:
		name := path.Base(t.PkgPath()) + "." + t.Name()
		if o.schemas[name] == nil {
			s := object{"type": "object"}
			o.schemas[name] = s // before its fields, which may lead back to it
			s["properties"] = o.fields(t, object{})
		}
		return object{"$ref": "#/components/schemas/" + name}
	case reflect.Slice, reflect.Array:
		return object{"type": []string{"array", "null"}, "items": o.schema(t.Elem())}
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": o.schema(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Interface:
		return object{}
	}
	return object{"type": "integer"}
}

// fields adds the fields of a struct, and those of the structs that it embeds, as encoding/json writes them.
func (o *OpenAPI) fields(t reflect.Type, into object) object {
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if name == "-" || !f.IsExported() || f.Anonymous && name == "" && inner.Kind() == reflect.Struct {
			continue // what it embeds stands among the visible fields already
		}
		if name == "" {
			name = f.Name
		}
		s := o.schema(f.Type)
		if f.Type.Kind() == reflect.Pointer && !strings.Contains(options, "omitempty") {
			s = object{"anyOf": []object{s, {"type": "null"}}}
		}
		into[name] = s
	}
	return into
}
