package stub

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func stringsReader(s string) io.Reader { return strings.NewReader(s) }

// hub is a receiver of webhooks that checks signatures.
type hub struct {
	mu    sync.Mutex
	got   []string // order status
	wrong int
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !hmac.Equal([]byte(r.Header.Get("X-Sig")), []byte(Sign("s3cret", r.Header.Get("X-Timestamp"), body))) {
		h.wrong++
	}
	var event struct {
		Reference, Shipment, Status string
		Seq                         int
	}
	if json.Unmarshal(body, &event) != nil || event.Shipment == "" || event.Seq == 0 {
		h.wrong++
	}
	h.got = append(h.got, event.Reference+" "+event.Status)
	w.WriteHeader(http.StatusNoContent)
}

func (h *hub) seen() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.got, ",")
}

func TestSignature(t *testing.T) { // a known answer: any other implementation must find the same
	const want = "sha256=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
	if got := Sign("key", "1700000000", []byte(`{"a":1}`)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestBookingCallsBack(t *testing.T) {
	h := &hub{}
	server := httptest.NewServer(h)
	defer server.Close()
	w := world(t, Options{Webhook: server.URL, WebhookSecret: "s3cret", WebhookDelay: 20 * time.Millisecond})
	r := post(t, w.URLs()["shipping"]+"/shipments", "k", `{"order":"W-1","parcels":{"W1":[1],"W2":[2]},"service":"standard"}`)
	if r.status != 201 || r.get(t, "price") != "7.40" || r.get(t, "eta") != "2d" || !strings.HasPrefix(r.get(t, "tracking"), "TRK") {
		t.Fatalf("%+v", r)
	}
	post(t, w.URLs()["shipping-new"]+"/shipments", "k", `{"order":"W-1","parcels":[1]}`) // a shadow tells nobody
	await(t, "both callbacks", func() bool { return w.Ledger().Count("", "webhook") == 2 })
	if got := h.seen(); got != "W-1 picked_up,W-1 delivered" || h.wrong != 0 {
		t.Errorf("%s, %d wrong", got, h.wrong)
	}
}

func TestCallbackWaitsForTheHub(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	w := world(t, Options{Webhook: "http://" + addr, WebhookSecret: "s3cret"})
	post(t, w.URLs()["shipping"]+"/shipments", "k", `{"order":"W-1","parcels":[1]}`)
	await(t, "a refused callback is put back", func() bool {
		w.hooks.mu.Lock()
		defer w.hooks.mu.Unlock()
		for _, k := range w.hooks.pending {
			if k.wait > 0 {
				return true
			}
		}
		return false
	})
	h := &hub{}
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	if server.Listener, err = net.Listen("tcp", addr); err != nil {
		t.Skip("the port was taken:", err)
	}
	server.Start()
	defer server.Close()
	await(t, "both callbacks", func() bool { return w.Ledger().Count("shipping", "webhook") == 2 })
	if h.wrong != 0 || !strings.Contains(h.seen(), "W-1 delivered") {
		t.Errorf("%s, %d wrong", h.seen(), h.wrong)
	}
}

func TestCallbacksSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.ndjson")
	w := world(t, Options{LedgerPath: path}) // nobody to tell yet
	post(t, w.URLs()["shipping"]+"/shipments", "k1", `{"order":"W-1","parcels":[1]}`)
	id := post(t, w.URLs()["shipping"]+"/shipments", "k2", `{"order":"W-2","parcels":[1]}`).get(t, "id")
	if r := post(t, w.URLs()["shipping"]+"/shipments/"+id+"/cancel", "k3", ``); r.status != 200 {
		t.Fatalf("%+v", r)
	}
	if e := w.Ledger().Effects("shipping", "cancel"); len(e) != 1 || e[0].Ref != "W-2" {
		t.Errorf("%+v", e)
	}
	closeWorld(t, w)
	h := &hub{}
	server := httptest.NewServer(h)
	defer server.Close()
	w = world(t, Options{LedgerPath: path})
	w.SetWebhook(server.URL, "s3cret")
	w.SetWebhook(server.URL, "s3cret") // telling it twice changes nothing
	await(t, "both callbacks", func() bool { return w.Ledger().Count("shipping", "webhook") == 2 })
	if got := h.seen(); strings.Contains(got, "W-2") || len(strings.Split(got, ",")) != 2 || h.wrong != 0 {
		t.Errorf("%s, %d wrong", got, h.wrong)
	}
	closeWorld(t, w)
	w = world(t, Options{LedgerPath: path, Webhook: server.URL, WebhookDelay: time.Hour})
	w.hooks.mu.Lock()
	defer w.hooks.mu.Unlock()
	if len(w.hooks.pending) != 0 {
		t.Errorf("%d callbacks would be made again", len(w.hooks.pending))
	}
}

func TestCallbackGivesUp(t *testing.T) {
	l, err := OpenLedger("")
	if err != nil {
		t.Fatal(err)
	}
	h := startHooks(l, "", "", time.Millisecond)
	defer h.stop()
	late := &hook{service: "shipping", order: "W-1", shipment: "shp_1", seq: 1, url: "http://127.0.0.1:1", due: time.Now().Add(-2 * hookGiveUp)}
	if done := h.attempt(context.Background(), late); !done || l.Count("shipping", "webhook.gave_up") != 1 || l.Count("shipping", "webhook") != 0 {
		t.Errorf("%+v", l.Effects("", ""))
	}
}
