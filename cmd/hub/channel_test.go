package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/api"
)

// counting is a hub whose pipeline work charges each order that it finds valid; the others are parked in `invalid`.
const counting = `
hub: {name: counting, store: "sqlite:STORE", drain: 2s}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
  billing: {type: http-client, url: "FAR", limits: {circuit_breaker: 3/1h}, ops: {charge: POST /charge}}
schemas: {order: order.json}
retries: {slow: {times: 50, wait: 1h..1h}}
channels:
  orders: {type: direct, key: body.id}
  checked: {type: direct, key: body.id, schema: order}
  invalid: {type: direct, key: body.id}
  audit: {type: direct}
pipelines:
  intake: {from: {web: POST /orders}, steps: [{reply: 202}, {send: orders}]}
  tomorrow: {from: {web: POST /tomorrow}, steps: [{reply: 202}, {delay: 1d}, {send: orders}]}
  work:
    from: orders
    steps:
      - validate: {schema: order}
      - send: checked
    errors: {invalid: {send: invalid, headers: {reason: =error.message}}}
  charge:
    from: checked
    steps:
      - table: {put: seen, key: body.id, value: {total: =body.total, email: =body.email, token: =body.token}}
      - {call: billing.charge, retry: slow, as: charge}
      - send: audit
`

const countingSchema = `{"type": "object", "required": ["id", "email"], "properties": {
	"id": {"type": "string"}, "total": {"type": "number"}, "zip": {"type": "string"},
	"email": {"type": "string", "pattern": "^[^@ ]+@[^@ ]+$", "x-pii": true}, "token": {"type": "string", "x-secret": true},
	"lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}}}}`

// till counts the charges by the body, and answers what it is told to.
type till struct {
	*httptest.Server
	mu     sync.Mutex
	bodies map[string]int
	status int
}

func (b *till) answers(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
}

// charged is how many charges there were, and the largest number of one body.
func (b *till) charged() (all, most int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.bodies {
		all, most = all+n, max(most, n)
	}
	return all, most
}

// newCounting is the hub, with texts of its configuration replaced.
func newCounting(t *testing.T, replaced ...string) (*site, *till) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	b := &till{bodies: map[string]int{}, status: http.StatusOK}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.status == http.StatusOK {
			b.bodies[string(raw)]++
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(b.status)
		io.WriteString(w, `{}`)
	}))
	t.Cleanup(b.Close)
	s := newSite(t, strings.NewReplacer(append(replaced, "FAR", b.URL)...).Replace(counting))
	s.file("order.json", countingSchema)
	s.start()
	return s, b
}

// channel is what `hub channel list` tells of a channel.
func (s *site) channel(name string) *api.Channel {
	s.t.Helper()
	for _, c := range asked[[]api.Channel](s, "channel", "list") {
		if c.Queue.Queue == name {
			return &c
		}
	}
	s.t.Fatalf("no channel %s is listed", name)
	return nil
}

