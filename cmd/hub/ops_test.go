package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

const watchedShop = `
hub: {name: shop, store: "sqlite:STORE", drain: 2s, ops: {address: "127.0.0.1:0"}}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
  billing: {type: http-client, url: "BILLING", allow_networks: [127.0.0.0/8], ops: {charge: POST /charges}, limits: {circuit_breaker: 1/1m}}
channels:
  orders: {type: direct, key: body.id}
pipelines:
  intake:
    from: {web: POST /orders}
    steps:
      - validate: [{rule: body.total > 0, say: the total is not positive}]
      - reply: {status: 202, body: {id: =body.id}}
      - send: orders
  work:
    from: orders
    steps:
      - when: body.kind == "lost"
        fail: {class: lost, say: gone}
      - {call: billing.charge, as: charged}
      - count: {name: orders, by: body.kind}
`

// scrape is what GET /metrics answers, by series: hub_up{kind="adapter",part="web"}.
func (s *site) scrape() map[string]float64 {
	s.t.Helper()
	status, text := s.ops(http.MethodGet, "/metrics")
	if status != http.StatusOK {
		s.t.Fatalf("/metrics answers %d:\n%s", status, text)
	}
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if !ok {
			series, value, _ = strings.Cut(strings.TrimSpace(line), " ")
		} else {
			series += "}"
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			out[series] = n
		}
	}
	return out
}

// ops asks where the hub is watched.
func (s *site) ops(method, path string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.ready.Ops+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// Each kind of trouble is seen at the next scrape, and what was counted goes on over a reload and a restart.
func TestMetrics(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	var answer atomic.Int32
	answer.Store(200)
	billing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(answer.Load()))
		io.WriteString(w, "{}")
	}))
	defer billing.Close()
	config := strings.ReplaceAll(watchedShop, "BILLING", billing.URL)
	s := newSite(t, config)
	s.start()
	post := func(id, rest string) { s.post("/orders", `{"id":"`+id+`",`+rest+`}`) }
	post("A-1", `"total":1,"kind":"x"`)
	post("A-2", `"total":0,"kind":"x"`)
	post("A-3", `"total":1,"kind":"lost"`)
	want := map[string]float64{
		`hub_messages_total{pipeline="intake",result="done",stage="intake"}`:             2,
		`hub_messages_total{pipeline="intake",result="invalid",stage="intake"}`:          1,
		`hub_messages_total{pipeline="work",result="done",stage="work"}`:                 1,
		`hub_messages_total{pipeline="work",result="lost",stage="work"}`:                 1,
		`hub_stage_duration_seconds_count{pipeline="work",stage="work"}`:                 2,
		`hub_dead_letters_total{class="lost",pipeline="work",stage="work"}`:              1,
		`hub_queue_messages{queue="orders",state="dead"}`:                                1,
		`hub_adapter_requests_total{adapter="billing",operation="charge",result="done"}`: 1,
		`hub_adapter_duration_seconds_count{adapter="billing",operation="charge"}`:       1,
		`hub_counted_total{counter="orders",key="x"}`:                                    1,
		`hub_refused_total{reason="rule",source="web POST /orders"}`:                     1,
		`hub_breaker_state{adapter="billing",state="closed"}`:                            1,
		`hub_up{kind="adapter",part="billing"}`:                                          1,
		`hub_up{kind="store",part=""}`:                                                   1,
		`hub_ready`:                                                                      1,
		`hub_gathered{part="store"}`:                                                     1,
		`hub_config_last_reload_ok`:                                                      1,
	}
	seen := func(want map[string]float64) {
		t.Helper()
		wrong := map[string]float64{}
		defer func() {
			if t.Failed() {
				t.Errorf("not as they should be: %v\n%s", wrong, s.hub(0, "status"))
			}
		}()
		await(t, "the figures", func() bool {
			got := s.scrape()
			clear(wrong)
			for series, n := range want {
				if v, ok := got[series]; !ok || v != n {
					wrong[series] = v
				}
			}
			return len(wrong) == 0
		})
	}
	seen(want)
	if now := s.scrape(); now["hub_store_size_bytes{part=\"data\"}"] == 0 || now["hub_store_commit_units_count"] == 0 || now["go_goroutines"] == 0 {
		t.Errorf("of the store and the process: %v", now)
	}

	answer.Store(503)
	post("A-4", `"total":1,"kind":"x"`)
	seen(map[string]float64{
		`hub_adapter_requests_total{adapter="billing",operation="charge",result="unavailable"}`: 1,
		`hub_messages_total{pipeline="work",result="unavailable",stage="work"}`:                 1,
		`hub_breaker_state{adapter="billing",state="open"}`:                                     1,
		`hub_breaker_state{adapter="billing",state="closed"}`:                                   0,
		`hub_up{kind="adapter",part="billing"}`:                                                 0,
		`hub_queue_messages{queue="orders",state="waiting"}`:                                    1,
	})
	await(t, "the age of what waits", func() bool { return s.scrape()[`hub_queue_oldest_age_seconds{queue="orders"}`] > 0.1 })

	counted := func() float64 {
		return s.scrape()[`hub_messages_total{pipeline="intake",result="done",stage="intake"}`]
	}
	s.write(strings.Replace(config, "fail: {class", "fial: {class", 1))
	s.hub(1, "reload")
	seen(map[string]float64{"hub_config_last_reload_ok": 0})
	s.write(config + "\n# changed")
	s.hub(0, "reload")
	seen(map[string]float64{"hub_config_last_reload_ok": 1})
	if n := counted(); n != 3 {
		t.Errorf("after a reload intake has %v", n)
	}
	s.stop()
	s.start()
	if n := counted(); n != 3 {
		t.Errorf("after a restart intake has %v", n)
	}
	if done := cell(t, s.hub(0, "status"), "intake", 2); done != "3" {
		t.Errorf("after a restart status says %s", done)
	}
	s.stop()
}

