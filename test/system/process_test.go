package system

import (
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/stub"
)

// flow is an order that charges a card while goods are reserved, books a
// parcel, waits to be picked up, and undoes all of it when it is cancelled.
const flow = `hub: {name: flow, store: "${HUB_STORE}"}
schemas: {order: order.json}
retries: {soon: {times: 1000, wait: 20ms..500ms}}
adapters:
  web: {type: http-server, listen: "${HUB_LISTEN}"}
  billing: {type: http-client, url: "${BILLING_URL}", ops: {charge: {http: POST /charges, expect: [200, 402]}, refund: POST /refunds}, timeout: 2s}
  stock: {type: http-client, url: "${STOCK_URL}", ops: {reserve: POST /widgets/reserve, release: POST /release}, timeout: 2s}
  shipping: {type: http-client, url: "${SHIPPING_URL}", ops: {book: POST /shipments, cancel: "POST /shipments/{id}/cancel"}, timeout: 2s}
pipelines:
  orders: {from: {web: POST /orders}, steps: [{reply: 202}, {start: order}]}
  events: {from: {web: "POST /orders/{id}/{event}"}, steps: [{reply: 202}, {signal: {order: =params.id, event: =params.event, once: =params.event}}]}
processes:
  order:
    id: order.id
    data: {order: order}
    milestones: [booked, done]
    receive: {cancel: {goto: cancelling, until: shipped}}
    states:
      preparing:
        parallel:
          money:
            steps:
              - {call: billing.charge, with: {order: =id, amount: 10, currency: EUR, card: =order.card}, retry: soon, as: charge,
                 compensate: {when: charge.result == "approved", call: billing.refund, with: {order: =id, charge: =charge.id}, retry: soon}}
          goods:
            steps:
              - {call: stock.reserve, with: {order: =id, sku: =order.sku, quantity: 1}, retry: soon, as: stock,
                 compensate: {when: stock.reserved, call: stock.release, with: {order: =id}, retry: soon}}
        next:
          - {when: charge.result == "approved" and stock.reserved, goto: booking}
          - {goto: cancelling}
      booking:
        steps:
          - {call: shipping.book, with: {order: =id, parcels: {a: [1]}, service: standard}, retry: soon, as: shipment,
             compensate: {call: shipping.cancel, with: {id: =shipment.id}, retry: soon}}
        next: [{goto: booked}]
      booked: {receive: {picked_up: {goto: shipped}}, timers: [{after: 14d, goto: cancelling}]}
      shipped: {next: [{goto: done}]}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
`

const flowOrder = `{"type": "object", "required": ["id", "card", "sku"], "properties": {"id": {"type": "string"}, "card": {"type": "string"}, "sku": {"type": "string"}}}`

