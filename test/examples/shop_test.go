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

	"orderhub/hub/hubtest"
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
	unsure atomic.Int64 // orders without a key that got no answer: they may be there or not
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
	p.set("HUB_LISTEN", hubtest.FreePort(t))
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
	if b, ok := s.bus.(*rabbitBus); ok {
		b.there(b.queues)
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

// once posts an order without a key, and never again.
func (s *shop) once(name, body string) {
	a, err := try("POST", s.web+"/orders", body)
	if err != nil || a.status != http.StatusCreated {
		s.unsure.Add(1)
		return
	}
	s.placed.Store(name, strings.TrimPrefix(a.header.Get("Location"), "/orders/"))
	s.count.Add(1)
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
	await(s.t, within, "all orders are there, and shipped or cancelled", func() bool {
		return s.db.value("select count(*) >= $1 and count(*) = count(*) filter (where state in ('shipped', 'cancelled')) from orders", s.count.Load()) == "t"
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
	untold := int64(len(rows) - len(ids))
	if untold < 0 || untold > s.unsure.Load() {
		s.t.Errorf("%d rows of orders, %d were answered, and %d got no answer", len(rows), len(ids), s.unsure.Load())
	}
	for _, r := range rows {
		id, state, what := r[0], r[1], r[2]
		if !ids[id] {
			untold--
		}
		switch {
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
	same(s.t, "answered orders without a row", -untold, 0)
	same(s.t, "deliveries", s.db.value("select count(*) from deliveries"), s.world.Ledger().Count("stock", "reserve"))
	for name, h := range s.hubs {
		if n := h.status().dead(); n > 0 {
			s.t.Errorf("%s has %d dead letters\n%s", name, n, h.report())
		}
	}
}

// as makes t the test of all parts until it is called.
func (s *shop) as(t testing.TB) (back func()) {
	before := s.t
	set := func(t testing.TB) { s.t, s.place.t, s.db.t = t, t, t }
	set(t)
	return func() { set(before) }
}
