package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/figures"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// nowhere is a target that takes everything.
type nowhere struct{ sync.Map }

func (n *nowhere) Send(_ context.Context, m *hub.Message) error { n.Store(m.ID, m); return nil }
func (n *nowhere) Close() error                                 { return nil }

// TestFault_V4_NoHolesInATrace: each message that passes through has its history, which is durable after a clean stop. A
// pipeline with `history: failures` keeps that of failures alone.
func TestFault_V4_NoHolesInATrace(t *testing.T) {
	path := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
	st := opened(t, path)
	rt := engine.NewRuntime(st, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
	to := &nowhere{}
	failing := passing(to)
	failing.Name, failing.Queue, failing.Failing = "f", "f#0", true
	pass := failing.Run
	failing.Run = func(ctx context.Context, x *hub.Exchange) error {
		if x.Msg.Correlation == "F-2" {
			return hub.Fail(hub.Rejected, "no", "no")
		}
		return pass(ctx, x)
	}
	for _, s := range []*engine.Stage{passing(to), failing} {
		if err := rt.AddStage(s); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- rt.Run(ctx) }()
	<-rt.Started()
	const n = 1500 // of several transactions
	var senders sync.WaitGroup
	for i := range n {
		senders.Go(func() {
			if _, err := rt.Inject(t.Context(), "p", &hub.Message{ID: fmt.Sprint("p-", i), Correlation: "P", Time: time.Now()}); err != nil {
				t.Error(err)
			}
		})
	}
	for _, correlation := range []string{"F-1", "F-2"} {
		if _, err := rt.Inject(t.Context(), "f", &hub.Message{ID: correlation, Correlation: correlation, Time: time.Now()}); err != nil {
			t.Error(err)
		}
	}
	senders.Wait()
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = opened(t, path)
	defer st.Close()
	for id, want := range map[string]int{"P": n, "F-1": 0, "F-2": 1} {
		rows, err := st.History(t.Context(), id)
		if err != nil || len(rows) != want || rt.Unkept() != 0 {
			t.Errorf("history of %s has %d rows, want %d; %d are not kept (%v)", id, len(rows), want, rt.Unkept(), err)
		}
		if want == n && rows[7].Events[0].Where != "p/send out" {
			t.Errorf("a row is %+v", rows[7])
		}
	}
}

// TestUnkept: history that comes faster than the store writes is counted, and what is kept is what came first. What the
// store does not take now is written later.
func TestUnkept(t *testing.T) {
	st := opened(t, "memory:")
	defer st.Close()
	rt := engine.NewRuntime(st, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
	many := &engine.Stage{Name: "p", Queue: "p#0", Direct: true, Run: func(_ context.Context, x *hub.Exchange) error {
		for range 1 << 14 {
			x.Note(hub.Event{Where: "p/step", What: "done"})
		}
		return nil
	}}
	if err := rt.AddStage(many); err != nil {
		t.Fatal(err)
	}
	if err := rt.Manual(t.Context()); err != nil { // nobody writes
		t.Fatal(err)
	}
	send := func(id string) {
		if _, err := rt.Inject(t.Context(), "p", &hub.Message{ID: id, Time: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 6 {
		send(fmt.Sprint("m-", i))
	}
	if n := rt.Unkept(); n != 2 {
		t.Errorf("%d of 6 messages with 16,384 events are not kept, want 2: 65,536 events may wait", n)
	}
	if n := rt.Health.Figures.Snapshot().Sum(figures.Unkept); n != 2 {
		t.Errorf("the figures tell of %v", n)
	}
	rt.WriteNotes()
	send("later")
	rt.WriteNotes()
	for id, want := range map[string]int{"m-0": 1, "m-3": 1, "m-4": 0, "later": 1} {
		if rows, err := st.History(t.Context(), id); err != nil || len(rows) != want {
			t.Errorf("%s has %d rows, want %d (%v)", id, len(rows), want, err)
		}
	}
}

func opened(t testing.TB, place string) store.Store {
	t.Helper()
	st, err := drivers.Open(t.Context(), place, store.Options{MinFree: -1})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func passing(to hub.Target) *engine.Stage {
	return &engine.Stage{Name: "p", Adapter: "in", Queue: "p#0", Direct: true, Run: func(_ context.Context, x *hub.Exchange) error {
		if x.Trace {
			x.Note(hub.Event{Where: "p/send out", What: "sent", Detail: "out"})
		}
		x.Unit.Sends = append(x.Unit.Sends, hub.Send{Queue: "@out", Target: to, Msg: x.Msg})
		return nil
	}}
}

// BenchmarkPassThrough is a message that passes through, with history of failures alone and of all, from 64 senders.
func BenchmarkPassThrough(b *testing.B) {
	for _, failing := range []bool{true, false} {
		b.Run(fmt.Sprint("failures=", failing), func(b *testing.B) {
			st := opened(b, "sqlite:"+filepath.Join(b.TempDir(), "hub.db"))
			defer st.Close()
			rt := engine.NewRuntime(st, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
			s := passing(&discard{})
			s.Failing = failing
			rt.AddStage(s)
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan error)
			go func() { ended <- rt.Run(ctx) }()
			<-rt.Started()
			h := hub.Headers{"content-type": "application/json"}
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := rt.Inject(b.Context(), "p", &hub.Message{ID: "01M8MCCDCP14C6CHKC5GPPSX1N", Correlation: "W-1", Headers: h}); err != nil {
						b.Fatal(err)
					}
				}
			})
			stop()
			<-ended
			b.ReportMetric(float64(rt.Unkept())/float64(b.N), "unkept/op")
		})
	}
}

type discard struct{}

func (discard) Send(context.Context, *hub.Message) error { return nil }
func (discard) Close() error                             { return nil }
