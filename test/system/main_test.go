package system

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMainJob: a web order from its 202 to its delivery, as every party sees it.
func TestMainJob(t *testing.T) {
	t.Parallel()
	s := running(t)
	a := s.do("POST", "/orders", s.sample("web-orders.1-approved.json"))
	same(t, "the answer", a, `202 {"order":"W-1001","status":"/orders/W-1001"}`)
	if a.header.Get("Hub-Trace") == "" {
		t.Error("the answer does not say how to trace it")
	}
	v := s.reach("W-1001", "done")
	st := s.quiet()

	t.Run("money and goods", func(t *testing.T) {
		charges := s.effects("billing", "charge", "W-1001")
		if len(charges) != 1 || len(s.effects("billing", "", "")) != 1 {
			t.Fatalf("billing did %v", s.effects("billing", "", ""))
		}
		same(t, "the amount", charges[0].Get("amount"), "50.00")
		same(t, "the card", charges[0].Get("card"), "tok_visa")
		reserved := map[string]string{}
		for _, e := range s.effects("stock", "reserve", "W-1001") {
			reserved[e.Get("sku")] += e.Get("quantity")
		}
		same(t, "the stock reserved", reserved, map[string]string{"SKU-00017": "3", "SKU-00018": "1"})
		books := s.effects("shipping", "book", "W-1001")
		if len(books) != 1 {
			t.Fatalf("shipping booked %v", books)
		}
		same(t, "the service of the cheapest carrier", books[0].Get("service"), "standard")
		same(t, "dead letters", st.dead(), 0)
	})
	t.Run("customer", func(t *testing.T) {
		same(t, "the view", fmt.Sprint(v.ID, v.Source, v.Total, v.Currency, v.Carrier), fmt.Sprint("W-1001", "web", "50.00", "EUR", "parcelpost"))
		if v.Tracking == "" {
			t.Error("the view has no tracking number")
		}
		same(t, "mails", s.mails("ada@example.com"), []string{"Your order W-1001: paid", "Your order W-1001: shipped"})
		same(t, "all mails", s.world.Ledger().Count("mail", "send"), 2)
		if text := s.page("/mail/2"); !strings.Contains(text, v.Tracking) {
			t.Errorf("the mail does not name the tracking number %s:\n%s", v.Tracking, text)
		}
		for accept, want := range map[string]string{"": "application/json", "application/json": "application/json", "*/*": "application/json",
			"text/html,application/xhtml+xml,*/*;q=0.8": "text/html; charset=utf-8", "application/json, text/html": "application/json"} {
			a := s.do("GET", "/orders/W-1001", "", "Accept", accept)
			same(t, "status and type for "+accept, fmt.Sprint(a.status, a.header.Get("Content-Type")), fmt.Sprint(200, want))
			if strings.HasPrefix(want, "text/html") {
				has(t, a.body, "Order W-1001", "Your parcel is delivered", "€50.00", "parcelpost", v.Tracking, "Paid", "Packed and sent", "<time datetime=")
				if strings.Contains(a.body, "<form") {
					t.Errorf("what is delivered can be cancelled: %s", a.body)
				}
			} else {
				has(t, a.body, `"total":50.00`)
			}
		}
		a := s.do("GET", "/orders/W-9", "", "Accept", "text/html")
		same(t, "status of an unknown order", a.status, 404)
		has(t, a.body, "We do not know this order")
		same(t, "an unknown order", s.do("GET", "/orders/W-9", ""), `404 {"order_id":"W-9","title":"there is no such order"}`)
	})
	t.Run("partner", func(t *testing.T) {
		raw, err := os.ReadFile(filepath.Join(s.dir, "partner", "order-W-1001.json"))
		if err != nil {
			t.Fatal(err)
		}
		has(t, string(raw), `"total":50.00`)
		var order map[string]any
		if err := json.Unmarshal(raw, &order); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"customer", "payment"} {
			if _, there := order[name]; there {
				t.Errorf("the partner sees %s: %s", name, raw)
			}
		}
		same(t, "items", len(order["items"].([]any)), 2)
	})
	t.Run("ops", func(t *testing.T) {
		want := map[string]int64{}
		for _, state := range []string{"new", "billing", "paid", "fulfilling", "shipped", "done"} {
			want["web|"+state] = 1
		}
		same(t, "counters", st.Counters["order_events"], want)
		tr := s.trace("W-1001")
		same(t, "trace", tr.State+fmt.Sprint(tr.Correlations), "done[W-1001]")
		outside := slices.DeleteFunc(tr.Roots, func(id string) bool { return strings.HasPrefix(id, "order:") }) // those of the process
		same(t, "messages from outside", len(outside), 3)
		for _, e := range [][3]string{
			{"web-orders", "received", "POST /orders"},
			{"web-orders/translate", "translated", ""},
			{"order-intake/validate", "valid", ""},
			{"order-intake/start", "started", "order W-1001"},
			{"order/money/call billing.charge", "called", "billing.charge → 200"},
			{"order/goods/call fulfil-items", "called", ""},
			{"order/fulfilling/call best-carrier", "called", ""},
			{"order/fulfilling/call shipping.book", "called", "shipping.book → 201"},
			{"order/shipped", "chose", "done"},
			{"order/done", "closed", "done"},
			{"@partner order-{correlation}.json", "sent", ""},
		} {
			same(t, strings.Join(e[:], " "), tr.happened(e[0], e[1], e[2]), 1)
		}
		same(t, "webhooks", tr.happened("shipping-webhook", "received", "POST /hooks/shipping"), 2)
		same(t, "mails", tr.happened("@mail order-status", "sent", "to a***@example.com"), 2)
		if !slices.IsSortedFunc(tr.Events, func(x, y event) int { return x.Time.Compare(y.Time) }) {
			t.Error("the trace is not in the order of time")
		}
		if out, err := s.hub("trace", "last"); err != nil || !strings.Contains(out, "W-1001") {
			t.Errorf("trace last: %v\n%s", err, out)
		}
	})
	s.end()
	same(t, "audit", s.kept("audit"), `[{"order_id":"W-1001","source":"web","total":50.00}]`)
}

