package stub

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestServices(t *testing.T) {
	w := world(t, Options{})
	u := w.URLs()
	for _, c := range []struct{ method, url, body, want string }{
		{"POST", u["shipping"] + "/quote", `{}`, `{"carrier":"parcelpost","price":6.90,"service":"standard"}`},
		{"POST", u["shipping-new"] + "/quote", `{"items":[1,2,3]}`, `{"carrier":"parcelpost","price":7.90,"service":"standard"}`},
		{"POST", u["courier"] + "/quote", `{"parcels":{"W1":[]}}`, `{"carrier":"courier","price":11.50,"service":"express"}`},
		{"POST", u["courier"] + "/quote", `{"weight":2.5,"other":true}`, `{"carrier":"courier","price":13.50,"service":"express"}`},
		{"POST", u["stock"] + "/gadgets/reserve", `{"sku":"OUT-OF-STOCK","quantity":1}`, `{"quantity":1,"reserved":false,"sku":"OUT-OF-STOCK"}`},
		{"POST", u["stock"] + "/gadgets/reserve", `{"sku":"BACKORDER-1","quantity":1.0}`,
			`{"eta":"3d","incoming":true,"quantity":1.0,"reserved":false,"sku":"BACKORDER-1"}`},
		{"POST", u["stock"] + "/release", `{"type":"release","order":"W-1"}`, `{"released":true}`},
	} {
		if r := do(t, c.method, c.url, "", c.body); r.status != 200 || r.body != c.want {
			t.Errorf("%s %s: %+v", c.url, c.body, r)
		}
	}
	a, b := do(t, "GET", u["catalog"]+"/products/W-100", "", ""), do(t, "GET", u["catalog"]+"/products/W-100", "", "")
	if a.body != b.body || a.get(t, "kind") != "widget" || a.get(t, "price") == "" || a.get(t, "weight") == "" {
		t.Errorf("%s and %s", a.body, b.body)
	}
	if r := do(t, "GET", u["catalog"]+"/customers/c7-us", "", ""); r.get(t, "region") != "us" || !strings.Contains(r.get(t, "email"), "@") {
		t.Error(r.body)
	}
	if r := post(t, u["stock"]+"/widgets/reserve", "", `{"sku":"W-1","quantity":1}`); r.get(t, "reserved") != "true" || r.get(t, "warehouse")[0] != 'W' {
		t.Error(r.body)
	}
	if l := w.Ledger(); l.Count("stock", "reserve") != 1 || l.Arrivals("stock", "reserve") != 3 || l.Arrivals("catalog", "product") != 2 ||
		l.Count("courier", "") != 0 || l.Arrivals("courier", "quote") != 2 {
		t.Errorf("%+v", l.Effects("", ""))
	}
}

func TestFaults(t *testing.T) {
	w := world(t, Options{})
	url := w.URLs()["billing"]
	const body = `{"amount":1,"card":"tok_1"}`
	if r := post(t, url+"/_fault", "", `{"service":"billing","op":"charge","status":503,"times":2,"delay":"1ms"}`); r.status != 200 {
		t.Fatalf("%+v", r)
	}
	if r := post(t, url+"/refunds", "r", `{"charge":"c"}`); r.status != 200 {
		t.Errorf("another operation: %+v", r)
	}
	for i, want := range []int{503, 503, 200} {
		if r := post(t, url+"/charges", "k", body); r.status != want {
			t.Errorf("answer %d: %+v", i, r)
		}
	}
	w.Fault(Fault{Service: "billing", Op: "charge", Status: 500, Times: 1, After: true}) // the answer is lost
	if r := post(t, url+"/charges", "lost", body); r.status != 500 || w.Ledger().Count("billing", "charge") != 2 {
		t.Errorf("%+v, %d charges", r, w.Ledger().Count("billing", "charge"))
	}
	if r := post(t, url+"/charges", "lost", body); r.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%+v", r)
	}
	before := w.Ledger().Arrivals("billing", "charge")
	w.Fault(Fault{Service: "billing", Down: time.Hour})
	for range 2 {
		if r, err := try("POST", url+"/charges", "down", body); err == nil {
			t.Errorf("a partner that is down answered %+v", r)
		}
	}
	if r := do(t, "GET", url+"/_fault", "", ""); !strings.Contains(r.body, `"down":"1h0m0s"`) {
		t.Error(r.body)
	}
	if n := w.Ledger().Arrivals("billing", "charge"); n != before {
		t.Errorf("%d arrivals at a partner that is down", n-before)
	}
	do(t, "DELETE", url+"/_fault", "", "")
	if r := post(t, url+"/charges", "down", body); r.status != 200 {
		t.Errorf("%+v", r)
	}
	w.Fault(Fault{Service: "courier", Down: 20 * time.Millisecond})
	await(t, "the courier is back", func() bool {
		r, err := try("POST", w.URLs()["courier"]+"/quote", "", "{}")
		return err == nil && r.status == 200
	})
}

func TestIndexEscapes(t *testing.T) {
	w := world(t, Options{})
	post(t, w.URLs()["billing"]+"/charges", "", `{"amount":1,"card":"tok_1","order":"<script>alert(1)</script>"}`)
	root := strings.TrimSuffix(w.URLs()["billing"], "billing")
	r := do(t, "GET", root, "", "")
	if r.status != 200 || strings.Contains(r.body, "<script>") || !strings.Contains(r.body, "&lt;script&gt;") ||
		!strings.Contains(r.body, "tok_throttle") || !strings.Contains(r.body, w.URLs()["mail"]) {
		t.Error(r.body)
	}
	if r := do(t, "GET", root+"nope", "", ""); r.status != 404 || !strings.Contains(r.body, "/billing/") {
		t.Error(r.body)
	}
}

func TestCloseCutsWaitingRequests(t *testing.T) {
	w := world(t, Options{Slow: time.Hour})
	failed := make(chan error, 1)
	go func() {
		_, err := try("POST", w.URLs()["billing"]+"/charges", "", `{"amount":1,"card":"tok_slow"}`)
		failed <- err
	}()
	await(t, "the charge", func() bool { return w.Ledger().Count("billing", "charge") == 1 })
	start := time.Now()
	closeWorld(t, w)
	if err := <-failed; err == nil || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestTakenPort(t *testing.T) {
	w := world(t, Options{})
	port := w.URLs()["mail"]
	var n int
	for _, d := range port[strings.LastIndex(port, ":")+1:] {
		n = 10*n + int(d-'0')
	}
	if _, err := Start(Options{MailPort: n}); err == nil {
		t.Error("two worlds on one port")
	}
}

func TestHandlersStandAlone(t *testing.T) {
	l, err := OpenLedger("")
	if err != nil {
		t.Fatal(err)
	}
	env := Env{Ledger: l, Faults: &Faults{}}
	for _, h := range []http.Handler{newBilling(env), newShipping(env, "shipping"), newCourier(env), newCatalog(env), newStock(env)} {
		rec := newRecorder()
		req, _ := http.NewRequest("POST", "/shipments", strings.NewReader(`{"parcels":[1],"order":"W-1"}`))
		h.ServeHTTP(rec, req)
		if rec.Code != 404 && rec.Code != 201 {
			b, _ := io.ReadAll(rec.Body)
			t.Errorf("%d %s", rec.Code, b)
		}
	}
	if l.Count("shipping", "book") != 1 {
		t.Error(l.Effects("", ""))
	}
}
