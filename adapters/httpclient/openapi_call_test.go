package httpclient

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
)

// shopSpec has what real descriptions have beside JSON bodies and plain queries.
const shopSpec = `openapi: 3.0.3
servers: [{url: "https://{region}.shop.example/v2/", variables: {region: {default: eu}}}, {url: https://sandbox.shop.example}]
security: [{key: []}, {token: [orders]}]
paths:
  /shops/{shop}/orders/{ids}:
    parameters: [{in: path, name: shop, required: true, schema: {type: string}}]
    get:
      operationId: get
      security: []
      parameters:
        - {in: path, name: ids, required: true, style: matrix, explode: true, schema: {type: array, items: {type: string}}}
        - {in: query, name: status, schema: {type: array, items: {type: string}}}
        - {in: query, name: fields, explode: false, schema: {type: array, items: {type: string}}}
        - {in: query, name: filter, style: deepObject, schema: {type: object}}
        - {in: query, name: where, content: {application/json: {schema: {type: object}}}}
        - {in: query, name: path, allowReserved: true, schema: {type: string}}
        - {in: header, name: X-Tenant, required: true, schema: {type: string}}
        - {in: header, name: Authorization, schema: {type: string}}
        - {in: cookie, name: session, schema: {type: string}}
    put:
      operationId: put
      parameters: [{in: path, name: ids, required: true, schema: {type: string}}]
      requestBody: {content: {application/json: {schema: {type: object}}}}
    post:
      operationId: close
      parameters: [{in: path, name: ids, required: true, schema: {type: string}}]
  /batch:
    post: {operationId: batch, requestBody: {content: {application/json: {schema: {type: array}}}}}
  /token:
    post: {operationId: token, requestBody: {content: {multipart/form-data: {}, application/x-www-form-urlencoded: {schema: {type: object}}}}}
  /labels:
    servers: [{url: https://labels.shop.example}]
    post: {operationId: label, requestBody: {content: {application/xml: {schema: {type: object}}}}, security: [{}]}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}, token: {type: http, scheme: bearer}}
`

// shop is a configuration with shopSpec.
func shop(t *testing.T, url string, change func(*Config)) *Config {
	t.Helper()
	cfg := defaultConfig()
	cfg.URL, cfg.OpenAPI = url, "s.yaml"
	if change != nil {
		change(cfg)
	}
	if faults := cfg.check(&hub.Env{Dir: filepath.Dir(specFile(t, "s.yaml", shopSpec))}); len(faults) > 0 {
		t.Fatal(faults)
	}
	return cfg
}

// Parameters go where the description says, in its styles, and leave the body; a body that it does not know is not sent.
func TestFault_H6_ParametersOfADescription(t *testing.T) {
	file := specFile(t, "s.yaml", shopSpec)
	for _, c := range []struct {
		op, body, want, reason string
	}{
		{"get", `{"shop":"a/b","ids":["1","2"],"status":["x","y"],"fields":["id","n"],"filter":{"from":"a","to":"b"},"where":{"n":1},"path":"a/b:c","X-Tenant":"t1","session":"s","other":1}`,
			`GET /shops/a%2Fb/orders/;ids=1;ids=2?fields=id,n&filter%5Bfrom%5D=a&filter%5Bto%5D=b&path=a/b:c&status=x&status=y&where=%7B%22n%22%3A1%7D tenant=t1 cookie=session=s `, ""},
		{"get", `{"shop":"a","ids":["1"]}`, "", "missing_param"},
		{"put", `{"shop":"a","ids":"7","n":1.50}`, `PUT /shops/a/orders/7 tenant= cookie= {"n":1.50}`, ""},
		{"close", `{"shop":"a","ids":"7","n":1}`, `POST /shops/a/orders/7 tenant= cookie= `, ""},
		{"batch", `[{"n":1},{"n":2}]`, `POST /batch tenant= cookie= [{"n":1},{"n":2}]`, ""},
	} {
		got := ""
		_, err := ask(t, func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = fmt.Sprintf("%s %s tenant=%s cookie=%s %s", r.Method, r.RequestURI, r.Header.Get("X-Tenant"), r.Header.Get("Cookie"), b)
		}, c.op, message(c.body), func(cfg *Config) { cfg.OpenAPI, cfg.APIKey = file, APIKey{In: "header", Name: "X-Key", Value: "k"} })
		if got != c.want || (err == nil) != (c.reason == "") || err != nil && err.Reason != c.reason {
			t.Errorf("%s %s:\n got  %q\n want %q\n%v", c.op, c.body, got, c.want, err)
		}
	}
	step := message(`{"shop":"a","ids":"1"}`).WithHeader("x-tenant", "of the step")
	if _, err := ask(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Tenant") != "of the step" {
			t.Errorf("%v", r.Header)
		}
	}, "get", step, func(cfg *Config) { cfg.OpenAPI = file }); err != nil {
		t.Error(err)
	}
}

