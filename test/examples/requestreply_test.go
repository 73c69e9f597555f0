package examples

import (
	"fmt"
	"net/http"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"orderhub/hub/hubtest"
)

// newDesk starts the requester and a replier for each warehouse.
func newDesk(t *testing.T) (r *rabbit, p *place, requester *hub, repliers map[string]*hub) {
	t.Helper()
	p = newPlace(t, "rabbit-request-reply", "stock.reserve", "stock.berlin", "stock.hamburg")
	r = newRabbit(t, nil, []string{p.own("stock.reserve"), p.own("stock.berlin"), p.own("stock.hamburg")})
	p.set("RABBIT_URL", r.url)
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	repliers = map[string]*hub{}
	for days, warehouse := range map[string]string{"2": "berlin", "1": "hamburg"} {
		repliers[warehouse] = p.run(warehouse, "replier.yaml", nil, "WAREHOUSE", p.own(warehouse), "DAYS", days)
	}
	return r, p, p.run("requester", "pipelines.yaml", nil), repliers
}

// TestRequestReply: two repliers share the requests of one queue, and are asked both by Scatter-Gather; a client that is no hub asks
// and answers as they do.
func TestRequestReply(t *testing.T) {
	t.Parallel()
	r, p, requester, repliers := newDesk(t)
	const requests = 20
	by := map[string]int{}
	for i := range requests {
		a := requester.do("POST", "/reservations", fmt.Sprintf(`{"sku": "A-%d", "quantity": 2}`, i))
		for w := range repliers {
			if a.status == http.StatusCreated && a.body == fmt.Sprintf(`{"reserved":true,"sku":"A-%d","quantity":2,"warehouse":%q}`, i, p.own(w)) {
				by[w]++
			}
		}
	}
	if by["berlin"] == 0 || by["hamburg"] == 0 || by["berlin"]+by["hamburg"] != requests {
		t.Errorf("answers by replier: %v", by)
	}
	for w, h := range repliers {
		same(t, w+"'s own count", h.status().Counters["reservations"][""], by[w])
	}
	same(t, "the nearest", requester.do("GET", "/stock/A-1", ""), fmt.Sprintf(`200 {"best":{"warehouse":%q,"sku":"A-1","days":1},"answers":2}`, p.own("hamburg")))

	repliers["hamburg"].kill()
	same(t, "the nearest of those that answer", requester.do("GET", "/stock/A-1", ""), fmt.Sprintf(`200 {"best":{"warehouse":%q,"sku":"A-1","days":2},"answers":1}`, p.own("berlin")))
	for i := range 4 {
		if a := requester.do("POST", "/reservations", `{"sku": "B", "quantity": 1}`); a.status != http.StatusCreated {
			t.Errorf("request %d with one replier left: %s", i, a)
		}
	}

	// A client that is no hub asks.
	q, err := r.ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.publish("", p.own("stock.reserve"), amqp.Publishing{ContentType: "application/json", CorrelationId: "c-1", ReplyTo: q.Name, Body: []byte(`{"sku": "C", "quantity": 1}`)})
	d := r.get(q.Name)
	same(t, "the client's answer", d.CorrelationId+" "+string(d.Body), fmt.Sprintf(`c-1 {"reserved":true,"sku":"C","quantity":1,"warehouse":%q}`, p.own("berlin")))

	// And it answers, in the place of a warehouse.
	asked, url := make(chan answer, 1), requester.ready.URLs["web"]+"/stock/A-2"
	go func() { a, _ := try("GET", url, ""); asked <- a }()
	for d = r.get(p.own("stock.hamburg")); string(d.Body) == `{"sku":"A-1"}`; { // it came after the kill, and has not expired yet
		d = r.get(p.own("stock.hamburg"))
	}
	same(t, "the request", string(d.Body), `{"sku":"A-2"}`)
	r.publish("", d.ReplyTo, amqp.Publishing{CorrelationId: d.CorrelationId, ContentType: "application/json", Body: []byte(`{"warehouse":"by hand","days":0}`)})
	same(t, "the nearest", <-asked, `200 {"best":{"warehouse":"by hand","days":0},"answers":2}`)
}
