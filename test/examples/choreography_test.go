package examples

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/stub"
)

// shop are the three services of the choreography with a database, a broker, a supplier and a carrier.
type shop struct {
	t      testing.TB
	place  *place
	db     *database
	bus    bus
	world  *stub.World
	hubs   map[string]*hub
	web    string
	placed sync.Map // Idempotency-Key -> order ID
	count  atomic.Int64
}

// newShop starts the services. broker is what the channel of the events is `via`.
func newShop(t testing.TB, broker string) *shop {
	t.Helper()
	p := newPlace(t, "choreography", "order.events")
	s := &shop{t: t, place: p, hubs: map[string]*hub{}}
	topic := p.own("order.events")
	readers := []string{"orders.what-happened", "inventory.new-orders", "inventory.put-back", "shipping.ship"}
	if broker == "kafka" {
		var groups []string
		for _, r := range readers {
			name, pipeline, _ := strings.Cut(r, ".")
			groups = append(groups, p.own(name)+"."+pipeline)
		}
		k := newKafka(t, []string{topic}, groups)
		p.set("KAFKA_BROKERS", k.addr)
		s.bus = &kafkaBus{k, topic, groups}
	} else {
		var queues []string
		for _, r := range readers {
			name, pipeline, _ := strings.Cut(r, ".")
			queues = append(queues, topic+">"+p.own(name)+"."+pipeline)
		}
		r := newRabbit(t, []string{topic}, queues)
		p.set("RABBIT_URL", r.url)
		if err := r.ch.ExchangeDeclare(topic, "topic", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		s.bus = &rabbitBus{r, topic, r.bind(topic, "#"), queues}
	}
	s.db = newDatabase(t, p.token)
	p.set("POSTGRES_URL", s.db.url)
	s.world = partners(t)
	p.set("SUPPLIER_URL", s.world.URLs()["stock"])
	p.set("SHIPPING_URL", s.world.URLs()["shipping"])
	p.set("HUB_LISTEN", freePort(t))
	for name, file := range map[string]string{"orders": "pipelines.yaml", "inventory": "inventory.yaml", "shipping": "shipping.yaml"} {
		args := []string{"--set", "channels." + topic + ".via=" + broker, "--set", "hub.name=" + p.own(name)}
		switch name {
		case "inventory":
			args = append(args, "--set", "retries.patient.wait=50ms..400ms")
		case "shipping":
			args = append(args, "--set", "retries.gateway.wait=50ms..400ms")
		}
		s.hubs[name] = p.run(name, file, args)
	}
	s.web = s.hubs["orders"].ready.URLs["web"]
	return s
}

// partners are stubs that outlive the hubs.
func partners(t testing.TB) *stub.World {
	t.Helper()
	w, err := stub.Start(stub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := w.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return w
}

func newOrder(sku string, quantity int, service string) string {
	return fmt.Sprintf(`{"customer": "Ada Martin", "sku": %q, "quantity": %d, "service": %q, "address": {"zip": "10115", "city": "Berlin"}}`, sku, quantity, service)
}

// order posts an order until it is answered with 201, as a customer's app does, and gives its ID.
func (s *shop) order(key, body string) string {
	s.t.Helper()
	var last any
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		a, err := try("POST", s.web+"/orders", body, "Idempotency-Key", key)
		if err == nil && a.status == http.StatusCreated {
			var o struct {
				ID string `json:"order_id"`
			}
			if json.Unmarshal([]byte(a.body), &o) != nil || a.header.Get("Location") != "/orders/"+o.ID {
				s.t.Errorf("POST /orders: %s, Location %s", a, a.header.Get("Location"))
			}
			if before, known := s.placed.Swap(key, o.ID); known && before != o.ID {
				s.t.Errorf("the key %s made two orders, %s and %s", key, before, o.ID)
			} else if !known {
				s.count.Add(1)
			}
			return o.ID
		}
		last = a
		if err != nil {
			last = err
		} else if a.status < 500 && a.status != http.StatusConflict && a.status != http.StatusTooManyRequests {
			break
		}
	}
	s.t.Errorf("POST /orders: %v", last)
	return ""
}

// view is an order as its customer sees it.
type view struct {
	ID       string `json:"order_id"`
	SKU      string
	Quantity int
	State    string
	Tracking *string
	Reason   *string
}

func (s *shop) view(id string) (v view) {
	s.t.Helper()
	a := s.hubs["orders"].do("GET", "/orders/"+id, "")
	if a.status == http.StatusNotFound {
		return v
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.status != http.StatusOK {
		s.t.Fatalf("GET /orders/%s: %s", id, a)
	}
	return v
}

func (s *shop) reach(id, state string) (v view) {
	s.t.Helper()
	await(s.t, soon, id+" is "+state, func() bool { v = s.view(id); return v.State == state }, s.report)
	return v
}

func (s *shop) report() string {
	text := ""
	for _, h := range s.hubs {
		text += h.report()
	}
	return text
}

// finished waits until all orders are shipped or cancelled, and nothing is on its way in a store.
func (s *shop) finished(within time.Duration) {
	s.t.Helper()
	want := fmt.Sprint(s.count.Load())
	await(s.t, within, "all "+want+" orders are shipped or cancelled", func() bool {
		return s.db.value("select count(*) from orders where state in ('shipped', 'cancelled')") == want
	}, func() string {
		return fmt.Sprint(s.db.rows("select state, sku, count(*) from orders group by 1, 2")) + "\n" + s.report()
	})
	await(s.t, soon, "the stores are empty", func() bool {
		for _, h := range s.hubs {
			if h.status().open() > 0 {
				return false
			}
		}
		return true
	}, s.report)
}

// state is all that the services keep, in one text.
func (s *shop) state() string {
	text := ""
	for _, q := range []string{
		"select order_id, sku, quantity, state, tracking, reason from orders order by 1", "select sku, on_hand from stock order by 1",
		"select order_id, sku, quantity, returned from reservations order by 1", "select delivery, sku, quantity from deliveries order by 1"} {
		text += fmt.Sprintln(s.db.rows(q))
	}
	return text + fmt.Sprintln("booked", s.world.Ledger().Count("shipping", "book"), "ordered", s.world.Ledger().Count("stock", "reserve"))
}

// addsUp holds the books of all against each other.
func (s *shop) addsUp() {
	s.t.Helper()
	ids := map[string]bool{}
	s.placed.Range(func(_, id any) bool { ids[id.(string)] = true; return true })
	same(s.t, "orders that were answered", len(ids), s.count.Load())
	booked := map[string]int{}
	for _, e := range s.world.Ledger().Effects("shipping", "book") {
		booked[e.Ref]++
	}
	reserved := map[string]string{}
	for _, r := range s.db.rows("select order_id, sku || ' ' || quantity from reservations where not returned") {
		reserved[r[0]] = r[1]
	}
	rows := s.db.rows("select order_id, state, sku || ' ' || quantity from orders")
	same(s.t, "rows of orders", len(rows), len(ids))
	for _, r := range rows {
		id, state, what := r[0], r[1], r[2]
		switch {
		case !ids[id]:
			s.t.Errorf("nobody was told of the order %s", id)
		case state == "shipped" && (booked[id] != 1 || reserved[id] != what):
			s.t.Errorf("%s of %s is shipped: %d bookings, reserved %q", id, what, booked[id], reserved[id])
		case state == "cancelled" && (booked[id] != 0 || reserved[id] != ""):
			s.t.Errorf("%s of %s is cancelled: %d bookings, reserved %q", id, what, booked[id], reserved[id])
		}
	}
	for _, r := range s.db.rows(`select s.sku, s.on_hand,
		case s.sku when 'LAMP' then 100 when 'CHAIR' then 3 else 0 end
		+ coalesce((select sum(quantity) from deliveries d where d.sku = s.sku), 0)
		- coalesce((select sum(quantity) from reservations r where r.sku = s.sku and not returned), 0) from stock s`) {
		if r[1] != r[2] {
			s.t.Errorf("%s in stock %s, the books say %s", r[1], r[0], r[2])
		}
	}
	same(s.t, "deliveries", s.db.value("select count(*) from deliveries"), s.world.Ledger().Count("stock", "reserve"))
	for name, h := range s.hubs {
		if n := h.status().dead(); n > 0 {
			s.t.Errorf("%s has %d dead letters\n%s", name, n, h.report())
		}
	}
}

// TestChoreography: every way that an order can go, on either broker; repeats, disorder and kills change nothing.
func TestChoreography(t *testing.T) {
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
	if n := s.world.Ledger().Arrivals("stock", "reserve"); n < 5 {
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
	defer group.Wait()
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for range customers {
		group.Go(func() {
			for i := next.Add(1); i <= orders; i = next.Add(1) {
				<-pace.C
				sku, quantity, service := "LAMP", int(1+i%3), "standard"
				switch i % 10 {
				case 0:
					service = "bad"
				case 1:
					sku = "CHAIR"
				case 2:
					sku = "OUT-OF-STOCK"
				}
				s.order(fmt.Sprintf("kills %d", i), newOrder(sku, quantity, service))
			}
		})
	}
	kill := func(name string, when func() bool) {
		await(t, soon, "time to kill "+name, when, s.report)
		if n := s.db.value("select count(*) from orders where state in ('shipped', 'cancelled')"); n == fmt.Sprint(start+orders) {
			t.Errorf("%s is killed after the last order", name)
		}
		s.hubs[name].kill()
		s.hubs[name].start()
	}
	kill("shipping", func() bool { return s.world.Ledger().Count("shipping", "book") >= books+30 })
	kill("orders", func() bool { return s.count.Load() >= start+90 })
	kill("inventory", func() bool { return s.db.value("select count(*) >= 100 from reservations") == "t" })
	group.Wait()
	s.finished(time.Minute)
	same(t, "orders", s.count.Load()-start, orders)
	s.addsUp()
}

// as makes t the test of all parts until it is called.
func (s *shop) as(t testing.TB) (back func()) {
	before := s.t
	set := func(t testing.TB) { s.t, s.place.t, s.db.t = t, t, t }
	set(t)
	return func() { set(before) }
}
