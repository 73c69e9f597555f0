package engine_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// recording keeps the runs of the traces that it samples.
type recording struct {
	mu   sync.Mutex
	runs []*hub.EndedRun
	not  hub.TraceID // is not sampled
}

func (r *recording) Sample(id hub.TraceID) bool { return id != r.not }

func (r *recording) Ended(run *hub.EndedRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs = append(r.runs, run)
}

// TestSpans: each run of a stage is a span, whose parent is the run that sent its message: through the store, on each retry,
// and to the outside. An observer is told of those whose trace is recorded.
func TestSpans(t *testing.T) {
	st, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	clock := hub.RealClock{}
	rt, seen, to := engine.NewRuntime(st, clock, slog.New(slog.DiscardHandler), nil), &recording{not: hub.TraceOf("dull")}, &nowhere{}
	rt.Observed(seen)
	failures := 1
	for _, s := range []*engine.Stage{
		{Name: "first", Adapter: "web", Queue: "first#0", Direct: true, Answers: true, Run: func(_ context.Context, x *hub.Exchange) error {
			x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: "second", Msg: x.Msg.Child("1")})
			return nil
		}},
		{Name: "second", Queue: "second", React: func(*hub.Error) hub.Reaction { return hub.Reaction{Retry: &hub.Retry{Min: 1, Max: 1, Times: 9}} }, Run: func(_ context.Context, x *hub.Exchange) error {
			x.Note(hub.Event{Where: "second/call", What: "called"})
			if failures--; failures >= 0 {
				return hub.Fail(hub.Unavailable, "away", "the far end is away")
			}
			x.Unit.Sends = append(x.Unit.Sends, hub.Send{Queue: "@out", Target: to, Msg: x.Msg})
			return nil
		}},
		{Name: "@out", Queue: "@out", Run: func(ctx context.Context, x *hub.Exchange) error { return to.Send(ctx, x.Msg) }},
	} {
		if err := rt.AddStage(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := rt.Manual(t.Context()); err != nil {
		t.Fatal(err)
	}
	given := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, m := range []*hub.Message{{ID: "M", Time: time.Now(), Headers: hub.Headers{hub.HeaderTraceparent: given, hub.HeaderTracestate: "a=1"}}, {ID: "dull"}} {
		if _, err := rt.Inject(t.Context(), "first", m); err != nil {
			t.Fatal(err)
		}
		for _, queue := range []string{"second", "second", "@out"} {
			if _, err := rt.Step(t.Context(), queue); err != nil {
				t.Fatal(err)
			}
		}
	}
	sent, _ := to.Load("M/1")
	out := sent.(*hub.Message).Trace
	if len(seen.runs) != 4 {
		t.Fatalf("sent with %v, %d runs", sent, len(seen.runs))
	}
	first, failed, again, outbox := seen.runs[0], seen.runs[1], seen.runs[2], seen.runs[3]
	for i, c := range []struct {
		name   string
		run    *hub.EndedRun
		parent string
		kind   hub.SpanKind
		fails  bool
	}{
		{"first", first, "b7ad6b7169203331", hub.SpanServer, false},
		{"second", failed, first.TraceContext.Span.String(), hub.SpanConsumer, true},
		{"second", again, first.TraceContext.Span.String(), hub.SpanConsumer, false},
		{"@out", outbox, again.TraceContext.Span.String(), hub.SpanConsumer, false},
	} {
		r := c.run
		if r.Name != c.name || r.Parent.String() != c.parent || r.Kind != c.kind || (r.Err != nil) != c.fails || r.Trace.String() != given[3:35] || r.State != "a=1" || r.End.Before(r.Start) {
			t.Errorf("run %d: %+v, want %+v", i, r, c)
		}
	}
	if failed.TraceContext.Span == again.TraceContext.Span || again.Attempts != 1 || len(failed.Events) != 1 || out.Span != outbox.TraceContext.Span || out.State != "a=1" {
		t.Errorf("failed %+v, again %+v, sent with %+v", failed, again, out)
	}
	dull, _ := to.Load("dull/1")
	if c := dull.(*hub.Message).Trace; c.Sampled || c.Trace != hub.TraceOf("dull") {
		t.Errorf("a trace that nobody records goes on as %+v", c)
	}
}