func TestFault_H6_BodiesOfADescription(t *testing.T) {
	cfg := shop(t, "http://x", nil)
	for op, want := range map[string]string{"put": "", "batch": "", "token": "application/x-www-form-urlencoded", "label": "application/xml", "get": "", "none": ""} {
		if got := cfg.takes(op); got != want {
			t.Errorf("%s takes %q, want %q", op, got, want)
		}
	}
}

// The first server of the file is where the service is, if url says so, and single operations have their own.
func TestSpecServers(t *testing.T) {
	cfg := shop(t, fromFile, nil)
	c, err := open(cfg, &hub.Env{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"batch": "https://eu.shop.example/v2/batch", "label": "https://labels.shop.example/labels"} {
		o, err := c.operation(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.address(&parts{path: o.op.path}); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	definition().Confine(cfg, "http://127.0.0.1:9", "")
	if c, err = open(cfg, &hub.Env{Name: "shop"}); err != nil {
		t.Fatal(err)
	}
	if o, err := c.operation("label"); err != nil || o.address(&parts{path: o.op.path}) != "http://127.0.0.1:9/labels" {
		t.Errorf("in a sandbox a call leaves this machine: %v", err)
	}
	cfg = defaultConfig()
	cfg.URL, cfg.OpenAPI = fromFile, "s.yaml"
	faults := cfg.check(&hub.Env{Dir: filepath.Dir(specFile(t, "s.yaml", "openapi: 3.1.0\npaths: {/a: {get: {operationId: a}}}"))})
	if len(faults) != 1 || faults[0].Path != "url" {
		t.Errorf("a file without servers: %v", faults)
	}
}

// A call that the description wants a login for needs one of those that it names.
func TestSpecSecurity(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*Config)
		headers []string
		want    string
	}{
		"none":              {nil, nil, "batch needs key or token, as s.yaml says, and nothing sends it"},
		"its key":           {func(c *Config) { c.APIKey = APIKey{In: "header", Name: "x-key", Value: "k"} }, nil, ""},
		"another key":       {func(c *Config) { c.APIKey = APIKey{In: "query", Name: "x-key", Value: "k"} }, nil, "batch needs key or token"},
		"a token":           {func(c *Config) { c.Bearer = "t" }, nil, ""},
		"a header":          {func(c *Config) { c.Headers = map[string]string{"X-KEY": "k"} }, nil, ""},
		"one of the step":   {nil, []string{"x-key"}, ""},
		"a token per step":  {nil, []string{"Authorization"}, ""},
		"another of a step": {nil, []string{"x-other"}, "batch needs key or token"},
	} {
		cfg := shop(t, "http://x", c.change)
		faults := cfg.checkCall("batch", c.headers)
		if (len(faults) > 0) != (c.want != "") || len(faults) > 0 && !strings.HasPrefix(faults[0].Message, c.want) {
			t.Errorf("%s: %v", name, faults)
		}
		for _, free := range []string{"get", "label"} {
			if faults := cfg.checkCall(free, nil); len(faults) > 0 {
				t.Errorf("%s: %v", free, faults)
			}
		}
	}
}

func TestSpecParameterFaults(t *testing.T) {
	for parameter, want := range map[string]string{
		"{in: query, name: a, style: matrix}":  `GET /a: parameters: a: the style "matrix" is none of a query: there are form, spaceDelimited, pipeDelimited, deepObject and json`,
		"{in: header, name: 'a b'}":            `GET /a: parameters: a b: header "a b" can't be sent`,
		"{in: query, name: a, style: simple}":  `the style "simple" is none of a query`,
		"{$ref: '#/components/parameters/no'}": "leads nowhere",
	} {
		_, err := readSpec(&hub.Env{}, specFile(t, "s.yaml", "openapi: 3.1.0\npaths: {/a: {get: {operationId: a, parameters: ["+parameter+"]}}}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", parameter, err)
		}
	}
}

// What is only written need not be in an answer.
func TestSpecWriteOnly(t *testing.T) {
	got := jsonSchema(map[string]any{"required": []any{"id", "secret"}, "properties": map[string]any{"id": map[string]any{}, "secret": map[string]any{"writeOnly": true}}})
	if required := got.(map[string]any)["required"].([]any); !slices.Equal(required, []any{"id"}) {
		t.Errorf("%v", required)
	}
}
