package main

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub/hubtest/openapitest"
)

// orderHub runs the order hub itself, with its description served.
func orderHub(t *testing.T) *site {
	t.Helper()
	t.Setenv("PHONE_INBOX", t.TempDir())
	t.Setenv("PARTNER_OUTBOX", t.TempDir())
	s := &site{t: t, dir: t.TempDir(), config: "../../config/pipelines.yaml"}
	s.start("--set", "hub.store=memory:", "--set", "adapters.web.listen=127.0.0.1:0", "--set", "adapters.web.openapi=/openapi.json")
	return s
}

// TestOpenAPI: the order hub describes its routes, and does as it says.
func TestOpenAPI(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := orderHub(t)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(s.ready.URLs["web"] + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	document, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("valid", func(t *testing.T) { openapitest.Validate(t, document) })
	api := openapitest.Read(t, document)
	if title := api.At("info", "title"); title != "order-hub" {
		t.Errorf("the title is %v", title)
	}
	if zip := api.At("components", "schemas", "web-orders", "properties", "shipTo", "properties", "zip", "type"); zip != "string" {
		t.Errorf("the zip of a web order is %v", zip)
	}
	sample := func(name string) string {
		b, err := os.ReadFile("../../config/samples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	web := sample("web-orders.1-approved.json")
	for _, c := range []struct {
		name, method, path, body, key string
		fits                          bool
		want                          int
	}{
		{"an order", "POST", "/orders", web, "k1", true, 202},
		{"the same once more", "POST", "/orders", web, "k1", true, 202},
		{"another one with its key", "POST", "/orders", sample("web-orders.2-declined.json"), "k1", true, 422},
		{"an order without lines", "POST", "/orders", `{"orderNumber":"W-9","user":{"id":"u","email":"a@b.example"},"total":1}`, "", false, 422},
		{"an order with a wrong address", "POST", "/orders", strings.Replace(web, `"10115"`, `10115`, 1), "", false, 422},
		{"an order of the sales desk", "POST", "/sales/orders", sample("sales-orders.1-invoice.json"), "", true, 202},
		{"an unknown order", "GET", "/orders/NONE", "", "", true, 404},
		{"an order with an empty key", "POST", "/orders", web, " ", true, 400},
		{"a webhook without its signature", "POST", "/hooks/shipping", `{"reference":"W-1","shipment":"s","seq":1,"status":"delivered"}`, "", true, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.body != "" {
				if err := api.Fits(c.method, c.path, "application/json", []byte(c.body)); (err == nil) != c.fits {
					t.Errorf("the document says of the body: %v", err)
				}
			}
			req, err := http.NewRequest(c.method, s.ready.URLs["web"]+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			if c.key != "" {
				req.Header.Set("Idempotency-Key", c.key)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if body := api.Answered(req, res); res.StatusCode != c.want {
				t.Errorf("%d, not %d: %s", res.StatusCode, c.want, body)
			}
		})
	}
}

// TestOpenAPIForms: each form that the document allows is taken, whatever its fields are called. Of documents with objects in
// them it promises no form.
func TestOpenAPIForms(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, `
hub: {store: "sqlite:STORE", drain: 2s}
schemas: {flat: flat.json, deep: deep.json}
adapters: {web: {type: http-server, listen: "127.0.0.1:0", openapi: /openapi.json}}
pipelines:
  any: {from: {web: POST /any, public: true}, steps: [{reply: 204}]}
  empty: {from: {web: POST /empty, public: true, empty_body: true}, steps: [{reply: 204}]}
  flat: {from: {web: POST /flat, public: true, schema: flat}, steps: [{reply: 204}]}
  deep: {from: {web: POST /deep, public: true, schema: deep}, steps: [{reply: 204}]}
`)
	s.file("flat.json", `{"type":"object","properties":{"a":{"$ref":"#/$defs/n"},"b":{"type":["string","null"]},"c":{"type":"array","items":{"type":"boolean"}}},"$defs":{"n":{"type":"integer"}}}`)
	s.file("deep.json", `{"type":"object","properties":{"lines":{"type":"array","items":{"type":"object"}}}}`)
	s.start()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(s.ready.URLs["web"] + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	document, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	const media = "application/x-www-form-urlencoded"
	api := openapitest.Read(t, document)
	if err := api.Fits("POST", "/deep", media, []byte(`{}`)); err == nil {
		t.Error("a form with objects is promised")
	}
	r, tried := rand.New(rand.NewPCG(1, 2)), map[bool]int{}
	for range 300 {
		values, fields := randomForm(r)
		body, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		path := []string{"/any", "/empty", "/flat"}[r.IntN(3)]
		fits := api.Fits("POST", path, media, body) == nil
		tried[fits]++
		req, err := http.NewRequest("POST", s.ready.URLs["web"]+path, strings.NewReader(values.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", media)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if answer := api.Answered(req, res); fits && res.StatusCode != 204 {
			t.Errorf("%s %.200s: the document allows it, and the answer is %s", path, body, answer)
		}
		res.Body.Close()
	}
	if tried[true] < 50 || tried[false] < 50 {
		t.Errorf("the document allows, and refuses: %v", tried)
	}
}

// randomForm is a form, and the object that it says: of none or a few fields, or of about as many as the hub takes.
func randomForm(r *rand.Rand) (url.Values, map[string]any) {
	values, fields := url.Values{}, map[string]any{}
	n := r.IntN(4)
	if r.IntN(10) == 0 {
		n = 999 + r.IntN(3)
		for i := range n {
			values.Set("f"+strconv.Itoa(i), "")
		}
	}
	names, texts := []string{"a", "b", "c", "0", "1", "x", "a.b", " ", "é", "%", "&=", "", "[", "]", "a[]", "b[c]"}, []string{"true", "1", "x", "null", "", "&"}
	for range n % 4 {
		values.Add(names[r.IntN(len(names))], texts[r.IntN(len(texts))])
	}
	for name, list := range values {
		said := make([]any, len(list))
		for i, text := range list {
			if said[i] = text; (name == "a" && text == "1") || (name == "c" && text == "true") {
				said[i] = json.RawMessage(text)
			}
		}
		if fields[name] = said; len(said) == 1 && name != "c" {
			fields[name] = said[0]
		}
	}
	return values, fields
}

// TestFault_H9: what a linter asks of the order hub's description: each operation has a summary, tags and a word on who may use it, each body a
// schema, and an example where the configuration has samples; each error is problem+json; nothing lies about unused. And an answer that
// says nothing but its status is a problem as well.
func TestFault_H9(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, `
hub: {store: "sqlite:STORE", drain: 2s}
schemas: {order: order.json}
adapters: {web: {type: http-server, listen: "127.0.0.1:0", openapi: /openapi.json}}
channels: {orders: {type: direct}}
pipelines:
  orders: {from: {web: POST /orders, schema: order, public: true}, steps: [{reply: {status: 202, body: {order: =body.id, total: '=body.lines[0].price'}}}, {send: orders}]}
  order: {from: {web: "GET /orders/{id}"}, steps: [{reply: {body: '=table("orders", params.id)'}}]}
`)
	s.file("order.json", `{"title":"An order","type":"object","required":["id","lines"],"properties":{"id":{"type":"string"},"lines":{"type":"array","minItems":1,"items":{"$ref":"#/$defs/line"}}},
		"$defs":{"line":{"type":"object","required":["price"],"properties":{"price":{"type":"number"}}},"unused":{"type":"string"}}}`)
	if err := os.Mkdir(filepath.Join(s.dir, "samples"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.file("samples/orders.1-good.json", `{"id":"W-1","lines":[{"price":19.95}]}`)
	s.file("samples/orders.2-bad.json", `{"id":1}`)
	s.start()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) (*http.Request, *http.Response) {
		req, _ := http.NewRequest("GET", s.ready.URLs["web"]+path, nil)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return req, res
	}
	_, res := get("/openapi.json")
	document, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	api := openapitest.Read(t, document)
	for _, c := range []struct {
		want string
		at   []string
	}{
		{`{"1-good":{"value":{"id":"W-1","lines":[{"price":19.95}]}}}`, []string{"paths", "/orders", "post", "requestBody", "content", "application/json", "examples"}},
		{`{"additionalProperties":false,"properties":{"order":{"type":"string"},"total":{"type":"number"}},"required":["order","total"],"type":"object"}`,
			[]string{"paths", "/orders", "post", "responses", "202", "content", "application/json", "schema"}},
		{`"An order"`, []string{"paths", "/orders", "post", "summary"}},
		{`["orders"]`, []string{"paths", "/orders/{id}", "get", "tags"}},
		{`[]`, []string{"paths", "/orders/{id}", "get", "security"}},
	} {
		v := api.At(c.at...)
		if m, ok := v.(map[string]any); ok && m["$ref"] != nil {
			v = api.At(strings.Split(m["$ref"].(string), "/")[1:]...)
		}
		if got, _ := json.Marshal(v); string(got) != c.want {
			t.Errorf("%v is %s, want %s", c.at, got, c.want)
		}
	}
	for name := range api.At("components", "schemas").(map[string]any) {
		if !strings.Contains(string(document), `"#/components/schemas/`+name) {
			t.Errorf("nothing refers to %s", name)
		}
	}
	req, res := get("/orders/none")
	if body := api.Answered(req, res); res.StatusCode != 404 || res.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(string(body), `"code":"not_found"`) {
		t.Errorf("%d %v %s", res.StatusCode, res.Header, body)
	}
}
