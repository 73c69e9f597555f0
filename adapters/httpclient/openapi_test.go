package httpclient

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
)

// shippingSpec is the file that the README's example names as well.
func shippingSpec(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/shipping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func specFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// asJSON is the YAML text as JSON with tabs.
func asJSON(t *testing.T, text string) string {
	t.Helper()
	v, err := decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestSpec(t *testing.T) {
	want := []string{
		"book POST /shipments [query dry_run false, header X-Any false] [{200 200} {201 201}]",
		"cancel DELETE /shipments/{id} [path id true, query lang false] [{204 204}]",
		"find GET /shipments [query reference true, query page false] [{200 299}]",
		"get-shipment.v2 GET /shipments/{id} [path id true, query lang true] [{200 299}]",
		"quote POST /quotes [] [{200 299}]",
	}
	for name, text := range map[string]string{"s.yaml": shippingSpec(t), "s.json": asJSON(t, shippingSpec(t))} {
		file, err := readSpec(&hub.Env{}, specFile(t, name, text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, o := range file.ops {
			var params []string
			for _, p := range o.params {
				params = append(params, fmt.Sprint(p.in, " ", p.name, " ", p.required))
			}
			got = append(got, fmt.Sprint(o.name, " ", o.method, " ", o.path, " [", strings.Join(params, ", "), "] ", o.expect))
		}
		if file.server != "https://shipping.example/v1" {
			t.Errorf("%s: server %q", name, file.server)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got  %q\n want %q", name, got, want)
		}
	}
}

// TestSpecCalls: operations of the file are called as it says; one of the same name in ops wins.
func TestSpecCalls(t *testing.T) {
	for _, c := range []struct {
		op, body string
		status   int
		want     string
		fail     string
	}{
		{"book", `{"order":"A","dry_run":true}`, 201, `POST /v1/shipments?dry_run=true {"order":"A"}`, ""},
		{"book", `{"order":"A"}`, 200, `POST /v1/shipments {"order":"A"}`, ""},
		{"book", `{}`, 202, `POST /v1/shipments {}`, "bad_response"},
		{"find", `{"reference":"A 1","page":2,"other":3}`, 200, `GET /v1/shipments?page=2&reference=A+1 `, ""},
		{"find", `{"page":2}`, 200, "", "missing_param"},
		{"find", `null`, 200, "", "missing_param"},
		{"get-shipment.v2", `{"id":"7/8","lang":"de"}`, 200, `GET /v1/shipments/7%2F8?lang=de `, ""},
		{"cancel", `{"id":7,"note":"x"}`, 204, `DELETE /v1/shipments/7 `, ""},
		{"quote", `{"to":"DE"}`, 200, `PUT /v1/quotations {"to":"DE"}`, ""},
	} {
		t.Run(c.op+" "+c.body, func(t *testing.T) {
			got := ""
			reply, err := ask(t, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got = fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, b)
				w.WriteHeader(c.status)
			}, c.op, message(c.body), func(cfg *Config) {
				cfg.URL += "/v1"
				cfg.OpenAPI = "testdata/shipping.yaml"
				cfg.Ops = map[string]Op{"quote": {HTTP: "PUT /quotations"}}
			})
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if (err == nil) != (c.fail == "") || err != nil && err.Reason != c.fail {
				t.Errorf("%v, want %q", err, c.fail)
			}
			if err == nil && reply.Headers["status"] != fmt.Sprint(c.status) {
				t.Errorf("reply %v", reply.Headers)
			}
		})
	}
}

// TestSpecOps: the hub knows the operations of the file when it has checked the adapter.
func TestSpecOps(t *testing.T) {
	c := Component()
	cfg := c.Config().(*Config)
	cfg.URL, cfg.OpenAPI, cfg.Ops = "http://x", "shipping.yaml", map[string]Op{"quote": {HTTP: "PUT /quotations"}, "own": {HTTP: "GET /own"}}
	if faults := c.Check(cfg, &hub.Env{Dir: "testdata"}); len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := c.Ops(cfg); !slices.Equal(got, []string{"book", "cancel", "find", "get-shipment.v2", "own", "quote"}) {
		t.Errorf("operations %q", got)
	}
}

func TestSpecFaults(t *testing.T) {
	paths := func(text string) string { return "openapi: 3.0.3\npaths:\n" + text }
	for _, c := range []struct{ name, text, want string }{
		{"not there", "", "no such file or directory"},
		{"no YAML", "a: [", "yaml: line 1"},
		{"no JSON", `{"a":}`, "invalid character '}'"},
		{"a list", "- a", "it is no map"},
		{"Swagger", `{"swagger":"2.0"}`, "it is Swagger 2: make OpenAPI 3 of it, with `npx swagger2openapi FILE`"},
		{"another file", "type: object", "it is no OpenAPI 3 file"},
		{"version 4", "openapi: 4.0.0", "it is no OpenAPI 3 file"},
		{"nothing", "openapi: 3.0.0", "it has no operation with an operationId"},
		{"twice", paths("  /a: {get: {operationId: x}}\n  /b: {post: {operationId: x}}\n"), `POST /b: the operationId "x" is that of GET /a already`},
		{"a bad path", paths("  /a/{b: {get: {operationId: x}}\n"), `GET /a/{b: op "x": "GET /a/{b" has a { without a name and a }`},
		{"a bad status", paths("  /a: {get: {operationId: x, responses: {2000: {}}}}\n"), "GET /a: expect: 2000 is no status"},
		{"a reference to another file", paths("  /a: {$ref: a.yaml}\n"), "$ref a.yaml of s.yaml: no such file or directory"},
		{"a reference to nothing", paths("  /a: {get: {operationId: x, parameters: [{$ref: '#/components/parameters/p'}]}}\n"), "GET /a: parameters: $ref #/components/parameters/p leads nowhere"},
		{"references in a circle", paths("  /a: {$ref: '#/paths/~1a'}\n"), "/a: $refs that lead to each other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := defaultConfig()
			cfg.URL, cfg.OpenAPI = "http://x", "missing.yaml"
			env := &hub.Env{Dir: t.TempDir()}
			if c.text != "" {
				file := specFile(t, "s.yaml", c.text)
				env.Dir, cfg.OpenAPI = filepath.Dir(file), "s.yaml"
			}
			faults := cfg.check(env)
			if len(faults) != 1 || faults[0].Path != "openapi" || !strings.HasPrefix(faults[0].Message, "openapi: "+cfg.OpenAPI+": ") || !strings.Contains(faults[0].Message, c.want) {
				t.Errorf("%+v, want %q", faults, c.want)
			}
			if _, err := definition().New(cfg, env); err == nil {
				t.Error("it can be opened")
			}
		})
	}
}
