package system

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// TestHistorySize bounds what an order of the shipped flow leaves in the history: 8 KB in about 30 rows, with all indexes, on whole pages.
func TestHistorySize(t *testing.T) {
	s := running(t)
	const orders = 150 // so many that pages which are not full count little
	sample := s.sample("web-orders.1-approved.json")
	for i := range orders {
		s.post("/orders", strings.Replace(sample, "W-1001", fmt.Sprint("W-", 7000+i), 1))
	}
	for i := range orders {
		s.reach(fmt.Sprint("W-", 7000+i), "done")
	}
	if _, err := s.stop(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, "hub.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var rows, bytes int
	if err := db.QueryRow("SELECT count(*) FROM history WHERE corr LIKE 'W-7%'").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRow("SELECT sum(pgsize) FROM dbstat WHERE name IN ('history','history_root','history_corr','links','links_seq','terms','terms_term')").Scan(&bytes); err != nil {
		t.Fatal(err)
	}
	t.Logf("an order leaves %d bytes in %.1f rows", bytes/orders, float64(rows)/orders)
	if bytes/orders > 8<<10 || rows < 20*orders || rows > 40*orders {
		t.Errorf("an order leaves %d bytes in %.1f rows, want at most 8192 in about 30", bytes/orders, float64(rows)/orders)
	}
}

// collector is an OTLP receiver: it keeps the spans that it is sent, by their IDs.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans map[string]otlpSpan
}

type otlpSpan struct {
	TraceID, SpanID, ParentSpanID, Name string
	Attributes                          []struct {
		Key   string
		Value struct{ StringValue, IntValue string }
	}
	hub string // service.name
}

func (s otlpSpan) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue + a.Value.IntValue
		}
	}
	return ""
}

