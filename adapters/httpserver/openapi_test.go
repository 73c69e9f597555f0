package httpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/hubtest/openapitest"
	"orderhub/hub/signature"
)

// described is a server with routes of every kind, as the hub describes them.
func described(t *testing.T) *Server {
	t.Helper()
	cfg := defaultConfig()
	cfg.OpenAPI = "/openapi.json"
	s, err := definition().New(cfg, &hub.Env{Name: "web", Hub: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	secret := []hub.Secret{"s3cret of 16 bytes or more"}
	for _, r := range []struct {
		arg string
		cfg SourceConfig
		hub.Description
	}{
		{"POST /orders", SourceConfig{}, hub.Description{Pipeline: "orders", Schema: "orders", Schemas: map[string][]byte{
			"orders": []byte(`{"title":"An order","properties":{"to":{"$ref":"#/components/schemas/orders.address"}}}`), "orders.address": []byte(`{"type":"object"}`)}, Statuses: []int{202}, Behind: true}},
		{"GET /orders/{id}", SourceConfig{}, hub.Description{Pipeline: "order", Statuses: []int{200, 404}}},
		{"DELETE /orders/{order}", SourceConfig{}, hub.Description{Pipeline: "cancel", Statuses: []int{204}}},
		{"PUT /orders/{id}/lines/{line}", SourceConfig{EmptyBody: true}, hub.Description{Pipeline: "line", Reply: "line.reply",
			Schemas: map[string][]byte{"line.reply": []byte(`{"type":"number"}`)}, Statuses: []int{0}}},
		{"POST /files/{rest...}", SourceConfig{Consumes: []string{"text/csv", "application/x+json"}}, hub.Description{Pipeline: "files", Schema: "files", Schemas: map[string][]byte{"files": []byte("true")}}},
		{"PATCH /slash/", SourceConfig{}, hub.Description{}},
		{"POST /hex", SourceConfig{Verify: &Verify{Options: signature.Options{HMAC: secret}}}, hub.Description{Pipeline: "hex", Statuses: []int{409}}},
		{"POST /stamped", SourceConfig{Verify: &Verify{Options: signature.Options{HMAC: secret, Header: "X-Sig!", TimestampHeader: "X-Time"}}}, hub.Description{Pipeline: "stamped"}},
		{"POST /timestamped", SourceConfig{Verify: &Verify{Options: signature.Options{HMAC: secret, Scheme: "timestamped"}}}, hub.Description{Pipeline: "timestamped"}},
		{"POST /standard", SourceConfig{Verify: &Verify{Options: signature.Options{HMAC: []hub.Secret{"whsec_czNjcmV0IG9mIDE2IGJ5dGVzIG9yIG1vcmU="}, Scheme: "standard-webhooks"}}}, hub.Description{Pipeline: "standard"}},
		{"POST /token", SourceConfig{Verify: &Verify{Token: "t0ken"}}, hub.Description{Pipeline: "token"}},
		{"GET /link", SourceConfig{Verify: &Verify{Token: tokenLink}}, hub.Description{Pipeline: "link"}},
	} {
		src, err := s.OpenSource(r.arg, &r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		hub.Describe(src, r.Description)
	}
	return s
}

func fetch(t *testing.T, s *Server, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// TestOpenAPIIsValid asks a validator of OpenAPI, and follows every reference.
func TestOpenAPIIsValid(t *testing.T) {
	doc := fetch(t, described(t), "GET", "/openapi.json").Body.Bytes()
	openapitest.Read(t, doc)
	openapitest.Validate(t, doc)
}

// TestOpenAPISays: the parts of the document that partners rely on.
func TestOpenAPISays(t *testing.T) {
	api := openapitest.Read(t, fetch(t, described(t), "GET", "/openapi.json").Body.Bytes())
	keys := func(path ...string) string {
		m, _ := api.At(path...).(map[string]any)
		var out []string
		for k := range m {
			out = append(out, k)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	text := func(path ...string) string {
		b, _ := json.Marshal(api.At(path...))
		return string(b)
	}
	for _, c := range []struct{ got, want string }{
		{text("openapi"), `"3.1.0"`},
		{text("info", "title"), `"shop"`},
		{text("servers"), `[{"url":"/"}]`},
		{keys("paths"), "/files/{rest} /hex /link /orders /orders/{id}/lines/{line} /orders/{order} /slash/ /stamped /standard /timestamped /token"},
		{keys("paths", "/orders/{order}"), "delete get"},
		{text("paths", "/orders/{order}", "get", "parameters", "0", "name"), `"order"`}, // as in the path, whatever the route calls it
		{text("paths", "/orders/{id}/lines/{line}", "put", "parameters", "1"), `{"in":"path","name":"line","required":true,"schema":{"type":"string"}}`},
		{text("paths", "/orders", "post", "summary"), `"An order"`},
		{text("paths", "/orders", "post", "operationId"), `"orders"`},
		{text("paths", "/hex", "post", "summary"), `"hex"`},
		{text("paths", "/orders/{order}", "get", "tags"), `["orders"]`},
		{text("paths", "/files/{rest}", "post", "parameters", "0", "description"), `"The rest of the path: one or more segments, with slashes between them."`},
		{text("tags", "0", "name"), `"files"`},
		{text("paths", "/slash/", "patch", "operationId"), `"PATCH-slash"`},
		{text("paths", "/orders", "post", "requestBody", "required"), "true"},
		{text("paths", "/orders/{id}/lines/{line}", "put", "requestBody", "required"), "false"},
		{text("paths", "/orders", "post", "requestBody", "content"), `{"application/json":{"schema":{"$ref":"#/components/schemas/orders"}}}`},
		{text("paths", "/files/{rest}", "post", "requestBody", "content"), `{"application/x+json":{"schema":{"$ref":"#/components/schemas/files"}},"text/csv":{}}`},
		{keys("paths", "/orders", "post", "responses"), "202 400 409 413 415 422 429 503 default"},
		{keys("paths", "/orders/{order}", "get", "responses"), "200 400 404 409 422 429 503 default"},
		{keys("paths", "/orders/{order}", "delete", "responses", "204"), "description headers"},
		{keys("paths", "/orders/{id}/lines/{line}", "put", "responses"), "2XX 400 409 413 415 422 429 503 default"},
		{keys("paths", "/hex", "post", "responses"), "400 401 409 413 415 422 429 503 default"},
		{keys("paths", "/hex", "post", "responses", "409", "content"), "application/problem+json"},
		{keys("paths", "/files/{rest}", "post", "responses", "202", "content", "application/json", "schema", "properties"), "accepted duplicate trace_id"},
		{keys("paths", "/orders", "post", "responses", "503", "headers"), "Hub-Trace Retry-After"},
		{text("components", "parameters", "Idempotency-Key", "schema"), `{"maxLength":255,"minLength":1,"type":"string"}`},
		{keys("components", "schemas"), "Problem files line.reply orders orders.address"},
		{text("paths", "/orders/{id}/lines/{line}", "put", "responses", "2XX", "content"), `{"application/json":{"schema":{"$ref":"#/components/schemas/line.reply"}}}`},
		{text("paths", "/orders", "post", "security"), "[]"},
		{text("paths", "/hex", "post", "security"), `[{"hex.X-Signature":[]}]`},
		{text("paths", "/stamped", "post", "security"), `[{"hex.X-Sig_":[],"hex.X-Time":[]}]`},
		{text("paths", "/timestamped", "post", "security"), `[{"timestamped.X-Signature":[]}]`},
		{text("paths", "/standard", "post", "security"), `[{"standard-webhooks.Webhook-Id":[],"standard-webhooks.Webhook-Signature":[],"standard-webhooks.Webhook-Timestamp":[]}]`},
		{text("paths", "/token", "post", "security"), `[{"bearer":[]}]`},
		{text("paths", "/link", "get", "security"), `[{"link":[]}]`},
		{text("components", "securitySchemes", "bearer"), `{"scheme":"bearer","type":"http"}`},
		{text("components", "securitySchemes", "link", "in"), `"query"`},
		{text("components", "securitySchemes", "hex.X-Sig_", "name"), `"X-Sig!"`},
	} {
		if c.got != c.want {
			t.Errorf("got  %s\nwant %s", c.got, c.want)
		}
	}
}

// TestOpenAPIIsServed: at its path alone, to readers alone, and with the routes that there are now.
func TestOpenAPIIsServed(t *testing.T) {
	s := described(t)
	first := fetch(t, s, "GET", "/openapi.json")
	if first.Code != 200 || first.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", first.Code, first.Header())
	}
	if again := fetch(t, described(t), "GET", "/openapi.json"); again.Body.String() != first.Body.String() {
		t.Error("the same routes make another document")
	}
	if w := fetch(t, s, "POST", "/openapi.json"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	src, err := s.OpenSource("POST /late", &SourceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	late := fetch(t, s, "GET", "/openapi.json").Body.String()
	if !strings.Contains(late, `"/late"`) || late[:80] == first.Body.String()[:80] && version(t, late) == version(t, first.Body.String()) {
		t.Error("a new route is not in the document, or not in its version")
	}
	src.(*Source).Close()
	if w := fetch(t, s, "GET", "/openapi.json"); w.Body.String() != first.Body.String() {
		t.Error("a closed route is in the document")
	}
	if _, err := s.OpenSource("GET /openapi.json", &SourceConfig{}); err == nil || !strings.Contains(err.Error(), "the OpenAPI description is served there") {
		t.Errorf("a route at the document's path: %v", err)
	}
	if w := fetch(t, newServer(t, ""), "GET", "/openapi.json"); w.Code != 404 {
		t.Errorf("without the option: %d", w.Code)
	}
}

func version(t *testing.T, doc string) string {
	t.Helper()
	return fmt.Sprint(openapitest.Read(t, []byte(doc)).At("info", "version"))
}

func TestOpenAPIPath(t *testing.T) {
	for path, want := range map[string]bool{"/openapi.json": true, "/api/v1": true, "openapi.json": false, "/livez": false, "/readyz": false, "/{x}": false,
		"/a?b": false, "/a#b": false, "/a b": false, "/a//b": false, "/a/../b": false, "/a%20b": false, "/a;b": false, `/a\b`: false} {
		cfg := defaultConfig()
		cfg.OpenAPI = path
		faults := cfg.check(&hub.Env{})
		if (len(faults) == 0) != want || len(faults) > 0 && (faults[0].Path != "openapi" || faults[0].Help == "") {
			t.Errorf("%s: %v", path, faults)
		}
	}
}

// TestOpenAPIIsTrue: what the document allows is taken, what it forbids is refused, and every answer is one that it tells of.
func TestOpenAPIIsTrue(t *testing.T) {
	answer := answers{}
	addr := serveRoute(t, "POST /orders/{id}", &SourceConfig{Verify: &Verify{Token: "t0ken"}}, &answer, func(c *Config) {
		c.OpenAPI = "/openapi.json"
		c.Limits.MaxBody = 1 << 10
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + addr + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var doc json.RawMessage
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	api := openapitest.Read(t, doc)
	for _, c := range []struct {
		name, token, media, body string
		reply                    *hub.Message
		err                      error
		want                     int
	}{
		{"no reply", "t0ken", "application/json", `{}`, nil, nil, 202},
		{"not proved", "", "application/json", `{}`, nil, nil, 401},
		{"no JSON", "t0ken", "application/json", `{`, nil, nil, 400},
		{"another media type", "t0ken", "text/csv", `a`, nil, nil, 415},
		{"too large", "t0ken", "application/json", `"` + strings.Repeat("x", 2<<10) + `"`, nil, nil, 413},
		{"invalid", "t0ken", "application/json", `{}`, nil, &hub.Error{Class: hub.Invalid, Reason: "schema", Err: fmt.Errorf("no"), Fields: []hub.FieldError{{Pointer: "/a", Detail: "b"}}}, 422},
		{"rejected", "t0ken", "application/json", `{}`, nil, hub.Fail(hub.Rejected, "no_stock", "no"), 409},
		{"the key runs", "t0ken", "application/json", `{}`, nil, hub.Fail(hub.Throttled, "in_progress", "no"), 409},
		{"throttled", "t0ken", "application/json", `{}`, nil, hub.Fail(hub.Throttled, "pace", "no"), 429},
		{"away", "t0ken", "application/json", `{}`, nil, hub.Fail(hub.Unavailable, "connection", "no"), 503},
		{"in time", "t0ken", "application/json", `{}`, nil, hub.Fail(hub.Timeout, "timeout", "no"), 504},
		{"a bug", "t0ken", "application/json", `{}`, nil, hub.Fail(hub.Bug, "bug", "no"), 500},
		{"a duplicate", "t0ken", "application/json", `{}`, nil, hub.ErrDuplicate, 202},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer.reply, answer.err = c.reply, c.err
			req, _ := http.NewRequest("POST", "http://"+addr+"/orders/7", strings.NewReader(c.body))
			req.Header.Set("Content-Type", c.media)
			req.Header.Set("Idempotency-Key", "k")
			if c.token != "" {
				req.Header.Set("Authorization", "Bearer "+c.token)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			api.Answered(req, res)
			if res.StatusCode != c.want {
				t.Errorf("status %d, want %d", res.StatusCode, c.want)
			}
		})
	}
}

// answers is a caller that gives what a test says.
type answers struct {
	reply *hub.Message
	err   error
}

func (a *answers) Handle(ctx context.Context, m *hub.Message) error {
	_, err := a.Call(ctx, m)
	return err
}
func (a *answers) Call(context.Context, *hub.Message) (*hub.Message, error) {
	return a.reply, a.err
}
