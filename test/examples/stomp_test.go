package examples

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-stomp/stomp/v3"
)

// TestStomp: a STOMP client's orders come in, and the events go out to who subscribes.
func TestStomp(t *testing.T) {
	t.Parallel()
	addr := env("HUB_TEST_STOMP", "127.0.0.1:61613")
	reachable(t, "STOMP", addr)
	p := newPlace(t, "stomp", "/queue/orders", "/topic/order.accepted", "/topic/order.rejected")
	newRabbit(t, nil, []string{p.own("orders")})
	p.set("STOMP_URL", "stomp://guest:guest@"+addr)
	client, err := stomp.Dial("tcp", addr, stomp.ConnOpt.Login("guest", "guest"), stomp.ConnOpt.Host("/"), stomp.ConnOpt.Logger(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect()
	events := map[string]*stomp.Subscription{}
	for _, topic := range []string{"/topic/order.accepted", "/topic/order.rejected"} {
		if events[topic], err = client.Subscribe(p.own(topic), stomp.AckAuto); err != nil {
			t.Fatal(err)
		}
	}
	h := p.run("hub", "pipelines.yaml", nil)
	order := func(body string) {
		t.Helper()
		if err := client.Send(p.own("/queue/orders"), "application/json", []byte(body), stomp.SendOpt.Receipt, stomp.SendOpt.Header("customer", "C-1")); err != nil {
			t.Fatal(err)
		}
	}
	event := func(topic, want string) {
		t.Helper()
		select {
		case m := <-events[topic].C:
			if m.Err != nil {
				t.Fatal(m.Err)
			}
			same(t, "event of "+topic, string(m.Body), want)
		case <-time.After(soon):
			t.Fatalf("no event of %s\n%s", topic, h.report())
		}
	}
	accepted := p.sample("orders.1-accepted.json")
	order(accepted)
	event("/topic/order.accepted", `{"id":"S-1","total":15.60,"items":1}`)
	order(p.sample("orders.2-wrong-total.json"))
	event("/topic/order.rejected", `{"id":"S-2","reason":"the total does not add up"}`)
	order(accepted) // the client is not sure
	order(fmt.Sprintf(`{"id": "S-3", "items": [{"sku": "B", "quantity": 1, "price": 1}], "total": %d}`, 1))
	event("/topic/order.accepted", `{"id":"S-3","total":1,"items":1}`)
}

// silent is a log for a client that tells what it returns as well.
type silent struct{}

func (silent) Debugf(string, ...any)   {}
func (silent) Infof(string, ...any)    {}
func (silent) Warningf(string, ...any) {}
func (silent) Errorf(string, ...any)   {}
func (silent) Debug(string)            {}
func (silent) Info(string)             {}
func (silent) Warning(string)          {}
func (silent) Error(string)            {}
