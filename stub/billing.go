package stub

import "net/http"

type chargeRequest struct {
	Amount   exact    `json:"amount"`
	Card     string   `json:"card"`
	Order    orderRef `json:"order"`
	Currency string   `json:"currency"`
}

type refundRequest struct {
	Charge  string   `json:"charge"`
	Invoice string   `json:"invoice"`
	Amount  exact    `json:"amount"`
	Order   orderRef `json:"order"`
	Reason  string   `json:"reason"`
}

type invoiceRequest struct {
	Order    orderRef `json:"order"`
	Amount   exact    `json:"amount"`
	Currency string   `json:"currency"`
	Customer any      `json:"customer"`
}

type fields map[string]any

// newBilling is the billing gateway: POST /charges, /refunds, /invoices.
func newBilling(env Env) *service {
	return newService("billing", env,
		route{pattern: "POST /charges", op: "charge", say: `{"amount":12.50,"card":"tok_1","order":"W-1"}`, do: reads(charge)},
		route{pattern: "POST /refunds", op: "refund", say: `{"charge":"ch_..."} or {"invoice":"inv_..."}`, do: reads(refund)},
		route{pattern: "POST /invoices", op: "invoice", say: `{"order":"W-1","amount":12.50}`, do: reads(invoice)})
}

func charge(c *call, req chargeRequest) outcome {
	if req.Card == "" || !req.Amount.positive() {
		return c.wrong("bad_charge", "a charge needs a card and an amount above 0")
	}
	ref := c.ref(req.Order)
	data := fields{"amount": req.Amount, "card": req.Card, "order": ref}
	said := func(more fields) fields { // what was asked is told again, so that both sides mean the same
		more["result"], more["amount"] = data["result"], req.Amount
		if req.Currency != "" {
			more["currency"] = req.Currency
		}
		return more
	}
	decline := func(result, reason string) outcome {
		data["result"] = result
		return done(http.StatusPaymentRequired, "charge."+result, ref, data, said(fields{"reason": reason}))
	}
	switch {
	case req.Card == "tok_declined":
		return decline("declined", "insufficient funds")
	case req.Card == "tok_expired":
		return decline("expired_card", "the card has expired")
	case req.Card == "tok_error":
		return refuse(http.StatusInternalServerError, "tok_error", "another card", "this card always breaks the gateway")
	case req.Card == "tok_flaky" && c.try < 2:
		return refuse(http.StatusServiceUnavailable, "tok_flaky", "the same again", "try %d of 3", c.try+1)
	case req.Card == "tok_throttle" && c.try < 1:
		out := refuse(http.StatusTooManyRequests, "tok_throttle", "the same again after Retry-After", "too many charges")
		out.header = http.Header{"Retry-After": {"1"}}
		return out
	}
	data["id"], data["result"] = c.id("ch_"), "approved"
	out := done(http.StatusOK, "charge", ref, data, said(fields{"id": data["id"]}))
	out.slow = req.Card == "tok_slow"
	return out
}

func refund(c *call, req refundRequest) outcome {
	if req.Charge == "" && req.Invoice == "" {
		return c.wrong("bad_refund", "a refund needs the charge or the invoice")
	}
	ref := c.ref(req.Order, req.Charge, req.Invoice)
	data := fields{"id": c.id("re_"), "charge": req.Charge, "invoice": req.Invoice, "order": ref, "amount": req.Amount}
	said := fields{"result": "refunded", "id": data["id"]}
	if req.Amount != "" {
		said["amount"] = req.Amount
	}
	return done(http.StatusOK, "refund", ref, data, said)
}

func invoice(c *call, req invoiceRequest) outcome {
	ref := c.ref(req.Order)
	if ref == "" {
		return c.wrong("bad_invoice", "an invoice needs an order")
	}
	data := fields{"id": c.id("inv_"), "order": ref, "amount": req.Amount}
	said := fields{"id": data["id"], "result": "invoiced", "amount": req.Amount}
	if req.Currency != "" {
		said["currency"] = req.Currency
	}
	return done(http.StatusCreated, "invoice", ref, data, said)
}
