package httpserver

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// object is a JSON object of the document; its names are sorted when it is written.
type object map[string]any

// Describe gives the route its part of the OpenAPI document, and the headers that its messages are asked for.
func (s *Source) Describe(d hub.Description) {
	s.server.routes.mu.Lock()
	defer s.server.routes.mu.Unlock()
	s.about = d
	if len(s.options.Consumes) == 0 && len(d.Types) > 0 {
		s.accepts = d.Types
	}
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
	d := &describing{paths: object{}, tags: map[string]bool{}, params: map[string][]string{}, components: components{Responses: object{}, Security: object{}}}
	json.Unmarshal(sharedComponents, &d.components) // our own file
	for _, src := range sources {
		for name, schema := range src.about.Schemas {
			d.Schemas[name] = json.RawMessage(schema)
		}
		d.operation(src)
	}
	api, _ := json.Marshal(object{"paths": d.paths, "components": d.components}) // maps, texts, numbers and checked JSON
	sum := sha256.Sum256(api)
	var tags []object
	for _, tag := range slices.Sorted(maps.Keys(d.tags)) {
		tags = append(tags, object{"name": tag, "description": "Below /" + tag})
	}
	title := cmp.Or(s.env.Hub, s.env.Name)
	document, _ := json.Marshal(object{
		"openapi": "3.1.0",
		"info": object{"title": title, "version": hex.EncodeToString(sum[:4]), // another one when the API is another one
			"description": "What " + title + " takes, made of its configuration."},
		"tags":    tags,
		"servers": []object{{"url": "/"}},
		"paths":   d.paths, "components": d.components,
	})
	return document
}

// sharedComponents are those that every document has.
//
//go:embed components.json
var sharedComponents []byte

// components are what the operations of a document refer to, by name.
type components struct {
	Headers    object `json:"headers"`
	Parameters object `json:"parameters"`
	Responses  object `json:"responses"`
	Schemas    object `json:"schemas"`
	Security   object `json:"securitySchemes,omitempty"`
}

// describing is a document on its way.
type describing struct {
	components
	paths  object
	tags   map[string]bool     // first segments of paths
	params map[string][]string // names of a path's parameters, by the path without them
}

var (
	named   = regexp.MustCompile(`\{[^{}$]*\}`)
	unnamed = regexp.MustCompile(`[^A-Za-z0-9]+`)
	// what the name of a component can't hold
	unusable = regexp.MustCompile(`[^A-Za-z0-9._-]`)
)

func (d *describing) operation(src *Source) {
	method, path, _ := strings.Cut(strings.TrimSuffix(src.pattern, "{$}"), " ")
	path, params := d.path(path, src.params)
	id := cmp.Or(src.about.Pipeline, strings.Trim(unnamed.ReplaceAllString(method+path, "-"), "-"))
	tag, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	tag = cmp.Or(strings.Trim(tag, "{}"), "root")
	d.tags[tag] = true
	op := object{"operationId": id, "responses": d.answers(src), "tags": []string{tag}, "summary": cmp.Or(src.title(), unnamed.ReplaceAllString(id, " "))}
	var parameters []object
	for i, name := range params {
		p := object{"in": "path", "name": name, "required": true, "schema": object{"type": "string"}}
		if strings.Contains(src.pattern, "{"+src.params[i]+"...}") {
			p["description"] = "The rest of the path: one or more segments, with slashes between them."
		}
		parameters = append(parameters, p)
	}
	if method == http.MethodGet || method == http.MethodDelete {
		parameters = append(parameters, object{"in": "query", "name": "query", "style": "form", "explode": true,
			"description": "Any names; of one that comes twice the first counts.", "schema": object{"type": "object"}})
	}
	for _, h := range src.named {
		parameters = append(parameters, object{"in": "header", "name": h[0], "schema": object{"type": "string"}})
	}
	if method != http.MethodGet {
		parameters = append(parameters, ref("parameters", "Idempotency-Key"))
	}
	op["parameters"] = parameters
	if wantsBody(method) {
		op["requestBody"] = d.body(src)
	}
	op["security"] = []object{} // anybody
	if needs := src.verify.describe(d.Security); needs != nil {
		op["security"] = []object{needs}
	}
	item, _ := d.paths[path].(object)
	if item == nil {
		item = object{}
		d.paths[path] = item
	}
	item[strings.ToLower(method)] = op
}

// title is what the schema of the route's messages says that it describes; "": nothing.
func (s *Source) title() string {
	v, _ := doc.Parse(s.about.Schemas[s.about.Schema]) // of JSON that is checked
	return v.Get("title").Str()
}

