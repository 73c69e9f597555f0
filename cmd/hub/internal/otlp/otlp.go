// Package otlp sends the spans of runs to an OpenTelemetry collector: OTLP 1.x over HTTP, as JSON
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp). What the SDK would add, sampling, batches
// and bounds, is a few lines here, and here what is lost is counted.
package otlp

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/figures"
)

const (
	waiting      = 8192 // runs that wait to be sent; those past it are lost, and counted
	batch        = 512  // runs in a request
	sendEvery    = time.Second
	patience     = 10 * time.Second // for an answer of the collector
	lastPatience = 2 * time.Second  // likewise, when the hub stops
)

// Config says where spans go, and of what they tell.
type Config struct {
	Endpoint string // http://host:4318
	Sample   float64
	Headers  map[string]string

	Hub, Version string                   // service.name and service.version
	Systems      map[string]string        // type of each adapter, by its name
	Sources      map[string]string        // what a stage reads from its adapter: "POST /orders"
	Mask         func(text string) string // hides secrets
	Figures      *figures.Set
	Log          *slog.Logger
}

// Exporter is an Observer whose runs go to a collector. A collector that is away costs nothing but the spans.
type Exporter struct {
	c    Config
	sent *figures.Series // spans
	lost *figures.Series // likewise
	http http.Client
	wake chan struct{} // one slot: there is a batch

	mu   sync.Mutex
	runs []*hub.EndedRun
	away bool // the last request failed: that was told
}

var _ hub.Observer = (*Exporter)(nil)

// New makes an exporter, which Run lets send.
func New(c Config) *Exporter {
	return &Exporter{c: c, sent: c.Figures.Series(figures.Spans, "sent"), lost: c.Figures.Series(figures.Spans, "lost"),
		http: http.Client{Timeout: patience}, wake: make(chan struct{}, 1)}
}

// Sample picks the traces that begin here by their IDs, as OpenTelemetry's TraceIdRatioBased: hubs with
// the same part pick the same ones. A trace that came in is recorded if whoever began it says so.
func (e *Exporter) Sample(t hub.TraceID) bool {
	return float64(binary.BigEndian.Uint64(t[8:])>>1) < e.c.Sample*(1<<63)
}

// Ended takes a run to be sent.
func (e *Exporter) Ended(r *hub.EndedRun) {
	e.mu.Lock()
	full := len(e.runs) >= waiting
	if !full {
		e.runs = append(e.runs, r)
	}
	many := len(e.runs) >= batch
	e.mu.Unlock()
	if full {
		e.lost.Add(int64(len(spansOf(r, &e.c))))
	}
	if many {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
}

// Run sends until ctx ends, and what is left then once more.
func (e *Exporter) Run(ctx context.Context) {
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastPatience)
			defer cancel()
			e.flush(last)
			e.http.CloseIdleConnections()
			return
		case <-tick.C:
		case <-e.wake:
		}
		e.flush(context.WithoutCancel(ctx))
	}
}

// flush sends all that waits. Of a collector that does not take one batch the others are not asked.
func (e *Exporter) flush(ctx context.Context) {
	e.mu.Lock()
	runs := e.runs
	e.runs = nil
	e.mu.Unlock()
	var failed error
	for len(runs) > 0 {
		n := min(batch, len(runs))
		var spans []span
		for _, r := range runs[:n] {
			spans = append(spans, spansOf(r, &e.c)...)
		}
		runs = runs[n:]
		if failed == nil {
			failed = e.send(ctx, spans)
		}
		if failed != nil {
			e.lost.Add(int64(len(spans)))
			continue
		}
		e.sent.Add(int64(len(spans)))
		e.tell(nil)
	}
	if failed != nil {
		e.tell(failed)
	}
}

// tell logs the first failure, and that it is over.
func (e *Exporter) tell(err error) {
	switch {
	case err != nil && !e.away:
		e.c.Log.Warn("spans are lost: the collector does not take them", "endpoint", e.c.Endpoint, "error", err)
	case err == nil && e.away:
		e.c.Log.Info("the collector takes spans again", "endpoint", e.c.Endpoint)
	}
	e.away = err != nil
}

func (e *Exporter) send(ctx context.Context, spans []span) error {
	body, err := json.Marshal(export{[]resourceSpans{{
		Resource:   resource{[]attribute{text("service.name", e.c.Hub), text("service.version", e.c.Version)}},
		ScopeSpans: []scopeSpans{{Scope: scope{"orderhub", e.c.Version}, Spans: spans}}}}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(e.c.Endpoint, "/")+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range e.c.Headers {
		req.Header.Set(name, value)
	}
	res, err := e.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}
