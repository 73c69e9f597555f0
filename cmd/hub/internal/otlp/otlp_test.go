package otlp

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/figures"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector keeps the spans that it gets.
type collector struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []span
	header http.Header
	status int
}

func newCollector(t *testing.T) *collector {
	c := &collector{status: 200}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var e export
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := json.Unmarshal(raw, &e); err != nil || r.URL.Path != "/v1/traces" || r.Method != http.MethodPost || len(e.ResourceSpans) != 1 {
			t.Errorf("%s %s: %v\n%s", r.Method, r.URL, err, raw)
			return
		}
		c.header = r.Header
		if c.status == 200 {
			c.spans = append(c.spans, e.ResourceSpans[0].ScopeSpans[0].Spans...)
		}
		w.WriteHeader(c.status)
	}))
	t.Cleanup(c.Close)
	return c
}

func exporter(t *testing.T, endpoint string, sample float64) (*Exporter, *figures.Set, *strings.Builder) {
	set, log := &figures.Set{}, &strings.Builder{}
	return New(Config{Endpoint: endpoint, Sample: sample, Headers: map[string]string{"Authorization": "Bearer x"}, Hub: "shop", Version: "1",
		Systems: map[string]string{"web": "http-server", "rabbit": "amqp"}, Sources: map[string]string{"intake": "POST /orders", "events": "queue events"},
		Mask: func(s string) string { return strings.ReplaceAll(s, "hunter2", "[secret]") }, Figures: set, Log: slog.New(slog.NewTextHandler(log, nil))}), set, log
}

// sampleRun is one that called and failed.
func sampleRun() *hub.EndedRun {
	began := time.Unix(1700000000, 5)
	_, span := (&hub.Message{ID: "m-1"}).Begin(nil)
	r := &hub.EndedRun{Span: span, Name: "intake", Kind: hub.SpanServer, Start: began, End: began.Add(time.Second), Message: "m-1", Correlation: "W-1", Adapter: "web",
		Events: []hub.Event{{Time: began, Where: "intake", What: "received"},
			{Time: began.Add(time.Millisecond), Took: 20 * time.Millisecond, Where: "intake/call", Line: "p.yaml:7", What: "called", Detail: "billing.charge hunter2",
				Asked: "POST https://pay.example.com/hunter2/charges", Status: "503"}},
		Err: hub.Fail(hub.Timeout, "timeout", "no answer of hunter2")}
	r.Links = []hub.TraceContext{{Trace: hub.TraceOf("other"), Span: hub.SpanID{7}}}
	return r
}

