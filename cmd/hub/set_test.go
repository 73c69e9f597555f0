package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/config"
)

// TestSetAndReload: what --set says holds over a reload; where it no longer fits, the old configuration runs on.
func TestSetAndReload(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	s.start("--set", "hub.name=market", "--set", "channels.orders.keep=7d")
	name := func() string { return strings.Fields(s.hub(0, "status"))[0] }
	if name() != "market" {
		t.Fatalf("status begins with %s", name())
	}
	s.write(strings.Replace(shop, "drain: 2s", "drain: 3s", 1))
	has(t, s.hub(0, "reload"), " -> ")
	if name() != "market" {
		t.Errorf("after a reload status begins with %s", name())
	}
	s.write(strings.ReplaceAll(shop, "orders", "sales"))
	has(t, s.hub(1, "reload"), `--set channels.orders.keep:1:10: error[E130]: channels has no "orders"`, "help: there are sales", "keeps running")
	has(t, s.hub(0, "send", "intake", `{"id":1,"total":5,"kind":"web"}`), `"id":1`)
}

// TestSetVersion: what is set is part of the configuration's version.
func TestSetVersion(t *testing.T) {
	s := newSite(t, shop)
	version := func(sets ...string) string {
		l := config.Load(s.config, registry(nil), &config.Stubs{}, sets...)
		if !l.OK() {
			t.Fatal(config.ProblemText(l.Problems))
		}
		return l.Plan.Version
	}
	plain, one, two := version(), version("hub.drain=3s"), version("hub.drain=4s")
	if plain == one || one == two || one != version("hub.drain=3s") {
		t.Errorf("versions %s %s %s", plain, one, two)
	}
}

// TestSetURL: a partner that --set names is no stub; the store that --set names is used whatever $HUB_STORE says.
func TestSetURL(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	t.Setenv("HUB_STORE", "sqlite:"+t.TempDir()+"/env.db")
	t.Setenv("HUB_SECRET_TEST_BILLING", "s3cret")
	asked := make(chan string, 1)
	billing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"result":"approved"}`))
	}))
	defer billing.Close()
	s := newSite(t, stubbed)
	s.start("--set", "adapters.billing.url="+billing.URL, "--set", "hub.store=memory:")
	if !slices.Equal(s.ready.Stubs, []string{"shipping-eu"}) || s.ready.Store != "memory:" {
		t.Errorf("stubs %v, store %s", s.ready.Stubs, s.ready.Store)
	}
	s.hub(0, "send", "buy", `{"id":"S-1","card":"tok_visa"}`)
	if got := <-asked; got != "Bearer s3cret" {
		t.Errorf("billing was asked with %q", got)
	}
	s.stop()
	billing.CloseClientConnections()
}
