package examples

import (
	"encoding/base64"
	"testing"

	"orderhub/hub/hubtest"
)

// TestShopifyOrders: a forged webhook does nothing, a real one ships its order once: Shopify is busy, the hub is killed while the warehouse
// ships, and Shopify tells the same again, in the same webhook and in another one.
func TestShopifyOrders(t *testing.T) {
	t.Parallel()
	const order = `{"order":{"id":450789469,"name":"#1001","email":"Ann@Shop.Example","currency":"EUR","total_price":"44.90",` +
		`"financial_status":"paid","cancelled_at":null,"line_items":[{"id":1,"sku":"A","quantity":2,"price":"19.95"},{"id":2,"sku":"B","quantity":1,"price":"5.00"}]}}`
	shopify := newPartner(t, map[string][]canned{
		"GET /admin/api/2026-01/orders/450789469.json": {{429, "Retry-After: 1.0", `{"errors":"Exceeded 2 calls per second"}`}, {200, "", order}},
		"PUT /admin/api/2026-01/orders/450789469.json": {{200, "", order}},
	})
	warehouse := newPartner(t, map[string][]canned{"POST /shipments": {never, {201, "", `{"number":"S-7"}`}}})
	p := newPlace(t, "shopify-orders")
	p.set("SHOPIFY_URL", shopify.url)
	p.set("SHOPIFY_TOKEN", "shpat_0123456789abcdef")
	p.set("SHOPIFY_SECRET", "hush-0123456789abcdef")
	p.set("WAREHOUSE_URL", warehouse.url)
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	h := p.run("hub", "pipelines.yaml", nil)

	body := p.sample("webhook.1-paid.json")
	hook := func(secret, id, topic string) int {
		sum := base64.StdEncoding.EncodeToString(signed(secret, body))
		return h.do("POST", "/hooks/orders", body, "X-Shopify-Hmac-Sha256", sum, "X-Shopify-Webhook-Id", id, "X-Shopify-Topic", topic).status
	}
	same(t, "a forged webhook", hook("hush-of-somebody-else", "w-1", "orders/paid"), 401)
	same(t, "the webhook", hook("hush-0123456789abcdef", "w-1", "orders/paid"), 200)
	warehouse.reached(h, 1)
	h.kill()
	h.start()
	shopify.reached(h, 3)
	same(t, "the webhook again", hook("hush-0123456789abcdef", "w-1", "orders/paid"), 200)
	same(t, "another webhook of the order", hook("hush-0123456789abcdef", "w-2", "orders/updated"), 200)
	shopify.reached(h, 4)
	h.idle()

	asks := func(key string) string {
		return jsonRequest("GET /admin/api/2026-01/orders/450789469.json", "",
			"Idempotency-Key: "+key, "X-Correlation-Id: 450789469", "X-Shopify-Access-Token: shpat_0123456789abcdef")
	}
	shopify.got(asks("#1"), asks("#1"), jsonRequest("PUT /admin/api/2026-01/orders/450789469.json", `{"order":{"id":450789469,"tags":"shipped S-7"}}`,
		"Idempotency-Key: #2", "X-Correlation-Id: 1001", "X-Shopify-Access-Token: shpat_0123456789abcdef"), asks("#3"))
	ship := jsonRequest("POST /shipments", `{"order":"1001","items":[{"sku":"A","quantity":2,"price":19.95},{"sku":"B","quantity":1,"price":5.00}]}`,
		"Idempotency-Key: #1", "X-Correlation-Id: 1001")
	warehouse.got(ship, ship)
}