// asked is what a verb prints as JSON.
func asked[A any](s *site, args ...string) (a A) {
	s.t.Helper()
	out := s.hub(0, append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		s.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return a
}

func (s *site) send202(path, body string) {
	s.t.Helper()
	if res := s.post(path, body); res.StatusCode != http.StatusAccepted {
		s.t.Fatal(res.Status)
	}
}

// TestChannelMend: what is parked in a channel that nobody reads is found, mended, sent on and done, once.
func TestChannelMend(t *testing.T) {
	s, b := newCounting(t)
	s.send202("/orders", `{"id":"W-1","email":"jane example.com","total":12.50,"zip":"01067","token":"tok_very_secret","lines":[{"sku":"A"}]}`)
	await(t, "it is parked", func() bool { return s.channel("invalid").Ready == 1 })
	if c := s.channel("invalid"); c.Reader != "" || c.Bytes == 0 || c.Type != "direct" {
		t.Errorf("%+v", c)
	}
	if list := s.hub(0, "channel", "list"); !strings.Contains(list, "nobody") {
		t.Error(list)
	}
	m := asked[api.ChannelPage](s, "channel", "show", "invalid").Messages[0]
	if m.Why != "nobody reads invalid" || m.Correlation != "W-1" {
		t.Errorf("%+v", m)
	}
	seq := fmt.Sprint(m.Seq)
	for _, id := range []string{seq, m.ID} {
		one := s.hub(0, "channel", "show", "invalid", id)
		if strings.Contains(one, "tok_very_secret") || strings.Contains(one, "jane") || !strings.Contains(one, `"zip":"01067"`) || !strings.Contains(one, "reason: ") {
			t.Error(one)
		}
	}
	s.hub(2, "channel", "move", "invalid", seq, "--to", "orders", "--set", "email=jane@example.com", "--by", "ann")
	out := s.hub(1, "channel", "move", "invalid", seq, "--to", "checked", "--set", "total=9", "--by", "ann", "--why", "typo")
	if !strings.Contains(out, "message "+seq) || !strings.Contains(out, "/email") {
		t.Error("the schema of the channel is held:", out)
	}
	out = s.hub(0, "channel", "move", "invalid", seq, "--to", "orders", "--set", "email=jane@example.com", "--set", "zip=01069", "--set", "lines.0.sku=B", "--by", "ann", "--why", "the customer called")
	if out != "1 message moved: 1 to orders\n" {
		t.Error(out)
	}
	await(t, "it is done", func() bool { return s.channel("audit").Ready == 1 })
	if s.channel("invalid").Live() != 0 {
		t.Error("it is parked still")
	}
	if all, _ := b.charged(); all != 1 {
		t.Errorf("charged %d times", all)
	}
	done := asked[api.ChannelPage](s, "channel", "show", "audit").Messages[0]
	if full := s.hub(0, "channel", "show", "audit", done.ID, "--personal"); !strings.Contains(full, `"email":"jane@example.com"`) || !strings.Contains(full, `"zip":"01069"`) ||
		!strings.Contains(full, `"sku":"B"`) || !strings.Contains(full, `"total":12.50`) {
		t.Error(full)
	}
	trace := s.hub(0, "trace", "W-1")
	if !strings.Contains(trace, "from invalid to orders, with another email, lines.0.sku, zip, by ann: the customer called") || strings.Contains(trace, "jane@") {
		t.Error(trace)
	}
	s.hub(1, "channel", "move", "invalid", seq, "--to", "orders", "--by", "ann")
	if row := s.hub(0, "table", "show", "seen", "W-1"); !strings.Contains(row, `"total":12.50`) || strings.Contains(row, "tok_very_secret") {
		t.Error(row)
	}
	if rows := asked[api.TableRows](s, "table", "show", "seen", "--match", "row.total > 13"); len(rows.Rows) != 0 {
		t.Errorf("%+v", rows)
	}
	if tables := asked[[]api.TableStatus](s, "table", "list"); len(tables) != 1 || tables[0].Rows != 1 {
		t.Errorf("%+v", tables)
	}
	s.hub(1, "table", "show", "sen")
	s.hub(1, "table", "show", "seen", "W-2")
}

// TestChannelWhy: each message says what it waits for.
func TestChannelWhy(t *testing.T) {
	s, b := newCounting(t)
	order := func(id string) string { return `{"id":"` + id + `","email":"a@example.com"}` }
	whys := func(name string) (all []string) {
		for _, m := range asked[api.ChannelPage](s, "channel", "show", name).Messages {
			all = append(all, m.Why)
		}
		return all
	}
	is := func(name string, want ...string) {
		t.Helper()
		var got []string
		met := func() bool {
			got = whys(name)
			for i, w := range want {
				if len(got) != len(want) || !strings.HasPrefix(got[i], w) {
					return false
				}
			}
			return true
		}
		defer func() {
			if t.Failed() {
				t.Logf("%s: %q", name, got)
			}
		}()
		await(t, fmt.Sprintf("%s waits for %q", name, want), met)
	}
	s.send202("/tomorrow", order("T-1"))
	later := ""
	await(t, "the delayed one is listed", func() bool {
		for _, c := range asked[[]api.Channel](s, "channel", "list") {
			if c.Waiting == 1 {
				later = c.Queue.Queue
			}
		}
		return later != ""
	})
	is(later, "due at ")

	b.answers(http.StatusTooManyRequests)
	s.send202("/orders", order("W-1"))
	is("checked", "throttled: ")
	first := asked[api.ChannelPage](s, "channel", "show", "checked").Messages[0].Seq
	s.send202("/orders", order("W-1"))
	is("checked", "throttled: ", fmt.Sprintf("behind message %d of key W-1, throttled: ", first))

	b.answers(http.StatusServiceUnavailable)
	s.send202("/orders", order("W-2"))
	is("checked", "", "behind ", "billing fails since ")
	const open = "the circuit breaker of billing is open: "
	last := ""
	for i := 3; !strings.HasPrefix(last, open) && i < 40; i++ { // one after another: of those that are asked at once, all may get an answer
		s.send202("/orders", order(fmt.Sprint("W-", i)))
		await(t, "the newest one failed", func() bool {
			all := whys("checked")
			last = all[len(all)-1]
			return len(all) == i+1 && last != ""
		})
	}
	if !strings.HasPrefix(last, open) {
		t.Errorf("the breaker never opens: %s", last)
	}

	s.hub(0, "pause", "work", "--why", "stocktaking")
	s.send202("/orders", order("P-1"))
	is("orders", "work is paused: stocktaking")
	if c := s.channel("orders"); c.Paused != "paused: stocktaking" || c.Reader != "work" {
		t.Errorf("%+v", c)
	}

	// The message that the others of its key are held behind is deleted: they go on.
	b.answers(http.StatusOK)
	if out := s.hub(2, "channel", "purge", "checked", fmt.Sprint(first), "--by", "ann", "--why", "twice"); !strings.Contains(out, "1 message of checked; nothing was done: say --yes") {
		t.Error(out)
	}
	s.hub(0, "channel", "purge", "checked", fmt.Sprint(first), "--by", "ann", "--why", "twice", "--yes")
	await(t, "W-1 goes on", func() bool {
		for _, m := range asked[api.ChannelPage](s, "channel", "show", "checked").Messages {
			if m.Key == "W-1" && m.State == "held" {
				return false
			}
		}
		return true
	})
	s.hub(1, "channel", "purge", "nothing", "1", "--by", "ann", "--why", "x", "--yes")
	s.hub(1, "channel", "move", "checked", "--all", "--to", "order", "--by", "ann", "--yes")
	if out := s.hub(1, "channel", "purge", "checked", "--match", "body.total >", "--by", "ann", "--why", "x", "--yes"); !strings.Contains(out, "match: ") {
		t.Error(out)
	}
	if out := s.hub(0, "channel", "purge", "checked", "--match", "body.total > 1", "--by", "ann", "--why", "x", "--yes"); !strings.Contains(out, "0 messages would be deleted") && !strings.Contains(out, "0 messages deleted") || !strings.Contains(out, "could not be compared") {
		t.Error(out)
	}
}

// TestChannelUnderLoad: messages that are moved and deleted while others come and are handled are neither lost nor doubled.
func TestChannelUnderLoad(t *testing.T) {
	s, b := newCounting(t)
	const n = 300
	s.hub(0, "pause", "charge")
	for i := range n / 2 {
		s.send202("/orders", fmt.Sprintf(`{"id":"W-%d","email":"a@example.com","total":%d}`, i%20, i))
	}
	s.hub(0, "resume", "charge")
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := n / 2; i < n; i++ {
			s.send202("/orders", fmt.Sprintf(`{"id":"W-%d","email":"a@example.com","total":%d}`, i%20, i))
		}
	})
	var moved, deleted int
	for range 15 {
		moved += asked[api.ChannelChanged](s, "channel", "move", "checked", "--match", "body.total % 2 == 1", "--to", "audit", "--by", "ann", "--yes").Count
		deleted += asked[api.ChannelChanged](s, "channel", "purge", "checked", "--match", "body.total % 7 == 0", "--by", "ann", "--why", "a test", "--yes").Count
	}
	wg.Wait()
	await(t, "all is done", func() bool { return s.channel("checked").Live()+s.channel("orders").Live() == 0 })
	await(t, "each is charged, moved or deleted", func() bool { all, _ := b.charged(); return all+moved+deleted >= n })
	all, most := b.charged()
	if all+moved+deleted != n || most > 1 || s.channel("audit").Ready != all+moved {
		t.Errorf("of %d: %d charged (one of them %d times), %d moved, %d deleted; audit has %d", n, all, most, moved, deleted, s.channel("audit").Ready)
	}
	if lines := s.hub(0, "channel", "show", "audit", "-o", "ndjson", "--limit", "10"); strings.Count(lines, "\n") != 10 || !strings.HasPrefix(lines, `{"seq":`) {
		t.Error(lines)
	}
}
