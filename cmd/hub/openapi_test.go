package main

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/adapters/httpserver/openapitest"
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
