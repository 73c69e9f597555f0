package examples

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

// TestStripeCharge: the hub is killed while a card is charged, and asks again with the same key; Stripe is away; a card is declined; the bank's
// word comes by a webhook, which nobody can forge or record.
func TestStripeCharge(t *testing.T) {
	t.Parallel()
	stripe := newPartner(t, map[string][]canned{"POST /v1/payment_intents": {
		never, {200, "", `{"id":"pi_1","object":"payment_intent","status":"processing","amount":1990,"currency":"eur"}`},
		{503, "", ""}, {402, "", `{"error":{"type":"card_error","code":"card_declined","decline_code":"generic_decline","payment_intent":{"id":"pi_2"}}}`},
	}})
	p := newPlace(t, "stripe-charge")
	p.set("STRIPE_URL", stripe.url)
	p.set("STRIPE_KEY", "sk_test_0123456789abcdef")
	p.set("STRIPE_WEBHOOK_SECRET", "whsec_0123456789abcdef")
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	h := p.run("hub", "pipelines.yaml", nil)

	same(t, "the payment", h.do("POST", "/payments", p.sample("payments.1-visa.json")), `202 {"order":"W-1","status":"/payments/W-1"}`)
	stripe.reached(h, 1)
	h.kill()
	h.start()
	h.becomes("/payments/W-1", `"state":"pending"`)
	const event = `{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1","metadata":{"order":"W-1"}}}}`
	hook := func(secret string, at time.Time) int {
		sum := hex.EncodeToString(signed(secret, fmt.Sprintf("%d.%s", at.Unix(), event)))
		return h.do("POST", "/hooks/stripe", event, "Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", at.Unix(), sum)).status
	}
	same(t, "a forged webhook", hook("whsec_of_somebody_else", time.Now()), 401)
	same(t, "a recorded webhook", hook("whsec_0123456789abcdef", time.Now().Add(-time.Hour)), 401)
	same(t, "the webhook", hook("whsec_0123456789abcdef", time.Now()), 200)
	same(t, "the webhook again", hook("whsec_0123456789abcdef", time.Now()), 200)
	h.becomes("/payments/W-1", `"state":"paid"`)

	same(t, "the other payment", h.do("POST", "/payments", p.sample("payments.2-declined.json")).status, 202)
	h.becomes("/payments/W-2", `"state":"declined"`)
	h.becomes("/payments/W-2", `"code":"card_declined","intent":"pi_2"`)

	pay := func(order, key, method string) string {
		form := "amount=1990&currency=eur&confirm=true&payment_method=" + method + "&payment_method_types%5B0%5D=card&metadata%5Border%5D=" + order
		return request("POST /v1/payment_intents", form, "Authorization: Bearer sk_test_0123456789abcdef", "Content-Type: application/x-www-form-urlencoded",
			"Idempotency-Key: "+key, "Stripe-Version: 2025-09-30.clover", "X-Correlation-Id: "+order)
	}
	first, second := pay("W-1", "#1", "pm_card_visa"), pay("W-2", "#2", "pm_card_chargeDeclined")
	stripe.got(first, first, second, second)
	same(t, "dead letters", h.status().dead(), 0)
}