// page reads a page of the partners.
func (s *site) page(path string) string {
	s.t.Helper()
	res, err := http.Get(strings.TrimSuffix(s.world.URLs()["billing"], "/billing") + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// TestExactDecimals: what is charged has the digits that came in.
func TestExactDecimals(t *testing.T) {
	t.Parallel()
	s := running(t)
	for _, c := range []struct {
		id, lines, total string
		large            bool
	}{
		{"D-1", `{"sku":"A","qty":1,"price":0.1},{"sku":"B","qty":1,"price":0.2}`, "0.3", false},
		{"D-2", `{"sku":"A","qty":1,"price":0.10},{"sku":"B","qty":1,"price":0.20}`, "0.30", false},
		{"D-3", `{"sku":"A","qty":3,"price":5.20}`, "15.60", false},
		{"D-4", `{"sku":"A","qty":99999,"price":9999999.9999}`, "999989999990.0001", true},
		{"D-5", `{"sku":"A","qty":100000,"price":1.15}`, "115000.00", true},
		{"D-6", `{"sku":"A","qty":2,"price":1e2}`, "200", false},
	} {
		s.post("/orders", order(c.id, `"lines":[`+c.lines+`],"total":`+c.total))
		if c.large {
			s.review(c.id, true)
		}
		s.until(c.id+" is charged", func() bool { return len(s.effects("billing", "charge", c.id)) > 0 })
		same(t, "amount of "+c.id, s.effects("billing", "charge", c.id)[0].Get("amount"), c.total)
		s.until(c.id+" is seen", func() bool { return s.view(c.id).Total != "" })
		same(t, "total of "+c.id, s.view(c.id).Total, c.total)
	}
	// a total that is off by as little as a price may say is wrong
	s.post("/orders", order("D-7", `"lines":[{"sku":"A","qty":1,"price":0.1},{"sku":"B","qty":1,"price":0.2}],"total":0.3001`))
	v := s.reach("D-7", "rejected")
	same(t, "reason", *v.Reason, "the total is 0.3001, the items add up to 0.3")
}

// order is a web order; rest are more fields, of which the later ones win.
func order(id, rest string) string {
	fields := map[string]json.RawMessage{}
	base := fmt.Sprintf(`{"orderNumber":%q,"user":{"id":"C-1-eu","name":"Ada","email":"%s@example.com"},"pay":{"type":"card","token":"tok_visa"},`+
		`"lines":[{"sku":"SKU-1","qty":1,"price":5.00}],"total":5.00}`, id, strings.ToLower(id))
	for _, text := range []string{base, "{" + rest + "}"} {
		if err := json.Unmarshal([]byte(text), &fields); err != nil {
			panic(err)
		}
	}
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(b)
}
