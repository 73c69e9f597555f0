package scenario_test

import (
	"os"
	"strings"
	"testing"

	"orderhub/pipelines/scenario"
)

// A test that fails tells what was expected, what came instead, and why.
func TestFailures(t *testing.T) {
	approved := `mock: {billing.charge: {result: approved}, shipping.book: {id: p-1}}`
	for name, c := range map[string]struct{ test, expected, got, why string }{
		"where it went instead": {approved + ", do: [{post: web-orders, body: samples/order.json, expect: {orders.invalid: 1}}]",
			"orders.invalid  1 message", "0 messages; there came to mail (1)", "the rule at pipelines.yaml:41 was false: sum(body.items, .price * .quantity) = 9.00 != body.total = 9.00"},
		"the rule that was true": {approved + ", do: [{post: web-orders, body: {order_id: W-2, total: 10, items: []}, expect: {orders.paid: 1}}]",
			"orders.paid  1 message", "0 messages; there came to orders (1), orders.invalid (1)", "the rule at pipelines.yaml:41 was true: sum(body.items, .price * .quantity) = 0 != body.total = 10"},
		"a call without a mock": {"do: [{post: web-orders, body: samples/order.json}]",
			"a mock of billing.charge", `it was called with {"order":"W-1","amount":9.00}`, "order-intake/call billing.charge at pipelines.yaml:44 failed"},
		"a dead letter": {"mock: {billing.charge: {fail: rejected, say: no such shop}}, do: [{give: phone-orders, body: samples/order.json}]",
			"no dead letters at the end, or expect: {dead: 1}", `"reason":"rejected"`, "rejected: no such shop; dead letter"},
		"dead letters by their number": {"mock: {billing.charge: {fail: rejected}}, do: [{give: phone-orders, body: samples/order.json, expect: {dead: 2}}]",
			"dead letters  2 messages", "1 message", "dead letter"},
		"a status": {approved + ", do: [{post: web-orders, body: samples/order.json, expect: {status: 201}}]", "status 201", "status is 202, not 201", ""},
		"a refusal that is not expected": {"do: [{post: order-status}]",
			"expect: {status: 422}", "status 422", ""},
		"a field of a reply":          {approved + ", do: [{post: web-orders, body: samples/order.json, expect: {body: {order: W-2}}}]", `body {order: "W-2"}`, `body.order is "W-1", not "W-2"`, ""},
		"a formula":                   {approved + `, do: [{post: web-orders, body: samples/order.json, expect: {body: '=len(body.order) > 3'}}]`, "body =len(body.order) > 3", `len(body.order) > 3 is false; body is {"order":"W-1"}`, ""},
		"a mail":                      {approved + ", do: [{post: web-orders, body: samples/order.json, expect: {mail: {to: bob}}}]", `mail  {to: "bob"}`, `1 message, and in the last one it.to is "ann@shop.example", not "bob"`, ""},
		"a list of messages":          {approved + ", do: [{post: web-orders, body: samples/order.json, expect: {orders.paid: [{order_id: W-1}, {}]}}]", `orders.paid  [{order_id: "W-1"}, {}]`, "1 message:", ""},
		"nothing":                     {approved + ", do: [{post: web-orders, body: samples/order.json, expect: {none: mail}}]", "mail  no message", `"to":"ann@shop.example"`, ""},
		"effects":                     {approved + ", do: [{post: web-orders, body: samples/order.json, expect: {calls: {billing.charge: 2}}}]", "billing.charge  2 effects", "1 effect", ""},
		"a table":                     {approved + ", do: [{post: web-orders, body: samples/order.json, expect: {table orders: {W-1: {state: new}}}}]", `table orders  {W-1: {state: "new"}}`, `orders.W-1.state is "shipped", not "new"`, ""},
		"a counter":                   {approved + ", do: [{post: web-orders, body: samples/order.json, expect: {counter: {told: 2}}}]", "counter  {told: 2}", "counter.told is 1, not 2", ""},
		"a body that is not there":    {"do: [{post: web-orders, body: samples/nothing.json}]", "the test goes on", "cannot read samples/nothing.json", ""},
		"a partner that is not there": {"mock: {billing: nothing.yaml}, do: [{post: web-orders, body: samples/order.json}]", "a mock of billing.charge", "none", ""},
		"time that is over":           {"do: [{at: 2020-01-01}]", "the test goes on", "2020-01-01T00:00:00Z is over: it is 2026-03-02T09:00:00Z", ""},
		"a wrong request":             {"mock: {billing.charge: {result: approved}, stock.commands: {}, shipping: specs/shipping.yaml}, do: [{post: web-orders, body: samples/order.json}]", "a request of shipping.book as shipping.yaml says", "from", "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, shopWith(t, "{"+c.test+"}"))
			results := b.run(t, scenario.Options{Run: byName("it")})
			found := results["it"].Failures
			if len(found) == 0 {
				t.Fatalf("it passed: %v", results)
			}
			f := found[0]
			if !strings.Contains(f.Expected, c.expected) || !strings.Contains(f.Got, c.got) || !strings.Contains(f.Why, c.why) || !strings.Contains(f.Line, "pipelines.yaml:") {
				t.Errorf("got\n%s\nwant\nexpected  %s\ngot       %s\nwhy       %s", f, c.expected, c.got, c.why)
			}
		})
	}
}

// shopWith is the example with one more test, in a folder of its own.
func shopWith(t *testing.T, test string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/shop")); err != nil {
		t.Fatal(err)
	}
	path := dir + "/pipelines.yaml"
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(src, "\n  it: "+test+"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is expected of a name sees what came since the name was asked for last; a number counts all.
func TestSinceTheLastExpectation(t *testing.T) {
	r := open(t, shopWith(t, `{mock: {billing.charge: {result: approved}, shipping.book: {id: p-1}}, do: [
    {post: web-orders, body: samples/order.json, expect: {mail: [{template: order-shipped}]}},
    {expect: {none: mail, mail: 1}},
    {post: web-orders, body: {order_id: W-2, total: 0, email: bob@shop.example, items: [{sku: tea, price: 0, quantity: 1}]}},
    {advance: 1h},
    {expect: {mail: [{to: bob@shop.example}], orders: 2}}]}`)).run(t, scenario.Options{Run: byName("it")})["it"]
	for _, f := range r.Failures {
		t.Error(f)
	}
	if r.Virtual.Hours() != 1 || r.Subject != "web-orders" {
		t.Errorf("%v of virtual time, subject %s", r.Virtual, r.Subject)
	}
}