// Where the hub is watched nothing can be changed, nor seen of messages; a stopping hub is not ready.
func TestOpsAddress(t *testing.T) {
	s := newSite(t, strings.ReplaceAll(watchedShop, "BILLING", "http://127.0.0.1:1"))
	s.start()
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/status": 404, "/reload": 404, "/dead": 404} {
		if status, text := s.ops(http.MethodGet, path); status != want {
			t.Errorf("GET %s: %d %s", path, status, text)
		}
	}
	if status, _ := s.ops(http.MethodPost, "/metrics"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST /metrics: %d", status)
	}
	socket := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.dir+"/hub.sock")
	}}}
	res, err := socket.Get("http://hub/metrics")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("on the control socket: %d", res.StatusCode)
	}
	s.stop()
}

// An address that is none, and one that is taken, are told with what to write.
func TestOpsAddressFaults(t *testing.T) {
	for _, address := range []string{":9464", "9464", "localhost", "127.0.0.1:"} {
		s := newSite(t, strings.ReplaceAll(watchedShop, "127.0.0.1:0\"}}", address+"\"}}"))
		has(t, s.hub(1, "validate", s.config), "E225", "is no address with a host and a port", "write 127.0.0.1:9464 for this machine alone", "pipelines.yaml:2:")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newSite(t, strings.ReplaceAll(strings.ReplaceAll(watchedShop, "127.0.0.1:0\"}}", l.Addr().String()+"\"}}"), "BILLING", "http://127.0.0.1:1"))
	has(t, s.hub(1, "run", s.config), "hub.ops.address: "+l.Addr().String()+" is used by another program; write another port")
}

// The runs of the hub are spans at its collector, in the trace that came with the request; a reload may name another collector.
func TestTracesReachTheCollector(t *testing.T) {
	var mu sync.Mutex
	var got []string
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, string(raw))
		mu.Unlock()
	}))
	defer collector.Close()
	config := strings.ReplaceAll(watchedShop, "BILLING", "http://127.0.0.1:1")
	s := newSite(t, strings.Replace(config, "drain: 2s,", `drain: 2s, otlp: {endpoint: "`+collector.URL+`", sample: 0},`, 1))
	s.start()
	const trace = "0af7651916cd43dd8448eb211c80319c"
	req, err := http.NewRequest(http.MethodPost, s.ready.URLs["web"]+"/orders", strings.NewReader(`{"id":"A-1","total":1,"kind":"lost"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	s.post("/orders", `{"id":"A-2","total":1,"kind":"lost"}`) // not sampled
	await(t, "the spans", func() bool {
		mu.Lock()
		defer mu.Unlock()
		all := strings.Join(got, "")
		return strings.Contains(all, `"name":"work"`) && strings.Contains(all, `"name":"intake"`)
	})
	s.stop()
	all := strings.Join(got, "")
	has(t, all, `"traceId":"`+trace+`"`, `"parentSpanId":"b7ad6b7169203331"`, `"http.route"`, `"service.name","value":{"stringValue":"shop"}`, `"error.type","value":{"stringValue":"lost"}`)
	if n, ours := strings.Count(all, `"traceId"`), strings.Count(all, trace); n != ours {
		t.Errorf("%d spans, %d of the trace that is sampled", n, ours)
	}
	for bad, want := range map[string]string{`endpoint: "collector:4318"`: "is no address of a collector", `endpoint: "http://c:4318", sample: 2`: ": sample"} {
		s := newSite(t, strings.Replace(config, "drain: 2s,", "drain: 2s, otlp: {"+bad+"},", 1))
		has(t, s.hub(1, "validate", s.config), "error[", want)
	}
}