func acceptedSchema() object {
	return object{"type": "object", "required": []string{"accepted", "trace_id"}, "properties": object{
		"accepted": object{"const": true}, "duplicate": object{"const": true, "description": "it was taken before"}, "trace_id": object{"type": "string"}}}
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
	content, examples := object{}, object{}
	var schema object
	if src.about.Schema != "" {
		schema = ref("schemas", src.about.Schema)
	}
	for name, body := range src.about.Samples {
		examples[unusable.ReplaceAllString(name, "_")] = object{"value": json.RawMessage(body)}
	}
	for _, media := range src.accepts.told() {
		of := object{}
		if hub.IsJSON(media) && schema != nil {
			of["schema"] = schema
		}
		if media == typeForm {
			form := formOf(src.about, schema, src.options.EmptyBody)
			if form == nil {
				continue
			}
			of["schema"] = form
		}
		if hub.IsJSON(media) && len(examples) > 0 {
			of["examples"] = examples
		}
		content[media] = of
	}
	return object{"required": !src.options.EmptyBody, "content": content,
		"description": sizeText(src.server.cfg.Limits.MaxBody) + " at most. Content-Encoding: gzip, deflate and zstd are taken."}
}

// answers are the responses of a route: its pipeline's replies, and the
// adapter's own problems. "default" stands for all that are not listed.
func (d *describing) answers(src *Source) object {
	out := object{"default": d.problem("Problem", "Something else went wrong.")}
	for status, detail := range src.problems() {
		out[strconv.Itoa(status)] = d.problem(strings.ReplaceAll(http.StatusText(status), " ", ""), detail)
	}
	if len(src.about.Statuses) == 0 {
		out["202"] = object{"description": "Accepted: the message is safe, and will be worked on.", "headers": headerRefs(headerTrace),
			"content": object{typeJSON: object{"schema": acceptedSchema()}}}
	}
	body := object{}
	if src.about.Reply != "" && slices.ContainsFunc(src.about.Statuses, hasBody) {
		body["schema"] = ref("schemas", src.about.Reply)
	}
	for _, status := range src.about.Statuses {
		d.reply(out, status, body, src.about.Behind)
	}
	return out
}

// reply adds a status that the pipeline replies with, and what its body is. An error without a body is a problem.
func (d *describing) reply(out object, status int, body object, behind bool) {
	name, text := strconv.Itoa(status), http.StatusText(status)
	if status == 0 {
		name, text = "2XX", "The reply; its status depends on the message"
	}
	if behind {
		text += ": the message is safe, and work goes on"
	}
	answer := object{"description": strings.TrimPrefix(text+".", ": "), "headers": headerRefs(headerTrace, "Idempotent-Replayed")}
	if hasBody(status) {
		answer["content"] = object{typeJSON: body}
		if schema := body["schema"]; status >= http.StatusBadRequest && schema != nil {
			answer["content"] = object{typeProblem: object{"schema": object{"anyOf": []any{schema, ref("schemas", hub.ProblemSchema)}}}}
		} else if status >= http.StatusBadRequest {
			answer["content"] = object{typeProblem: body}
		}
	}
	out[name] = answer
}

func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// problems are the adapter's own answers of a route, by their status.
func (s *Source) problems() map[int]string {
	out := map[int]string{
		http.StatusBadRequest:          "The request is not well formed.",
		http.StatusConflict:            "It was refused, or a request with this Idempotency-Key is still running.",
		http.StatusUnprocessableEntity: "The content is not what is wanted here, or the Idempotency-Key was used for another request.",
		http.StatusTooManyRequests:     "Too much at once; try again later.",
		http.StatusServiceUnavailable:  "Not now; try again later.",
	}
	if wantsBody(strings.Fields(s.pattern)[0]) {
		out[http.StatusRequestEntityTooLarge] = "The body is too large."
		out[http.StatusUnsupportedMediaType] = "The body's media type or encoding is not taken."
	}
	if len(s.verify.proofs) > 0 {
		out[http.StatusUnauthorized] = "The sender did not prove who it is."
	}
	return out
}

// problem is a reference to a response of that name, which is added to the components.
func (d *describing) problem(name, detail string) object {
	headers := headerRefs(headerTrace)
	if name == "TooManyRequests" || name == "ServiceUnavailable" {
		headers = headerRefs(headerTrace, "Retry-After")
	}
	d.Responses[name] = object{"description": detail, "headers": headers,
		"content": object{typeProblem: object{"schema": ref("schemas", hub.ProblemSchema)}, "text/html": object{}}}
	return ref("responses", name)
}

// headerRefs are the shared headers of these names.
func headerRefs(names ...string) object {
	h := object{}
	for _, name := range names {
		h[name] = ref("headers", name)
	}
	return h
}

// ref is a reference to a component.
func ref(kind, name string) object { return object{"$ref": "#/components/" + kind + "/" + name} }

func sizeText(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}
