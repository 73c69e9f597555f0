package examples

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// pagesYAML polls a list that comes in pages: where the next page is stands in the store with what came of the one before.
const pagesYAML = `
hub: {name: polled-pages, store: "sqlite:hub.db"}
adapters:
  provider:
    type: http-client
    url: "${PROVIDER_URL}"
    ops: {events: {http: GET /v1/events, query: {limit: "2"}, paging: {by: link, items: data}}}
channels:
  payments: {type: direct, key: body.order}
pipelines:
  events:
    from: {poll: provider.events, every: 1s, with: {next: =cursor}, items: =body.items, cursor: =body.next, more: =body.next != null}
    steps:
      - {send: payments, with: {order: =body.order, event: =body.id}}
  book:
    from: payments
    steps:
      - count: {name: booked, by: =body.event}
`

// shelf is a list of events that comes in pages of two, each with a link to the next one.
type shelf struct {
	mu     sync.Mutex
	events int
	asked  map[int]int // pages, by how often they were asked for
	wrong  []string
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(5 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	from, err := strconv.Atoi(r.URL.Query().Get("from"))
	if r.Method != "GET" || r.URL.Path != "/v1/events" || r.URL.Query().Get("limit") != "2" || err != nil && r.URL.RawQuery != "limit=2" {
		s.wrong = append(s.wrong, r.Method+" "+r.URL.RequestURI())
	}
	s.asked[from/2]++
	var data []string
	for id := from + 1; id <= min(from+2, s.events); id++ {
		data = append(data, fmt.Sprintf(`{"id":"evt_%03d","order":"W-%d"}`, id, id%7))
	}
	if from+2 < s.events {
		w.Header().Set("Link", fmt.Sprintf(`</v1/events?limit=2&from=%d>; rel="next"`, from+2))
	}
	w.Header().Set("content-type", "application/json")
	fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(data, ","))
}

func (s *shelf) pages() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// TestPolledPages: a list of 150 pages is polled by a hub that is killed again and again in the middle of it. It goes on with the page
// that its stored cursor names: each event is booked once, and no page is asked for again but the one that a kill interrupted.
func TestPolledPages(t *testing.T) {
	t.Parallel()
	const pages, kills = 150, 5
	p, far := newPlace(t, "polled-list"), &shelf{events: 2 * pages, asked: map[int]int{}}
	if err := os.WriteFile(filepath.Join(p.dir, "pages.yaml"), []byte(pagesYAML), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(far)
	defer server.Close()
	p.set("PROVIDER_URL", server.URL)
	h := p.run("hub", "pages.yaml", nil)
	for n := range kills {
		await(t, soon, "some pages are read", func() bool { return far.pages() > 5+20*n }, h.report)
		h.kill()
		if got := far.pages(); got >= pages {
			t.Fatalf("it had read all %d pages before the kill", got)
		}
		h.start()
	}
	booked := func() map[string]int64 { return h.status().Counters["booked"] }
	await(t, soon, fmt.Sprintf("%d events are booked", far.events), func() bool { return len(booked()) == far.events }, h.report)
	for name, n := range booked() {
		if n != 1 {
			t.Errorf("%s is booked %d times", name, n)
		}
	}
	far.mu.Lock()
	defer far.mu.Unlock()
	again := 0
	for page, n := range far.asked {
		if page < pages-2 { // the last ones are looked at in each poll
			again += n - 1
		}
	}
	if again > kills || len(far.wrong) > 0 {
		t.Errorf("%d pages were asked for again after %d kills; requests that are wrong: %q", again, kills, far.wrong)
	}
	t.Logf("%d events on %d pages, %d kills: each booked once, %d pages asked for again", far.events, len(far.asked), kills, again)
}
