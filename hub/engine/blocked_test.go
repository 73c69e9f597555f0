package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// lateStore returns late from commits that put a retry: the retry is due, claimed and over by then.
type lateStore struct {
	store.Store
	rt *engine.Runtime
}

func (s *lateStore) Commit(ctx context.Context, u *hub.Unit) error {
	err := s.Store.Commit(ctx, u)
	if len(u.Puts) > 0 && u.Puts[0].Error != nil {
		for range 20 { // other messages come meanwhile
			time.Sleep(5 * time.Millisecond)
			s.rt.WakeAll()
		}
	}
	return err
}

// A message from outside fails, and its retry is over before its source hears of it: the key goes on.
func TestRetryThatIsOverFirst(t *testing.T) {
	st, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var tries, done atomic.Int64
	soon := &hub.Retry{Times: 5, Min: time.Millisecond, Max: time.Millisecond}
	s := &engine.Stage{Name: "s", Queue: "q", Inbox: true, React: func(*hub.Error) hub.Reaction { return hub.Reaction{Retry: soon} },
		Run: func(context.Context, *hub.Exchange) error {
			if tries.Add(1) == 1 {
				return hub.Fail(hub.Unavailable, "away", "away")
			}
			done.Add(1)
			return nil
		}}
	late := &lateStore{Store: st}
	rt := engine.NewRuntime(late, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
	late.rt = rt
	if err := rt.AddStage(s); err != nil {
		t.Fatal(err)
	}
	const n = 5
	rt.AddSource("src", sourceFunc(func(ctx context.Context, h hub.Handler) error {
		for i := range n {
			if err := h.Handle(ctx, &hub.Message{ID: fmt.Sprint("m", i), Key: "k"}); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return nil
	}), s)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- rt.Run(ctx) }()
	for deadline := time.Now().Add(30 * time.Second); done.Load() < n && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil || done.Load() != n {
		t.Errorf("%d of %d messages were done (%v)", done.Load(), n, err)
	}
}

// sourceFunc is a source made of a function.
type sourceFunc func(ctx context.Context, h hub.Handler) error

func (f sourceFunc) Run(ctx context.Context, h hub.Handler) error { return f(ctx, h) }

// A hub that starts on a disk that is nearly full takes nothing from outside, and goes on with what came in before, also when it has clocks.
func TestStartsOnAFullDisk(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
	done := make(chan string, 10)
	run := func(o store.Options, ready func(rt *engine.Runtime)) {
		t.Helper()
		st, err := drivers.Open(t.Context(), url, o)
		if err == nil {
			err = st.Recover(t.Context(), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		rt := engine.NewRuntime(st, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
		for _, s := range []*engine.Stage{{Name: "p clock", Queue: "p!clock", Clock: true, Run: func(context.Context, *hub.Exchange) error { return nil }},
			{Name: "work", Queue: "work", Run: func(_ context.Context, x *hub.Exchange) error { done <- x.Msg.ID; return nil }}} {
			if err := rt.AddStage(s); err != nil {
				t.Fatal(err)
			}
		}
		ready(rt)
	}
	run(store.Options{}, func(rt *engine.Runtime) {
		if err := rt.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "work", Msg: &hub.Message{ID: "m"}}}}); err != nil {
			t.Fatal(err)
		}
	})
	run(store.Options{MinFree: math.MaxInt64}, func(rt *engine.Runtime) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- rt.Run(ctx) }()
		select {
		case id := <-done:
			if id != "m" {
				t.Error(id)
			}
		case <-time.After(30 * time.Second):
			t.Error("what came in before is not handled")
		}
		for deadline := time.Now().Add(30 * time.Second); rt.Ready() == nil && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if rt.Ready() == nil {
			t.Error("it takes messages from outside")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
