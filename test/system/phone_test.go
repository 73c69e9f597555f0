package system

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// drop puts a file into the phone desk's inbox, as a copy over the network does: under another name first.
func (s *site) drop(name, text string) {
	s.t.Helper()
	inbox := filepath.Join(s.dir, "phone")
	if err := os.WriteFile(filepath.Join(inbox, "."+name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(inbox, "."+name), filepath.Join(inbox, name)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) inInbox(name string) func() bool {
	return func() bool {
		_, err := os.Stat(filepath.Join(s.dir, "phone", name))
		return err == nil
	}
}

const phoneHeader = "call_id,rows,agent,customer_id,name,email,sku,quantity,price,payment,card,street,zip,city,country\n"

func phoneRow(call, rows, sku, quantity, price string) string {
	return call + "," + rows + ",Kim,C-1-eu,Finn," + call + "@example.com," + sku + "," + quantity + "," + price + ",card,tok_visa,Market 1,20095,Hamburg,DE\n"
}

// TestPhoneOrders: the rows of a call become one order, whatever comes between them.
func TestPhoneOrders(t *testing.T) {
	t.Parallel()
	s := running(t)
	sample := s.sample("phone-orders.calls.csv")
	s.drop("calls.csv", sample)
	for _, id := range []string{"P-2001", "P-2002"} { // the desk looks at every order by phone
		s.review(id, true)
		s.reach(id, "done")
	}
	s.until("the file is done", s.inInbox("done/calls.csv"))
	if got := s.effects("billing", "charge", "P-2001"); len(got) != 1 || got[0].Get("amount") != "32.25" {
		t.Errorf("P-2001 is charged %v", got)
	}
	if got := s.effects("billing", "invoice", "P-2002"); len(got) != 1 || got[0].Get("amount") != "99.00" {
		t.Errorf("P-2002 is invoiced %v", got)
	}
	same(t, "items of P-2001", len(s.effects("stock", "reserve", "P-2001")), 2)

	t.Run("late row", func(t *testing.T) {
		s.drop("late.csv", phoneHeader+phoneRow("P-2001", "2", "SKU-00102", "1", "1.00"))
		s.until("the file is done", s.inInbox("done/late.csv"))
		s.until("the row is kept for people", func() bool { n, _ := s.status().queue("orders.invalid"); return n == 1 })
	})
	t.Run("same file again", func(t *testing.T) {
		s.drop("calls.csv", sample)
		s.until("the file is done", s.inInbox("done/calls.1.csv"))
	})
	t.Run("bad rows", func(t *testing.T) {
		s.drop("bad.csv", phoneHeader+
			phoneRow("P-1", "2", "SKU-1", "1", "2.00")+
			phoneRow("P-2", "1", "SKU-1", "two", "2.00")+
			phoneRow("P-3", "1", "SKU-1", "3", "2.10")+
			phoneRow("P-1", "2", "SKU-2", "2", "3.00"))
		for _, id := range []string{"P-1", "P-3"} {
			s.review(id, true)
			s.reach(id, "done")
		}
		same(t, "P-1 is charged", s.effects("billing", "charge", "P-1")[0].Get("amount"), "8.00")
		same(t, "P-3 is charged", s.effects("billing", "charge", "P-3")[0].Get("amount"), "6.30")
		s.until("the row is kept for people", func() bool { n, _ := s.status().queue("orders.invalid"); return n == 2 })
		s.until("the file is done", s.inInbox("done/bad.csv"))
	})
	st := s.quiet()
	same(t, "charges", s.world.Ledger().Count("billing", "charge"), 3)
	same(t, "invoices", s.world.Ledger().Count("billing", "invoice"), 1)
	same(t, "shipments", s.world.Ledger().Count("shipping", "book"), 4)
	same(t, "dead letters", st.dead(), 0)
	same(t, "orders counted", st.Counters["order_events"]["phone|new"], 4)
}

// TestIncompleteCall: a call of which rows are missing is nothing to charge; people get it.
func TestIncompleteCall(t *testing.T) {
	t.Parallel()
	s := running(t, "idle: 10m,", "idle: 1s,")
	s.drop("half.csv", phoneHeader+phoneRow("P-5", "3", "SKU-1", "1", "2.00")+phoneRow("P-5", "3", "SKU-2", "1", "2.00"))
	s.until("the call is kept for people", func() bool { n, _ := s.status().queue("orders.invalid"); return n == 1 })
	s.quiet()
	same(t, "charges", s.world.Ledger().Count("billing", ""), 0)
}

// TestRowsOverRestarts: the rows of a call come in two files, with a kill between them.
func TestRowsOverRestarts(t *testing.T) {
	t.Parallel()
	s := running(t)
	s.drop("a.csv", phoneHeader+phoneRow("P-6", "2", "SKU-1", "1", "2.00"))
	s.until("the file is done", s.inInbox("done/a.csv"))
	s.kill()
	s.drop("b.csv", phoneHeader+phoneRow("P-6", "2", "SKU-2", "1", "0.50"))
	s.start()
	s.review("P-6", true)
	s.reach("P-6", "done")
	same(t, "P-6 is charged", s.effects("billing", "charge", "P-6")[0].Get("amount"), "2.50")
}

// TestSalesOrder: discounts are part of the price, rounded to cents a piece; the desk's customers pay by invoice.
func TestSalesOrder(t *testing.T) {
	t.Parallel()
	s := running(t)
	a := s.do("POST", "/sales/orders", s.sample("sales-orders.1-invoice.json"))
	same(t, "the answer", a, `202 {"order":"S-3001","status":"/orders/S-3001"}`)
	began := time.Now()
	v := s.reach("S-3001", "done")
	t.Logf("delivered after %v", time.Since(began).Round(time.Millisecond))
	same(t, "total", v.Total, "1176.40") // 40 x 17.41 + 4 x 120
	invoices := s.effects("billing", "invoice", "S-3001")
	if len(invoices) != 1 || invoices[0].Get("amount") != "1176.40" {
		t.Errorf("invoices %v", invoices)
	}
	same(t, "charges", s.world.Ledger().Arrivals("billing", "charge"), 0)
	same(t, "mails", s.mails("ida@astoria.example"), []string{"Your order S-3001: invoiced", "Your order S-3001: shipped"})

	for _, c := range []struct{ id, positions, want string }{
		{"S-2", `{"article":"A","pieces":3,"unit_price":0.99,"discount_percent":50}`, "1.50"}, // 0.495 is 0.50 a piece
		{"S-3", `{"article":"A","pieces":1,"unit_price":100,"discount_percent":100},{"article":"B","pieces":1,"unit_price":1}`, "1.00"},
		{"S-4", `{"article":"A","pieces":7,"unit_price":19.99,"discount_percent":33.3}`, "93.31"}, // 13.33333 is 13.33
	} {
		s.post("/sales/orders", `{"reference":"`+c.id+`","account":{"number":"A-1-eu","contact":{"email":"a@example.com"}},"positions":[`+c.positions+`]}`)
		s.until(c.id+" is invoiced", func() bool { return len(s.effects("billing", "invoice", c.id)) > 0 })
		same(t, "amount of "+c.id, s.effects("billing", "invoice", c.id)[0].Get("amount"), c.want)
	}
}
