package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/config"
)

const stubbed = `
hub: {store: "sqlite:STORE"}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
  billing: {type: http-client, url: "${TEST_BILLING_URL}", bearer: secret:test-billing, ops: {charge: {http: POST /charges, expect: [200, 402]}}}
  shipping-eu: {type: http-client, url: "${TEST_SHIPPING_URL}", ops: {book: POST /shipments}}
pipelines:
  buy:
    from: {web: POST /buy}
    steps:
      - {call: billing.charge, with: {order: =body.id, amount: 5, currency: EUR, card: =body.card}, as: charge}
      - {call: shipping-eu.book, with: {order: =body.id, service: standard, parcels: [{skus: [a]}], address: {zip: "10115"}}, as: shipment}
      - reply: {status: 202, body: {result: =charge.result}}
  called-back:
    from: {web: POST /hooks/shipping, verify: {hmac: secret:shipping-hook, header: X-Sig, timestamp_header: X-Timestamp}}
    steps: [{reply: 204}, {count: {name: hooks, by: body.status}}]
`

// TestStubs: partners without a URL answer, with secrets that fit, and call back.
func TestStubs(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, stubbed)
	s.start()
	if !slices.Equal(s.ready.Stubs, []string{"billing", "shipping-eu"}) {
		t.Errorf("stubs are %v", s.ready.Stubs)
	}
	has(t, s.hub(0, "send", "buy", `{"id":"S-1","card":"tok_visa"}`), `"result":"approved"`)
	await(t, "the carrier called back twice", func() bool {
		out := s.hub(0, "status")
		return strings.Contains(out, "picked_up  1") && strings.Contains(out, "delivered  1")
	})
	s.stop()
	has(t, s.hub(1, "run", s.config, "--no-stubs"), "${TEST_BILLING_URL} is not set", `secret "test-billing"`)
}

// TestServerIsNoPartner: the url of a server is where links lead. Its secrets are made up beside stubs, and no stub stands in for it.
func TestServerIsNoPartner(t *testing.T) {
	for name, c := range map[string]struct {
		server, url string
		code        int
		says        string
	}{
		"a server":               {"web", "https://shop.example", 0, `warning[W122]: secret "test-links" is not set`},
		"named like a partner":   {"billing", "https://shop.example", 0, `warning[W122]: secret "test-links" is not set`},
		"without its address":    {"web", "${TEST_SHOP_URL}", 1, "${TEST_SHOP_URL} is not set"},
		"named, and without one": {"billing", "${TEST_SHOP_URL}", 1, "${TEST_SHOP_URL} is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, fmt.Sprintf(`
adapters:
  %s: {type: http-server, url: "%s", link_key: secret:test-links}
  shipping: {type: http-client, url: "${TEST_SHIPPING_URL}", ops: {book: POST /shipments}}
pipelines:
  page: {from: {%[1]s: "GET /orders/{id}", verify: {token: link}}, steps: [{call: shipping.book, with: {id: =params.id}}, {reply: 200}]}
`, c.server, c.url))
			has(t, s.hub(c.code, "validate", s.config), c.says)
		})
	}
}

const boxed = `
hub: {store: "sqlite:STORE"}
adapters:
  web: {type: http-server, listen: ":8080"}
  inbox: {type: files, dir: inbox, match: "*.csv"}
  outbox: {type: files, dir: outbox}
  billing: {type: http-client, url: "https://billing.example", ops: {charge: {http: POST /charges, expect: [200, 402]}}}
channels:
  orders: {type: direct, key: body.id}
  log: {type: direct}
pipelines:
  web-orders:
    from: {web: POST /orders, verify: {hmac: secret:test-store, max_age: 5m}}
    steps: [{reply: 202}, {send: orders}]
  phone-orders:
    from: {inbox: "*.csv", format: csv}
    steps: [{send: orders}]
  work:
    from: orders
    steps:
      - {call: billing.charge, with: {order: =body.id, amount: 5, currency: EUR, card: tok_visa}}
      - send: log
      - {send: {outbox: "{order}.json"}, headers: {order: =body.id}}
`

// TestSandbox: samples are played by HTTP and by file; nothing leaves the sandbox.
func TestSandbox(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	t.Setenv("HUB_SECRET_TEST_STORE", "whatever-it-is, it is long")
	s := newSite(t, boxed)
	samples := filepath.Join(s.dir, "samples")
	if err := os.Mkdir(samples, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"web-orders.1.json": `{"id":"W-1"}`, "phone-orders.1.csv": "id\nP-1\nP-2\n", "work.1.json": `{}`} {
		if err := os.WriteFile(filepath.Join(samples, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, talk bytes.Buffer
	if code := run(context.Background(), []string{"sandbox", s.config}, nil, &out, &talk); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, &out, &talk)
	}
	has(t, out.String(), "== web-orders.1.json  POST /orders  202 Accepted", "== phone-orders.1.csv  dropped into inbox", "billing.charge → 200",
		"== work.1.json  not played", "kept in log", "3 samples in ", "billing charge 3")
	if n := strings.Count(out.String(), "@outbox {order}.json"); n != 3 {
		t.Errorf("%d files were written, expected 3\n%s", n, &out)
	}
	for _, name := range []string{"hub.db", "inbox", "outbox"} {
		if config.Exists(filepath.Join(s.dir, name)) {
			t.Errorf("the sandbox left %s behind", name)
		}
	}
}
