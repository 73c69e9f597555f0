package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// API is an OpenAPI document that answers are held against.
type API struct {
	Root map[string]any

	t        testing.TB
	compiler *jsonschema.Compiler
}

const home = "https://openapi.test/openapi.json"

// Read decodes a document. Every $ref in it must lead somewhere inside.
func Read(t testing.TB, document []byte) *API {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatalf("the document is no JSON: %v", err)
	}
	a := &API{t: t, compiler: jsonschema.NewCompiler()}
	a.Root, _ = v.(map[string]any)
	a.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := a.compiler.AddResource(home, v); err != nil {
		t.Fatal(err)
	}
	a.refs(v, "#")
	schemas, _ := a.At("components", "schemas").(map[string]any)
	for name := range schemas {
		a.schema("#/components/schemas/" + name)
	}
	return a
}

// refs reports references that lead nowhere.
func (a *API) refs(v any, where string) {
	switch v := v.(type) {
	case []any:
		for i, part := range v {
			a.refs(part, where+"/"+strconv.Itoa(i))
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok && a.follow(ref) == nil {
			a.t.Errorf("%s: $ref %s leads nowhere", where, ref)
		}
		for name, part := range v {
			if name != "enum" && name != "const" {
				a.refs(part, where+"/"+name)
			}
		}
	}
}

func (a *API) follow(ref string) any {
	path, err := url.PathUnescape(strings.TrimPrefix(ref, "#/"))
	if err != nil || !strings.HasPrefix(ref, "#/") {
		return nil
	}
	return a.At(strings.Split(path, "/")...)
}

// At is what the path leads to; nil: nothing. References on the way are followed.
func (a *API) At(path ...string) any {
	var v any = a.Root
	for _, name := range path {
		v = a.deref(v)
		switch parent := v.(type) {
		case map[string]any:
			v = parent[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(parent) {
				return nil
			}
			v = parent[i]
		default:
			return nil
		}
	}
	return v
}

func (a *API) deref(v any) any {
	for range 10 {
		m, _ := v.(map[string]any)
		ref, ok := m["$ref"].(string)
		if !ok {
			return v
		}
		v = a.follow(ref)
	}
	return v
}

func (a *API) schema(pointer string) *jsonschema.Schema {
	a.t.Helper()
	s, err := a.compiler.Compile(home + (&url.URL{Fragment: pointer[1:]}).String())
	if err != nil {
		a.t.Fatalf("%s is no schema: %v", pointer, err)
	}
	return s
}

func escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// pathOf finds the path of the document that matches the path of a request.
func (a *API) pathOf(path string) string {
	paths, _ := a.Root["paths"].(map[string]any)
	got := strings.Split(path, "/")
	for _, template := range slices.Sorted(maps.Keys(paths)) { // {…} comes last
		want := strings.Split(template, "/")
		fits := len(want) == len(got)
		for i := 0; fits && i < len(want); i++ {
			fits = want[i] == got[i] || strings.HasPrefix(want[i], "{") && got[i] != ""
		}
		if fits {
			return template
		}
	}
	return ""
}

// Fits tells whether the document allows the body.
func (a *API) Fits(method, path, media string, body []byte) error {
	a.t.Helper()
	at := []string{"paths", escape(a.pathOf(path)), strings.ToLower(method), "requestBody", "content", escape(media), "schema"}
	if a.At(at[:6]...) == nil {
		return fmt.Errorf("%s %s takes no %s", method, path, media)
	}
	if a.At(at...) == nil {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return a.schema("#/" + strings.Join(at, "/")).Validate(v)
}

// Answered reports an answer that the document doesn't tell of: its status, its
// headers, its media type, its body. It gives the answer's body.
func (a *API) Answered(req *http.Request, res *http.Response) []byte {
	a.t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	what := fmt.Sprintf("%s %s -> %d", req.Method, req.URL.Path, res.StatusCode)
	op := []string{"paths", escape(a.pathOf(req.URL.Path)), strings.ToLower(req.Method), "responses"}
	status := ""
	for _, name := range []string{strconv.Itoa(res.StatusCode), strconv.Itoa(res.StatusCode/100) + "XX", "default"} {
		if status == "" && a.At(append(op, name)...) != nil {
			status = name
		}
	}
	if status == "" {
		a.t.Errorf("%s: not documented", what)
		return body
	}
	at := append(op, status)
	headers, _ := a.At(append(at, "headers")...).(map[string]any)
	for name := range headers {
		if res.Header.Get(name) == "" && name != "Idempotent-Replayed" {
			a.t.Errorf("%s: the header %s is missing", what, name)
		}
	}
	content, _ := a.At(append(at, "content")...).(map[string]any)
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch {
	case len(body) == 0 && content == nil:
	case content[media] == nil:
		a.t.Errorf("%s: the media type %q is not documented", what, media)
	case a.At(append(at, "content", escape(media), "schema")...) != nil:
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			a.t.Errorf("%s: %v", what, err)
		} else if err := a.resolve(append(at, "content", escape(media), "schema")).Validate(v); err != nil {
			a.t.Errorf("%s: %s does not fit the document: %v", what, body, err)
		}
	}
	return body
}

// resolve compiles the schema at a path with references on its way, such as that of a shared response.
func (a *API) resolve(path []string) *jsonschema.Schema {
	a.t.Helper()
	m, _ := a.At(path...).(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		return a.schema(ref)
	}
	return a.schema("#/" + strings.Join(path, "/"))
}
