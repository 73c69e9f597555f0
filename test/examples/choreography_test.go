package examples

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/stub"
)

// TestChoreography: every way that an order can go, on either broker; repeats, disorder and kills change nothing.
func TestChoreography(t *testing.T) {
	t.Parallel()
	for _, broker := range []string{"rabbit", "kafka"} {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, broker)
			_ = t.Run("outcomes", s.outcomes) && t.Run("disorder", s.disorder) && t.Run("kills", s.kills)
		})
	}
}

// outcomes plays the samples: in stock, replenished, not shipped, not to be had.
func (s *shop) outcomes(t *testing.T) {
	defer s.as(t)()
	if err := s.world.Fault(stub.Fault{Service: "stock", Op: "reserve", Status: 503, Times: 3}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, sample := range []string{"1-in-stock", "2-replenished", "3-not-shipped", "4-not-to-be-had"} {
		ids = append(ids, s.order(sample, s.place.sample("new-orders."+sample+".json")))
	}
	v := s.reach(ids[0], "shipped")
	if v.SKU != "LAMP" || v.Quantity != 2 || v.Tracking == nil || v.Reason != nil {
		t.Errorf("in stock: %+v", v)
	}
	s.reach(ids[1], "shipped")
	same(t, "chairs delivered", s.db.rows("select sku, quantity from deliveries"), "[[CHAIR 5]]")
	if n := s.world.Ledger().Arrivals("stock", "reserve"); n < 4 {
		t.Errorf("the supplier was asked %d times: it said 3 times that it can't now", n)
	}
	v = s.reach(ids[2], "cancelled")
	if v.Reason == nil || *v.Reason != `the carrier has no service "bad"` || v.Tracking != nil {
		t.Errorf("not shipped: %+v", v)
	}
	same(t, "its goods", s.db.rows("select returned from reservations where order_id = $1", ids[2]), "[[t]]")
	v = s.reach(ids[3], "cancelled")
	if v.Reason == nil || *v.Reason != "OUT-OF-STOCK can't be had any more" {
		t.Errorf("not to be had: %+v", v)
	}
	s.finished(soon)
	s.addsUp()

	// The customer's app is not sure and asks again: the same order. Another order under its key is refused, so is what the schema refuses.
	same(t, "the repeated order", s.order("1-in-stock", s.place.sample("new-orders.1-in-stock.json")), ids[0])
	a := s.hubs["orders"].do("POST", "/orders", newOrder("LAMP", 3, "standard"), "Idempotency-Key", "1-in-stock")
	same(t, "status of another order under a used key", a.status, 422)
	a = s.hubs["orders"].do("POST", "/orders", newOrder("LAMP", 0, "standard"))
	if a.status != 422 || !strings.Contains(a.body, "/quantity") {
		t.Errorf("an order of nothing: %s", a)
	}
	same(t, "status of an unknown order", s.hubs["orders"].do("GET", "/orders/nobody", "").status, 404)
	var api struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ Responses map[string]any }
	}
	if err := json.Unmarshal([]byte(s.hubs["orders"].do("GET", "/openapi.json", "").body), &api); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(api.OpenAPI, "3.1") || api.Paths["/orders"]["post"].Responses["201"] == nil || api.Paths["/orders/{id}"]["get"].Responses == nil {
		t.Errorf("the OpenAPI document lacks a route: %+v", api)
	}
}

// disorder: all events once more, shuffled, with their IDs and as new messages, change nothing.
func (s *shop) disorder(t *testing.T) {
	defer s.as(t)()
	before, handled := s.state(), s.handled()
	events := s.bus.again()
	for reader, wants := range map[string]string{"orders what-happened": "", "inventory new-orders": "order.created", "inventory put-back": "order.shipping_failed", "shipping ship": "order.reserved"} {
		n := int64(0)
		for key, times := range events {
			if wants == "" || wants == key {
				n += int64(times)
			}
		}
		if n == 0 {
			t.Errorf("no event for %s among %v", reader, events)
		}
		await(t, soon, fmt.Sprintf("%s handles %d new messages", reader, n), func() bool { return s.handled()[reader] >= handled[reader]+n }, s.report)
	}
	await(t, soon, "the broker has nothing left for the services", s.bus.settled, s.report)
	s.finished(soon)
	same(t, "what the services keep", s.state(), before)
}

// handled is how many messages each pipeline has done since its hub was started.
func (s *shop) handled() map[string]int64 {
	out := map[string]int64{}
	for name, h := range s.hubs {
		for _, st := range h.status().Stages {
			out[name+" "+st.Name] = st.Done
		}
	}
	return out
}

// kills: each service is killed and started again in the middle of 200 orders.
func (s *shop) kills(t *testing.T) {
	defer s.as(t)()
	const orders, customers = 200, 8
	start := s.count.Load()
	books := s.world.Ledger().Count("shipping", "book")
	var next atomic.Int64
	var group sync.WaitGroup
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	killed, free := context.WithCancel(t.Context()) // the last orders come behind the last kill
	defer func() { free(); group.Wait() }()
	for range customers {
		group.Go(func() {
			for i := next.Add(1); i <= orders; i = next.Add(1) {
				if <-pace.C; i >= orders-20 {
					<-killed.Done()
				}
				sku, quantity, service := "LAMP", int(1+i%3), "standard"
				switch i % 10 {
				case 0:
					service = "bad"
				case 1:
					sku = "CHAIR"
				case 2:
					sku = "OUT-OF-STOCK"
				}
				if i%4 == 3 {
					s.once(fmt.Sprintf("kills once %d", i), newOrder(sku, quantity, service))
					continue
				}
				s.order(fmt.Sprintf("kills %d", i), newOrder(sku, quantity, service))
			}
		})
	}
	kill := func(name string, when func() bool) {
		await(t, soon, "time to kill "+name, when, s.report)
		if s.db.value("select count(*) >= $1 from orders where state in ('shipped', 'cancelled')", start+orders) == "t" {
			t.Errorf("%s is killed after the last order", name)
		}
		s.hubs[name].kill()
		s.hubs[name].start()
	}
	kill("shipping", func() bool { return s.world.Ledger().Count("shipping", "book") >= books+30 })
	kill("orders", func() bool { return s.count.Load() >= start+90 })
	kill("inventory", func() bool { return s.db.value("select count(*) >= 100 from reservations") == "t" })
	free()
	group.Wait()
	s.finished(time.Minute)
	same(t, "orders", s.count.Load()+s.unsure.Load()-start, orders)
	s.addsUp()
}