func newCollector(t *testing.T) *collector {
	c := &collector{spans: map[string]otlpSpan{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var sent struct {
			ResourceSpans []struct {
				Resource   otlpSpan
				ScopeSpans []struct{ Spans []otlpSpan }
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Errorf("what is no OTLP: %v", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, of := range sent.ResourceSpans {
			for _, s := range of.ScopeSpans[0].Spans {
				s.hub = of.Resource.attribute("service.name")
				c.spans[s.SpanID] = s
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// of are the spans of a trace.
func (c *collector) of(trace string) (list []otlpSpan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.TraceID == trace {
			list = append(list, s)
		}
	}
	return list
}

// TestOneTrace: an order that comes by HTTP, goes to a second hub by RabbitMQ and to a third by Kafka, which asks a partner by HTTP, is one trace without a
// hole: hub trace of the first, whose peers the others are, has each run, whose parent is the one that sent its message. A
// collector has the same spans with the same parents, and what was asked of the partner, without what its query holds.
func TestOneTrace(t *testing.T) {
	rabbit, broker := needRabbit(t), needKafka(t)
	run := strings.ToLower(hub.NewID(time.Now()))
	topics(t, broker, 1, "trace."+run)
	conn, err := amqp.Dial(rabbit)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("trace."+run, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	defer ch.QueueDelete("trace."+run, false, false, false)
	collector := newCollector(t)
	var asked atomic.Value // the traceparent that the partner got
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Traceparent"))
		w.Write([]byte("{}"))
	}))
	defer partner.Close()
	const config = `hub: {name: NAME, store: "${HUB_STORE}", ops: {address: "OPS", token: "secret:ops"}, otlp: {endpoint: "COLLECTOR"}, peers: {PEERS}}
adapters:
  web: {type: http-server, listen: "${HUB_LISTEN}"}
  rabbit: {type: amqp, url: "RABBIT"}
  kafka: {type: kafka, brokers: "KAFKA"}
  partner: {type: http-client, url: "PARTNER", ops: {tell: "GET /told"}, query: {api_key: "secret:partner"}}
channels:
  late: {type: direct}
pipelines:
  ping: {from: {web: GET /ping}, steps: [{reply: 200}]}
  after: {from: late, steps: [{call: partner.tell, with: {}, as: told}, {filter: body.id != nil}]}
PIPELINE
`
	names, ops := []string{"north", "east", "south"}, make([]string, 3)
	for i := range ops {
		ops[i] = hubtest.FreePort(t)
	}
	hubs := make([]*site, 3)
	for i, pipeline := range []string{
		"  first: {from: {web: POST /in}, steps: [{set: {correlation: =body.id}}, {send: {rabbit: queue trace.RUN}}, {reply: 202}]}",
		"  second: {from: {rabbit: queue trace.RUN}, steps: [{set: {headers.seen: second}}, {send: {kafka: topic trace.RUN}}]}",
		"  third: {from: {kafka: topic trace.RUN, group: RUN}, steps: [{send: late}]}",
	} {
		s := newSite(t, "", stub.Options{})
		s.config = filepath.Join(s.dir, "trace.yaml")
		s.env = append(s.env, "HUB_SECRET_OPS=token-of-ops-9931", "HUB_SECRET_PARTNER=key-of-partner-5512")
		peers := ""
		if i == 0 {
			for j := 1; j < 3; j++ {
				peers += fmt.Sprintf(`%s: {url: "http://%s", token: "secret:ops"}, `, names[j], ops[j])
			}
		}
		text := strings.NewReplacer("PIPELINE", strings.ReplaceAll(pipeline, "RUN", run), "NAME", names[i], "OPS", ops[i], "COLLECTOR", collector.URL, "PEERS", strings.TrimSuffix(peers, ", "),
			"RABBIT", rabbit, "KAFKA", broker, "PARTNER", partner.URL).Replace(config)
		if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.start()
		hubs[i] = s
	}
	const trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	if a := hubs[0].do("POST", "/in", `{"id":"T-1"}`, "Traceparent", "00-"+trace+"-"+caller+"-01", "Tracestate", "shop=1"); a.status != 202 {
		t.Fatal(a)
	}
	type happening struct{ Hub, Where, What, Trace, Span, Parent string }
	var v struct {
		Traces  []string
		Events  []happening
		Unasked []any
	}
	hubs[0].until("the last run of the third hub", func() bool {
		out, err := hubs[0].verb("trace", "T-1")
		return err == nil && strings.Contains(out, `"after/call partner.tell"`)
	})
	hubs[0].ask(&v, "trace", "T-1")
	if len(v.Traces) != 1 || v.Traces[0] != trace || len(v.Unasked) > 0 {
		t.Fatalf("%+v", v)
	}
	var runs []happening // in their order, the first event of each
	for _, e := range v.Events {
		if !slices.ContainsFunc(runs, func(r happening) bool { return r.Span == e.Span }) {
			runs = append(runs, e)
		}
	}
	want := []string{"north first", "east second", "south third", "south after"}
	parent := caller
	for i, r := range runs {
		if i >= len(want) {
			t.Fatalf("%d runs: %v", len(runs), runs)
		}
		pipeline, _, _ := strings.Cut(r.Where, "/")
		if r.Hub+" "+pipeline != want[i] || r.Parent != parent || r.Trace != trace {
			t.Errorf("run %d is %+v, want %s with the parent %s", i, r, want[i], parent)
		}
		parent = r.Span
	}
	if len(runs) != len(want) {
		t.Errorf("%d runs: %v", len(runs), runs)
	}
	hubs[0].until("the collector has all spans", func() bool { return len(collector.of(trace)) >= len(want)+4 })
	spans := collector.of(trace)
	for _, r := range runs {
		s := collector.spans[r.Span]
		if s.ParentSpanID != r.Parent || s.TraceID != trace || s.hub != r.Hub {
			t.Errorf("the collector has %+v for %+v", s, r)
		}
	}
	steps := map[string]int{}
	for _, s := range spans {
		if i := slices.IndexFunc(runs, func(r happening) bool { return r.Span == s.SpanID }); i >= 0 {
			continue
		}
		i := slices.IndexFunc(runs, func(r happening) bool { return r.Span == s.ParentSpanID })
		if i < 0 {
			t.Errorf("a step of no run: %+v", s)
			continue
		}
		steps[runs[i].Hub+" "+s.attribute("hub.pattern")]++
		if s.attribute("hub.pattern") == "call" && (s.attribute("http.request.method") != "GET" || s.attribute("url.full") != partner.URL+"/told" || s.attribute("http.response.status_code") != "200") {
			t.Errorf("the call is told as %+v", s)
		}
	}
	same(t, "spans of steps", fmt.Sprint(steps), "map[east send:1 north send:1 south call:1 south send:1]")
	same(t, "the trace that the partner was told", asked.Load(), any("00-"+trace+"-"+runs[len(runs)-1].Span+"-01"))
}
