package system

import (
	"fmt"
	"strings"
	"testing"
)

// TestOutcomes: what becomes of each kind of order: its state, the money, the parcel, the mails, and what is left for people.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	s := running(t)
	sub := func(id string, states ...string) (subjects []string) {
		for _, state := range states {
			subjects = append(subjects, "Your order "+id+": "+state)
		}
		return subjects
	}
	for _, c := range []struct {
		name, id, body string
		to             string // of the mails; "": that of order()
		state, reason  string
		effects        string // of billing, stock and shipping
		mails          []string
		dead           string // where a dead letter is left
		invalid        bool   // kept in orders.invalid
	}{
		{name: "approved by flaky gateway", id: "O-1", body: order("O-1", `"pay":{"type":"card","token":"tok_throttle"}`), state: "done",
			effects: "charge:1 reserve:1 book:1", mails: []string{"paid", "shipped"}},
		{name: "by invoice", id: "O-2", body: order("O-2", `"pay":{"type":"invoice"}`), state: "done", effects: "invoice:1 reserve:1 book:1", mails: []string{"invoiced", "shipped"}},
		{name: "declined", id: "W-1002", body: s.sample("web-orders.2-declined.json"), to: "bob@example.com", state: "cancelled",
			reason: "the gateway declined the card", effects: "charge.declined:1 reserve:2 release:1", mails: []string{"cancelled"}},
		{name: "expired card", id: "W-1003", body: s.sample("web-orders.3-expired-card.json"), to: "cleo@example.com", state: "awaiting_card",
			effects: "charge.expired_card:1 reserve:2 release:1", mails: []string{"the card has expired"}},
		{name: "out of stock", id: "W-1004", body: s.sample("web-orders.4-out-of-stock.json"), to: "dan@example.com", state: "cancelled",
			reason: "OUT-OF-STOCK is out of stock", effects: "charge:1 refund:1 reserve.out_of_stock:1", mails: []string{"cancelled"}},
		{name: "partly in stock", id: "W-1006", body: s.sample("web-orders.6-partly-in-stock.json"), to: "fay@example.com", state: "done",
			effects: "charge:1 refund:1 reserve:1 reserve.out_of_stock:1 book:1", mails: []string{"paid", "shipped"}},
		{name: "invoice, out of stock", id: "O-3", body: order("O-3", `"pay":{"type":"invoice"},"lines":[{"sku":"OUT-OF-STOCK","qty":1,"price":5.00}]`), state: "cancelled",
			reason: "OUT-OF-STOCK is out of stock", effects: "reserve.out_of_stock:1", mails: []string{"cancelled"}},
		{name: "wrong total", id: "W-1005", body: s.sample("web-orders.5-wrong-total.json"), to: "eve@example.com", state: "rejected",
			reason: "the total is 49.99, the items add up to 50.00", mails: []string{"rejected"}, invalid: true},
		{name: "no items", id: "O-4", body: order("O-4", `"lines":[],"total":0`), state: "rejected", reason: "the order has no items", mails: []string{"rejected"}, invalid: true},
		{name: "card without a card", id: "O-5", body: order("O-5", `"pay":{"type":"card"}`), state: "rejected",
			reason: "an order paid by card needs a card", mails: []string{"rejected"}, invalid: true},
		{name: "unknown customer", id: "O-6", body: order("O-6", `"user":{"id":"NO-1","email":"o-6@example.com"}`), state: "", dead: "orders"},
		{name: "unknown product", id: "O-7", body: order("O-7", `"lines":[{"sku":"NO-1","qty":1,"price":5.00}]`), state: "billing", effects: "charge:1", dead: "process order"},
		{name: "refused charge", id: "O-8", body: order("O-8", `"lines":[{"sku":"A","qty":1,"price":0}],"total":0`), state: "billing", effects: "reserve:1", dead: "process order"},
		{name: "refused mail", id: "O-9", body: order("O-9", `"user":{"id":"C-1-eu","email":"bounce@example.com"}`), to: "bounce@example.com", state: "done",
			effects: "charge:1 reserve:1 book:1", dead: "@mail order-status"},
		{name: "busy mail server", id: "O-10", body: order("O-10", `"user":{"id":"C-1-eu","email":"tempfail@example.com"}`), to: "tempfail@example.com", state: "done",
			effects: "charge:1 reserve:1 book:1", mails: []string{"paid", "shipped"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := *s
			s.t = t
			s.post("/orders", c.body)
			var v view
			s.until("the order has its state", func() bool {
				v = s.view(c.id)
				return v.State == c.state && (c.dead == "" || s.trace(c.id).State == "dead letter")
			})
			if c.to == "" {
				c.to = "o-" + c.id[2:] + "@example.com"
			}
			s.until("the mails came", func() bool { return len(s.mails(c.to)) >= len(c.mails) })
			same(t, "mails", s.mails(c.to), sub(c.id, c.mails...))
			if c.reason != "" {
				same(t, "reason", *v.Reason, c.reason)
			}
			s.until("the partners did "+c.effects, func() bool { return s.done(c.id) == c.effects })
			for _, refund := range s.effects("billing", "refund", c.id) {
				for _, op := range []string{"charge", "invoice"} {
					id := ""
					for _, paid := range s.effects("billing", op, c.id) {
						id = paid.Get("id")
					}
					same(t, "the "+op+" that is refunded", refund.Get(op), id)
				}
			}
			left := map[string]string{}
			s.until("what is invalid is kept", func() bool {
				clear(left)
				for _, m := range s.trace(c.id).Stored {
					left[m.Queue] = m.State
				}
				return (left["orders.invalid"] == "kept") == c.invalid
			})
			for queue, state := range left {
				if state == "dead" && queue != c.dead {
					t.Errorf("a dead letter in %s", queue)
				}
			}
			if c.dead != "" {
				same(t, "dead letter in "+c.dead, left[c.dead], "dead")
			}
		})
	}
}

// done is what the partners did for an order, in words, with how often.
func (s *site) done(order string) string {
	var all []string
	for _, op := range []string{"charge", "charge.declined", "charge.expired_card", "refund", "invoice", "reserve", "reserve.out_of_stock", "release", "book"} {
		if n := len(s.effects("", op, order)); n > 0 {
			all = append(all, fmt.Sprintf("%s:%d", op, n))
		}
	}
	return strings.Join(all, " ")
}
