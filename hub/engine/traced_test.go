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
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// nowhere is a target that takes everything.
type nowhere struct{ sync.Map }

func (n *nowhere) Send(_ context.Context, m *hub.Message) error { n.Store(m.ID, m); return nil }
func (n *nowhere) Close() error                                 { return nil }

// TestFault_V4_NoHolesInATrace: what descends from a message that has a history keeps its own, also where it passes through without
// changing the store; what comes from elsewhere is sampled. The mark goes no further by itself.
func TestFault_V4_NoHolesInATrace(t *testing.T) {
	st, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	rt := engine.NewRuntime(st, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
	to := &nowhere{}
	if err := rt.AddStage(passing(to)); err != nil {
		t.Fatal(err)
	}
	if err := rt.Manual(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		for _, m := range []*hub.Message{
			{ID: fmt.Sprint("ours-", i), Correlation: "W-1", Time: time.Now(), Headers: hub.Headers{hub.HeaderTraced: "1", "kept": "yes"}},
			{ID: fmt.Sprint("foreign-", i), Correlation: "X-1", Time: time.Now()},
		} {
			if _, err := rt.Inject(t.Context(), "p", m); err != nil {
				t.Fatal(err)
			}
		}
	}
	for id, want := range map[string]int{"W-1": 10, "X-1": 0} {
		rows, err := st.History(t.Context(), id)
		if err != nil || len(rows) != want {
			t.Errorf("history of %s has %d rows, want %d (%v)", id, len(rows), want, err)
		}
	}
	sent, _ := to.Load("ours-3")
	if h := sent.(*hub.Message).Headers; h["kept"] != "yes" || h[hub.HeaderTraced] != "" {
		t.Errorf("sent with %v", h)
	}
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

// BenchmarkPassThrough is a message that passes through, without history and with it, from 64 senders.
func BenchmarkPassThrough(b *testing.B) {
	for _, traced := range []string{"", "1"} {
		b.Run("traced="+traced, func(b *testing.B) {
			st, err := drivers.Open(b.Context(), "sqlite:"+filepath.Join(b.TempDir(), "hub.db"), store.Options{MinFree: -1})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			rt := engine.NewRuntime(st, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
			to := &discard{}
			rt.AddStage(passing(to))
			if err := rt.Manual(b.Context()); err != nil {
				b.Fatal(err)
			}
			h := hub.Headers{"content-type": "application/json"}
			if traced != "" {
				h = h.With(hub.HeaderTraced, traced)
			}
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := rt.Inject(b.Context(), "p", &hub.Message{ID: "01M8MCCDCP14C6CHKC5GPPSX1N", Correlation: "W-1", Headers: h}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

type discard struct{}

func (discard) Send(context.Context, *hub.Message) error { return nil }
func (discard) Close() error                             { return nil }
