package system

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestOneClick: however often and at once an order is sent, it is one order, and everybody gets the same answer.
func TestOneClick(t *testing.T) {
	t.Parallel()
	s := running(t)
	body := order("C-1", `"total":5.00`)
	var mu sync.Mutex
	answers := map[string]int{}
	early := 0
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for deadline := time.Now().Add(soon); time.Now().Before(deadline); {
				a, err := s.try("POST", "/orders", body)
				if err != nil {
					t.Error(err)
					return
				}
				if a.status == http.StatusConflict {
					if a.problem(t).Code != "in_progress" || a.header.Get("Retry-After") == "" {
						t.Errorf("a second request at the same time: %s, Retry-After %q", a, a.header.Get("Retry-After"))
					}
					mu.Lock()
					early++
					mu.Unlock()
					time.Sleep(10 * time.Millisecond) // what a client does, if more patiently
					continue
				}
				mu.Lock()
				answers[a.String()]++
				mu.Unlock()
				return
			}
		})
	}
	group.Wait()
	t.Logf("%d answers were 409 first", early)
	same(t, "the answers", answers, map[string]int{`202 {"order":"C-1","status":"/orders/C-1"}`: 50})
	s.reach("C-1", "done")
	st := s.quiet()
	same(t, "charges", len(s.effects("billing", "charge", "C-1")), 1)
	same(t, "shipments", len(s.effects("shipping", "book", "C-1")), 1)
	same(t, "mails", len(s.mails("c-1@example.com")), 2)
	same(t, "orders", st.Counters["order_events"]["web|new"], 1)

	s.kill()
	s.start()
	a := s.do("POST", "/orders", body)
	same(t, "the answer after a restart", a, `202 {"order":"C-1","status":"/orders/C-1"}`)
	same(t, "Idempotent-Replayed", a.header.Get("Idempotent-Replayed"), "true")
	s.quiet()
	same(t, "arrivals at the gateway", s.world.Ledger().Arrivals("billing", "charge"), 1)
}

// TestIdempotencyKey: the header makes a request repeatable; with another request it is refused.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := running(t)
	first := s.do("POST", "/orders", order("C-2", `"total":5.00`), "Idempotency-Key", "key-1")
	same(t, "the answer", first, `202 {"order":"C-2","status":"/orders/C-2"}`)
	again := s.do("POST", "/orders", order("C-2", `"total":5.00`), "Idempotency-Key", "key-1")
	same(t, "the second answer", again, first)
	for name, body := range map[string]string{"another order": order("C-3", `"total":5.00`), "one byte": order("C-2", `"total":5.00`) + " "} {
		a := s.do("POST", "/orders", body, "Idempotency-Key", "key-1")
		if a.status != http.StatusUnprocessableEntity || a.problem(t).Code != "idempotency_key_reused" {
			t.Errorf("%s: %s", name, a)
		}
	}
	if a := s.do("POST", "/orders", order("C-4", `"total":5.00`), "Idempotency-Key", strings.Repeat("k", 256)); a.status/100 != 4 {
		t.Errorf("a key of 256 characters: %s", a)
	}
	s.kill()
	s.start()
	same(t, "the answer after a restart", s.do("POST", "/orders", order("C-2", `"total":5.00`), "Idempotency-Key", "key-1"), first)
	a := s.do("POST", "/orders", order("C-5", `"total":5.00`), "Idempotency-Key", "key-1")
	same(t, "another order after a restart", a.status, http.StatusUnprocessableEntity)
	s.reach("C-2", "done")
	s.quiet()
	same(t, "orders", s.world.Ledger().Count("billing", "charge"), 1)
}

// TestRepeatedSalesOrder: the same order of the sales desk, sent again, is one order.
func TestRepeatedSalesOrder(t *testing.T) {
	t.Parallel()
	s := running(t)
	for range 5 {
		s.post("/sales/orders", s.sample("sales-orders.1-invoice.json"))
	}
	s.reach("S-3001", "done")
	st := s.quiet()
	same(t, "invoices", s.world.Ledger().Count("billing", "invoice"), 1)
	same(t, "orders", st.Counters["order_events"]["sales|new"], 1)
}
