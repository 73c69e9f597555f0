package httpserver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"orderhub/hub"
)

// object is a JSON object of the document; its names are sorted when it is written.
type object map[string]any

var _ hub.Describer = (*Source)(nil)

// Describe gives the route its part of the OpenAPI document, and the headers that its messages are asked for.
func (s *Source) Describe(d hub.Description) {
	s.server.routes.mu.Lock()
	defer s.server.routes.mu.Unlock()
	s.about = d
	s.named = wire(append(slices.Clone(s.options.Headers), d.Headers...))
	s.server.routes.document = nil
}

// openapi answers with the OpenAPI document of all routes.
func (s *Server) openapi(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	w.Header()["Content-Type"] = jsonType
	w.Write(s.document())
}

// document is the OpenAPI document, made when it is first asked for after a route changed.
func (s *Server) document() []byte {
	s.routes.mu.Lock()
	defer s.routes.mu.Unlock()
	if s.routes.document == nil {
		s.routes.document = s.describe(slices.Collect(maps.Values(s.routes.all)))
	}
	return s.routes.document
}

// describe makes the OpenAPI document of the sources.
func (s *Server) describe(sources []*Source) []byte {
	slices.SortFunc(sources, func(a, b *Source) int { return strings.Compare(a.pattern, b.pattern) })
	d := &describing{paths: object{}, params: map[string][]string{}, schemas: map[string]any{"Problem": problemSchema()}, responses: object{}, security: object{}}
	for _, src := range sources {
		d.operation(src)
	}
	components := object{"schemas": d.schemas, "responses": d.responses, "headers": sharedHeaders(), "parameters": object{"Idempotency-Key": idempotencyKey()}}
	if len(d.security) > 0 {
		components["securitySchemes"] = d.security
	}
	title := s.env.Hub
	if title == "" {
		title = s.env.Name
	}
	api, _ := json.Marshal(object{"paths": d.paths, "components": components}) // maps, texts, numbers and checked JSON
	sum := sha256.Sum256(api)
	doc, _ := json.Marshal(object{
		"openapi": "3.1.0",
		"info":    object{"title": title, "version": hex.EncodeToString(sum[:4])}, // another one when the API is another one
		"servers": []object{{"url": "/"}},
		"paths":   d.paths, "components": components,
	})
	return doc
}

// describing is a document on its way.
type describing struct {
	paths     object
	params    map[string][]string // names of a path's parameters, by the path without them
	schemas   object
	responses object
	security  object
}

func (d *describing) operation(src *Source) {
	method, path, _ := strings.Cut(strings.TrimSuffix(src.pattern, "{$}"), " ")
	path, params := d.path(path, src.params)
	op := object{"operationId": src.about.Pipeline, "responses": d.answers(src)}
	if src.about.Pipeline == "" {
		op["operationId"] = strings.Trim(unnamed.ReplaceAllString(method+path, "-"), "-")
	}
	var parameters []object
	for _, name := range params {
		parameters = append(parameters, object{"in": "path", "name": name, "required": true, "schema": object{"type": "string"}})
	}
	if method == http.MethodGet || method == http.MethodDelete {
		parameters = append(parameters, object{"in": "query", "name": "query", "style": "form", "explode": true,
			"description": "Any names; of one that comes twice the first counts.", "schema": object{"type": "object", "additionalProperties": object{"type": "string"}}})
	}
	for _, h := range src.named {
		parameters = append(parameters, object{"in": "header", "name": h[0], "schema": object{"type": "string"}})
	}
	if method != http.MethodGet {
		parameters = append(parameters, object{"$ref": "#/components/parameters/Idempotency-Key"})
	}
	op["parameters"] = parameters
	if wantsBody(method) {
		op["requestBody"] = d.body(src)
	}
	if title := titleOf(src.about.Schema); title != "" {
		op["summary"] = title
	}
	if needs := src.verify.describe(d.security); needs != nil {
		op["security"] = []object{needs}
	}
	item, _ := d.paths[path].(object)
	if item == nil {
		item = object{}
		d.paths[path] = item
	}
	item[strings.ToLower(method)] = op
}

// path is a route's path as OpenAPI writes it. Paths that differ in the names of their parameters alone are one path there.
func (d *describing) path(path string, params []string) (string, []string) {
	shape := named.ReplaceAllString(path, "{}")
	if d.params[shape] == nil {
		d.params[shape] = params
	}
	params = d.params[shape]
	next := 0
	return named.ReplaceAllStringFunc(path, func(string) string {
		next++
		return "{" + params[next-1] + "}"
	}), params
}

// body is the request's body: of each media type that the route takes.
func (d *describing) body(src *Source) object {
	content := object{}
	for _, media := range src.accepts {
		content[media] = object{}
		if isJSON(media) && src.about.Schema != nil {
			content[media] = object{"schema": d.schema(src.about)}
		}
	}
	return object{"required": !src.options.EmptyBody, "content": content,
		"description": sizeText(src.server.cfg.Limits.MaxBody) + " at most. Content-Encoding: gzip is taken."}
}
