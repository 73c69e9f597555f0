package examples

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// provider is a payment provider that keeps its events in a list. It takes no request but those that it documents.
type provider struct {
	mu     sync.Mutex
	events int            // evt_001 to this one
	asked  map[string]int // by the event behind which it was asked
	wrong  []string
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var after int
	_, err := fmt.Sscanf(r.URL.RawQuery, "after=evt_%03d&limit=2", &after)
	if want := fmt.Sprintf("GET /v1/events?after=evt_%03d&limit=2", after); err != nil || r.Method+" "+r.URL.RequestURI() != want || r.ContentLength > 0 {
		p.wrong = append(p.wrong, r.Method+" "+r.URL.RequestURI())
	}
	p.asked[fmt.Sprintf("evt_%03d", after)]++
	var data []string
	for id := after + 1; id <= min(after+2, p.events); id++ {
		kind := "payment.succeeded"
		if id%3 == 0 {
			kind = "payment.failed"
		}
		data = append(data, fmt.Sprintf(`{"id":"evt_%03d","type":%q,"order":"W-%d","amount":19.90}`, id, kind, id%5))
	}
	w.Header().Set("content-type", "application/json")
	fmt.Fprintf(w, `{"data":[%s],"has_more":%t}`, strings.Join(data, ","), after+2 < p.events)
}

func (p *provider) add(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events += n
}

// TestPolledList: the hub is killed again and again while it polls, in the middle of pages: each payment is booked once.
func TestPolledList(t *testing.T) {
	t.Parallel()
	p, far := newPlace(t, "polled-list"), &provider{asked: map[string]int{}}
	server := httptest.NewServer(far)
	defer server.Close()
	p.set("PROVIDER_URL", server.URL)
	p.set("POLL_EVERY", "1s")
	far.add(40)
	h := p.run("hub", "pipelines.yaml", nil)
	booked := func() map[string]int64 { return h.status().Counters["booked"] }
	total := 0
	for range 4 {
		far.add(40)
		h.kill()
		h.start()
	}
	far.mu.Lock()
	for id := 1; id <= far.events; id++ {
		if id%3 != 0 {
			total++
		}
	}
	far.mu.Unlock()
	await(t, soon, fmt.Sprintf("%d payments are booked", total), func() bool { return len(booked()) == total }, h.report)
	for name, n := range booked() {
		if n != 1 {
			t.Errorf("%s is booked %d times", name, n)
		}
	}
	far.mu.Lock()
	defer far.mu.Unlock()
	if len(far.wrong) > 0 {
		t.Errorf("requests that the provider does not know: %q", far.wrong)
	}
	t.Logf("%d events, 4 kills: %d payments booked once, %d places asked behind", far.events, total, len(far.asked))
}