// A run is a span with its parent, its links and its error; a step that called is a span below it. No word of what failed goes out, nor a secret.
func TestSpans(t *testing.T) {
	c := newCollector(t)
	e, set, _ := exporter(t, c.URL+"/", 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // sends once
	r := sampleRun()
	r.Parent = hub.SpanID{1, 2}
	e.Ended(r)
	e.Run(ctx)
	if len(c.spans) != 2 || set.Snapshot().Sum(figures.Spans, "sent") != 2 || c.header.Get("Authorization") != "Bearer x" {
		t.Fatalf("%+v, %v", c.spans, c.header)
	}
	own, step := c.spans[0], c.spans[1]
	if own.Trace != hub.TraceOf("m-1").String() || own.ID != r.Span.Span.String() || own.Parent != "0102000000000000" || own.Kind != kindServer ||
		own.Start != "1700000000000000005" || own.End != "1700000001000000005" || own.Status == nil || own.Status.Code != statusError {
		t.Errorf("%+v", own)
	}
	if len(own.Links) != 1 || own.Links[0].Trace != hub.TraceOf("other").String() || own.Links[0].ID != "0700000000000000" {
		t.Errorf("links %+v", own.Links)
	}
	if step.Parent != own.ID || step.Trace != own.Trace || step.ID == own.ID || step.Name != "intake call" || step.Kind != kindClient ||
		step.Start != "1700000000001000005" || step.End != "1700000000021000005" {
		t.Errorf("%+v", step)
	}
	call := map[string]value{"http.request.method": {String: "POST"}, "url.full": {String: "https://pay.example.com/[secret]/charges"}, "server.address": {String: "pay.example.com"},
		"server.port": {Int: "443"}, "http.response.status_code": {Int: "503"}, "error.type": {String: "503"}}
	for key, want := range call {
		i := slices.IndexFunc(step.Attributes, func(a attribute) bool { return a.Key == key })
		if i < 0 || step.Attributes[i].Value != want {
			t.Errorf("the call has no %s = %v: %v", key, want, step.Attributes)
			continue
		}
		step.Attributes = slices.Delete(step.Attributes, i, i+1)
	}
	if step.Status == nil || step.Status.Code != statusError {
		t.Errorf("the call has the status %v", step.Status)
	}
	want := map[string]string{"hub.pattern": "call", "code.lineno": "p.yaml:7", "hub.detail": "billing.charge [secret]", "http.request.method": "POST", "http.route": "/orders",
		"messaging.message.id": "m-1", "messaging.message.conversation_id": "W-1", "error.type": "timeout"}
	for _, a := range append(own.Attributes, step.Attributes...) {
		if w := want[a.Key]; w != a.Value.String {
			t.Errorf("%s = %q, not %q", a.Key, a.Value.String, w)
		}
		delete(want, a.Key)
	}
	if len(want) > 0 || strings.Contains(own.Status.Message, "hunter2") {
		t.Errorf("missing %v; the status says %q", want, own.Status.Message)
	}
}

// Messages of a broker are told by the conventions of messaging.
func TestMessagingSpan(t *testing.T) {
	e, _, _ := exporter(t, "", 1)
	r := sampleRun()
	r.Name, r.Adapter, r.Kind, r.Err = "events", "rabbit", hub.SpanConsumer, nil
	s := spansOf(r, &e.c)[0]
	got := map[string]string{}
	for _, a := range s.Attributes {
		got[a.Key] = a.Value.String
	}
	if got["messaging.system"] != "rabbitmq" || got["messaging.destination.name"] != "queue events" || got["messaging.operation.type"] != "process" || s.Kind != kindConsumer || s.Status != nil || s.Parent != "" {
		t.Errorf("%+v", s)
	}
}

// A collector that is away, or refuses, costs its spans: they are counted, and told once; so is that it is back.
func TestLoss(t *testing.T) {
	c := newCollector(t)
	e, set, log := exporter(t, c.URL, 1)
	c.status = 503
	for range 3 {
		e.Ended(sampleRun())
		e.flush(t.Context())
	}
	c.status = 200
	e.Ended(sampleRun())
	e.flush(t.Context())
	now := set.Snapshot()
	if now.Sum(figures.Spans, "lost") != 6 || now.Sum(figures.Spans, "sent") != 2 {
		t.Errorf("%v lost, %v sent", now.Sum(figures.Spans, "lost"), now.Sum(figures.Spans, "sent"))
	}
	if text := log.String(); strings.Count(text, "WARN") != 1 || strings.Count(text, "takes spans again") != 1 || !strings.Contains(text, "answered 503") {
		t.Error(text)
	}
	for range waiting + 10 {
		e.Ended(sampleRun())
	}
	if lost := set.Snapshot().Sum(figures.Spans, "lost"); lost != 26 {
		t.Errorf("past the bound %v are lost", lost)
	}
	e.http.CloseIdleConnections()
}

// The part that is sampled is the one that was asked for, and the same in each hub.
func TestSample(t *testing.T) {
	none, _, _ := exporter(t, "", 0)
	tenth, _, _ := exporter(t, "", 0.1)
	again, _, _ := exporter(t, "", 0.1)
	all, _, _ := exporter(t, "", 1)
	n := 0
	for i := range 10_000 {
		id := hub.TraceOf(string(rune(i)) + "x")
		if none.Sample(id) || !all.Sample(id) || tenth.Sample(id) != again.Sample(id) {
			t.Fatal(id)
		}
		if tenth.Sample(id) {
			n++
		}
	}
	if n < 800 || n > 1200 { // of IDs that are always the same
		t.Errorf("%d of 10,000", n)
	}
}
