package stub

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

func TestChargeOncePerKey(t *testing.T) {
	w := world(t, Options{})
	url := w.URLs()["billing"] + "/charges"
	var wg sync.WaitGroup
	replies := make([]reply, 100)
	for i := range replies {
		wg.Go(func() {
			var err error
			if replies[i], err = try("POST", url, "k1", `{"amount":12.50,"card":"tok_1","order":"W-1"}`); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first := 0
	for _, r := range replies {
		if r.status != 200 || r.body != replies[0].body {
			t.Fatalf("answers differ: %+v and %+v", r, replies[0])
		}
		if r.header.Get("Idempotent-Replayed") != "true" {
			first++
		}
	}
	effects := w.Ledger().Effects("billing", "charge")
	if first != 1 || len(effects) != 1 || effects[0].Arrivals != 100 || w.Ledger().Arrivals("billing", "charge") != 100 {
		t.Fatalf("%d first answers, effects %+v", first, effects)
	}
	if e := effects[0]; e.Ref != "W-1" || e.Get("amount") != "12.50" || e.Get("id") != replies[0].get(t, "id") {
		t.Errorf("effect %+v", e)
	}
	r := post(t, url, "k1", `{"amount":13,"card":"tok_1","order":"W-1"}`)
	if r.status != 422 || r.get(t, "code") != "idempotency_key_reused" || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("another body under the same key: %+v", r)
	}
	if r := post(t, w.URLs()["billing"]+"/refunds", "k1", `{"charge":"ch_1"}`); r.status != 422 {
		t.Errorf("another operation under the same key: %+v", r)
	}
	if n := w.Ledger().Effects("billing", "charge")[0].Arrivals; n != 100 {
		t.Errorf("a refused key is no repeat: %d arrivals", n)
	}
}

func TestNoKeyIsAnEffectEach(t *testing.T) {
	w := world(t, Options{})
	ids := map[string]bool{}
	for range 3 {
		ids[post(t, w.URLs()["billing"]+"/charges", "", `{"amount":1,"card":"tok_1"}`).get(t, "id")] = true
	}
	if n := w.Ledger().Count("billing", "charge"); n != 3 || len(ids) != 3 {
		t.Errorf("%d effects, ids %v", n, ids)
	}
}

func TestMagicCards(t *testing.T) {
	w := world(t, Options{})
	url := w.URLs()["billing"] + "/charges"
	for _, c := range []struct {
		card    string
		answers []int
		result  string // of the last
		effects map[string]int
	}{
		{"tok_1", []int{200, 200}, "approved", map[string]int{"charge": 1}},
		{"tok_declined", []int{402, 402}, "declined", map[string]int{"charge.declined": 1}},
		{"tok_expired", []int{402}, "expired_card", map[string]int{"charge.expired_card": 1}},
		{"tok_error", []int{500, 500, 500}, "", nil},
		{"tok_flaky", []int{503, 503, 200, 200}, "approved", map[string]int{"charge": 1}},
		{"tok_throttle", []int{429, 200}, "approved", map[string]int{"charge": 1}},
		{"tok_slow", []int{200}, "approved", map[string]int{"charge": 1}},
	} {
		t.Run(c.card, func(t *testing.T) {
			for i, want := range c.answers {
				r := post(t, url, c.card, fmt.Sprintf(`{"amount":12.50,"card":%q,"order":%q}`, c.card, c.card))
				if r.status != want {
					t.Fatalf("answer %d: %+v, want %d", i, r, want)
				}
				if want == http.StatusTooManyRequests && r.header.Get("Retry-After") != "1" {
					t.Errorf("no Retry-After: %v", r.header)
				}
				if i == len(c.answers)-1 && r.get(t, "result") != c.result {
					t.Errorf("result %s, want %q", r.body, c.result)
				}
			}
			total := 0
			for _, e := range w.Ledger().Select(Query{Service: "billing", Ref: c.card}) {
				total++
				if c.effects[e.Op] != 1 {
					t.Errorf("effect %+v", e)
				}
			}
			if total != len(c.effects) {
				t.Errorf("%d effects", total)
			}
		})
	}
}

func TestSlowChargeHappensAtOnce(t *testing.T) {
	w := world(t, Options{Slow: time.Hour})
	client := http.Client{Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	const body = `{"amount":1,"card":"tok_slow"}`
	if _, err := client.Post(w.URLs()["billing"]+"/charges", "application/json", http.NoBody); err != nil {
		t.Fatal("an empty body is answered:", err)
	}
	req, _ := http.NewRequest("POST", w.URLs()["billing"]+"/charges", stringsReader(body))
	req.Header.Set("Idempotency-Key", "s1")
	if _, err := client.Do(req); err == nil {
		t.Fatal("tok_slow answered")
	}
	if r := post(t, w.URLs()["billing"]+"/charges", "s1", body); r.status != 200 || r.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the repeat finds the charge: %+v", r)
	}
	if n := w.Ledger().Count("billing", "charge"); n != 1 {
		t.Errorf("%d charges", n)
	}
}

func TestRefundAndInvoice(t *testing.T) {
	w := world(t, Options{})
	base := w.URLs()["billing"]
	id := post(t, base+"/charges", "a", `{"amount":1e2,"card":"tok_1","order":"W-7"}`).get(t, "id")
	if r := post(t, base+"/refunds", "b", `{"charge":"`+id+`"}`); r.status != 200 {
		t.Fatalf("%+v", r)
	}
	r := post(t, base+"/invoices", "c", `{"order":{"order_id":"W-7","total":5.10},"amount":5.10}`)
	if r.status != 201 || r.get(t, "result") != "invoiced" {
		t.Fatalf("%+v", r)
	}
	if got := w.Ledger().Select(Query{Ref: "W-7"}); len(got) != 3 || got[1].Op != "refund" || got[2].Get("amount") != "5.10" {
		t.Errorf("effects of the order: %+v", got)
	}
}

func TestWrongRequests(t *testing.T) {
	w := world(t, Options{})
	u := w.URLs()
	for _, c := range []struct {
		method, url, body string
		status            int
		code              string
	}{
		{"POST", u["billing"] + "/charges", `{"ammount":1,"card":"x"}`, 400, "bad_request"},
		{"POST", u["billing"] + "/charges", `{"amount":"1","card":"x"}`, 400, "bad_request"},
		{"POST", u["billing"] + "/charges", `{"amount":1,"card":"x"} {}`, 400, "bad_request"},
		{"POST", u["billing"] + "/charges", `{"amount":-1,"card":"x"}`, 422, "bad_charge"},
		{"POST", u["billing"] + "/charges", `{"amount":0.00,"card":"x"}`, 422, "bad_charge"},
		{"POST", u["billing"] + "/refunds", `{}`, 422, "bad_refund"},
		{"GET", u["billing"] + "/charges", ``, 404, "no_route"},
		{"POST", u["billing"] + "/nope", ``, 404, "no_route"},
		{"POST", u["shipping"] + "/shipments", `{"parcels":[1],"service":"bad"}`, 422, "bad_service"},
		{"POST", u["shipping"] + "/shipments", `{"parcels":[1],"webhook":"file:///etc"}`, 422, "bad_webhook"},
		{"POST", u["shipping"] + "/shipments", `{"parcels":[1],"address":{"zip":"00000"}}`, 504, "carrier_timeout"},
		{"POST", u["courier"] + "/quote", `[`, 400, "bad_request"},
		{"GET", u["catalog"] + "/products/NO-1", ``, 404, "no_product"},
		{"GET", u["catalog"] + "/customers/NO-1", ``, 404, "no_customer"},
		{"POST", u["stock"] + "/widgets/reserve", `{"sku":"a"}`, 422, "bad_reservation"},
		{"POST", u["stock"] + "/_fault", `{"status":200}`, 400, "bad_request"},
		{"POST", u["stock"] + "/_fault", `{"service":"nope","status":500}`, 400, "bad_request"},
	} {
		r := do(t, c.method, c.url, "", c.body)
		if r.status != c.status || r.get(t, "code") != c.code || (r.get(t, "send") == "" && r.get(t, "routes") == "") {
			t.Errorf("%s %s %s: %+v", c.method, c.url, c.body, r)
		}
	}
	if n := w.Ledger().Count("", ""); n != 0 {
		t.Errorf("%d effects of wrong requests", n)
	}
}