// flowSite is a hub that runs text, with a schema beside it.
func flowSite(t *testing.T, text string) *site {
	s := newSite(t, "", stub.Options{LedgerPath: filepath.Join(t.TempDir(), "ledger")})
	s.world.SetWebhook("", "")
	s.config = filepath.Join(s.dir, "flow.yaml")
	for name, content := range map[string]string{s.config: text, filepath.Join(s.dir, "order.json"): flowOrder} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// insist posts until the hub has taken it.
func (s *site) insist(path, body string) {
	for {
		req, _ := http.NewRequest(http.MethodPost, "http://"+s.addr+path, strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusAccepted {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestProcessesKilled: order processes against partners that keep a ledger,
// while the hub is killed again and again. Every order ends in a legal state,
// and every effect happens once.
func TestProcessesKilled(t *testing.T) {
	orders, kills := times("HUB_TEST_PROCESSES", 300), times("HUB_TEST_PROCESS_KILLS", 3)
	from, to := span("HUB_TEST_KILL_MIN", 500*time.Millisecond), span("HUB_TEST_KILL_MAX", 2*time.Second)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	s := flowSite(t, flow)
	s.start()
	if err := s.world.Fault(stub.Fault{Service: "billing", Op: "charge", Status: 503, Times: orders / 10, After: true}); err != nil {
		t.Fatal(err)
	}

	wants := make([]string, orders)
	for i := range wants {
		wants[i] = []string{"shipped", "shipped", "shipped", "declined", "out", "cancel"}[r.Intn(6)]
	}
	var began atomic.Int64
	var load sync.WaitGroup
	for w := range 16 {
		load.Go(func() {
			for i := w; i < orders; i += 16 {
				began.Add(1)
				s.order(i, wants[i])
			}
		})
	}
	stop := make(chan struct{})
	go func() { load.Wait(); close(stop) }()
	done := 0
	for ; done < kills || began.Load() < int64(orders); done++ {
		time.Sleep(from + time.Duration(r.Int63n(int64(to-from)+1)))
		s.kill()
		s.start()
	}
	<-stop
	s.judgeFlow(wants)
	t.Logf("%d orders, %d kills", orders, done)
}

func (s *site) order(i int, want string) {
	id, card, sku := fmt.Sprintf("W-%d", i), "tok_ok", "A-1"
	switch want {
	case "declined":
		card = "tok_declined"
	case "out":
		sku = "OUT-OF-STOCK"
	}
	s.insist("/orders", fmt.Sprintf(`{"id":%q,"card":%q,"sku":%q}`, id, card, sku))
	switch want {
	case "cancel":
		s.insist("/orders/"+id+"/cancel", "{}")
	case "shipped":
		s.insist("/orders/"+id+"/picked_up", "{}")
	}
}

// judgeFlow awaits the end of every order, and compares the partners' ledger with it.
func (s *site) judgeFlow(wants []string) {
	s.t.Helper()
	type one struct {
		ID, State string
		Closed    time.Time
	}
	states := map[string]string{}
	defer func() {
		if len(states) < len(wants) {
			out, _ := s.hub("report", "order")
			list, _ := s.hub("process", "list", "order", "--limit", "30")
			s.t.Logf("%s\n%s", out, list)
		}
	}()
	await(s.t, 5*time.Minute, "every order to end", func() bool {
		s.replayKilled()
		clear(states)
		for _, state := range []string{"done", "cancelled"} {
			for after := ""; ; {
				var list struct {
					Instances []one  `json:"instances"`
					Next      string `json:"next"`
				}
				s.ask(&list, "process", "list", "order", "--limit", "1000", "--state", state, "--after", after)
				for _, o := range list.Instances {
					if !o.Closed.IsZero() {
						states[o.ID] = o.State
					}
				}
				if after = list.Next; after == "" {
					break
				}
			}
		}
		return len(states) == len(wants)
	})
	ledger := s.world.Ledger()
	count := func(service, op string) map[string]int {
		n := map[string]int{}
		for _, e := range ledger.Effects(service, op) {
			n[e.Ref]++
		}
		return n
	}
	charged, refunded := count("billing", "charge"), count("billing", "refund")
	reserved, released := count("stock", "reserve"), count("stock", "release")
	booked, cancelled := count("shipping", "book"), count("shipping", "cancel")
	wrong := 0
	for i, want := range wants {
		id := fmt.Sprintf("W-%d", i)
		state := map[string]string{"shipped": "done", "declined": "cancelled", "out": "cancelled", "cancel": "cancelled"}[want]
		ok := states[id] == state && charged[id] <= 1 && reserved[id] <= 1 && booked[id] <= 1
		if state == "done" {
			ok = ok && charged[id]*reserved[id]*booked[id] == 1 && refunded[id]+released[id]+cancelled[id] == 0
		} else {
			ok = ok && charged[id] == refunded[id] && reserved[id] == released[id] && booked[id] == cancelled[id]
		}
		if ok {
			continue
		}
		if wrong++; wrong <= 5 {
			s.t.Errorf("%s (%s) is %s: charged %d refunded %d, reserved %d released %d, booked %d cancelled %d", id, want, states[id],
				charged[id], refunded[id], reserved[id], released[id], booked[id], cancelled[id])
		}
	}
	if wrong > 0 {
		s.t.Errorf("%d of %d orders are wrong", wrong, len(wants))
	}
	if n := s.status().dead(); n > 0 {
		s.t.Errorf("%d dead letters", n)
	}
}
