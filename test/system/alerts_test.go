package system

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

const alertConfig = `retries: {soon: {times: 1000, wait: 200ms..1s}}
adapters:
  web: {type: http-server, listen: "${HUB_LISTEN}"}
  billing: {type: http-client, url: "${PARTNER_URL}", ops: {charge: POST /charges}}
  told: {type: files, dir: "${TOLD}"}
channels: {orders: {type: direct}}
pipelines:
  in: {from: {web: POST /orders, public: true}, steps: [{reply: 202}, {send: orders}]}
  bill: {from: orders, steps: [{call: billing.charge, retry: soon}]}
alerts:
  away: {when: not up("billing"), send: {told: "{id}.json"}}
`

// TestAlertsOnTwoHubs: two hubs share a PostgreSQL store. An outage that one of them meets is told once, and so is its end, though both start anew meanwhile.
func TestAlertsOnTwoHubs(t *testing.T) {
	t.Parallel()
	dsn, _ := needPostgres(t)
	var away atomic.Bool
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(partner.Close)
	told := t.TempDir()
	first := flowSite(t, alertConfig)
	second := *first
	second.dir, second.addr, second.process = t.TempDir(), hubtest.FreePort(t), nil
	hubs := [2]*site{first, &second}
	for _, s := range hubs {
		s.env = append(slices.Clone(first.env), "HUB_STORE="+dsn, "HUB_HOME="+s.dir, "HUB_LISTEN="+s.addr, "HUB_INSTANCE="+s.addr, "PARTNER_URL="+partner.URL, "TOLD="+told)
		s.start()
	}
	t.Cleanup(func() {
		if second.process != nil {
			second.kill()
		}
	})
	await := func(state string) {
		t.Helper()
		for end := time.Now().Add(3 * time.Minute); !slices.Contains(statesTold(t, told), state); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not %s: %v\n%s", state, statesTold(t, told), first.tail())
			}
		}
	}
	away.Store(true)
	first.insist("/orders", `{"n": 1}`)
	await("raised")
	for range 3 {
		for _, s := range hubs {
			if _, err := s.stop(); err != nil {
				t.Fatal(err)
			}
			s.start()
			time.Sleep(6 * time.Second) // more than half of the time between two looks
		}
	}
	away.Store(false)
	await("cleared")
	time.Sleep(12 * time.Second) // one look more
	if got := statesTold(t, told); !slices.Equal(got, []string{"raised", "cleared"}) {
		t.Errorf("told: %v\n%s", got, first.tail())
	}
}

// statesTold are the states of the alerts in a folder, in their order.
func statesTold(t *testing.T, dir string) (states []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range files {
		raw, err := os.ReadFile(f)
		var m struct{ State, At string }
		if err == nil {
			err = json.Unmarshal(raw, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m.At+" "+m.State)
	}
	slices.Sort(all)
	for _, s := range all {
		_, state, _ := strings.Cut(s, " ")
		states = append(states, state)
	}
	return states
}
