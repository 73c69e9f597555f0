package examples

import (
	"fmt"
	"strings"
	"testing"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// TestShadow: the new app is asked the same, its answers are compared and counted, and nobody waits for them or sees them.
func TestShadow(t *testing.T) {
	t.Parallel()
	p, world := newPlace(t, "shadow-calls"), partners(t)
	p.set("SHIPPING_URL", world.URLs()["shipping"])
	p.set("SHIPPING_NEW_URL", world.URLs()["shipping-new"])
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	h := p.run("hub", "pipelines.yaml", nil)
	price := func(sample, want string) {
		t.Helper()
		if a := h.do("POST", "/shipments", p.sample(sample)); a.status != 201 || !strings.Contains(a.body, `"price":`+want) {
			t.Errorf("%s: %s", sample, a)
		}
	}
	counts := func(want string) {
		t.Helper()
		var got string
		await(t, soon, "the counter is "+want, func() bool {
			got = fmt.Sprint(h.status().Counters["shadow_calls"])
			return got == want
		}, func() string { return got + h.report() })
	}
	price("shipments.1-standard.json", "6.90")
	price("shipments.2-express.json", "11.50")
	counts("map[shipping-new.book|differs:1 shipping-new.book|same:1]")
	if err := world.Fault(stub.Fault{Service: "shipping-new", Op: "book", Status: 500}); err != nil {
		t.Fatal(err)
	}
	price("shipments.2-express.json", "11.50")
	counts("map[shipping-new.book|differs:1 shipping-new.book|failed:1 shipping-new.book|same:1]")
	same(t, "what the new app was asked", world.Ledger().Arrivals("shipping-new", "book"), 3)
	same(t, "what the app in use booked", world.Ledger().Count("shipping", "book"), 3)
}
