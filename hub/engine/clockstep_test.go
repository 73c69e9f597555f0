package engine_test

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// setClock is a wall clock that can be set.
type setClock struct {
	hub.RealClock
	by atomic.Int64
}

func (c *setClock) Now() time.Time { return c.RealClock.Now().Add(time.Duration(c.by.Load())) }

func TestClockIsSet(t *testing.T) {
	for _, c := range []struct {
		name   string
		step   time.Duration
		due    time.Duration // of the message, from the beginning
		within time.Duration // it runs, after the step; 0: not when it was due before it
	}{
		{"forward past the due time", time.Hour, 30 * time.Minute, 10 * time.Second},
		{"back before it", -time.Hour, 3 * time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clock := &setClock{}
			st, err := drivers.Open(t.Context(), "memory:", store.Options{Clock: clock})
			if err != nil {
				t.Fatal(err)
			}
			ran := make(chan time.Time, 1)
			rt := engine.NewRuntime(st, clock, slog.New(slog.DiscardHandler), nil)
			err = rt.AddStage(&engine.Stage{Name: "s", Queue: "q", Run: func(context.Context, *hub.Exchange) error { ran <- clock.Now(); return nil }})
			if err != nil {
				t.Fatal(err)
			}
			due := clock.Now().Add(c.due)
			if err := rt.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: &hub.Message{ID: "m"}, Due: due}}}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- rt.Run(ctx) }()
			defer func() { cancel(); <-done }()
			<-rt.Started()
			time.Sleep(50 * time.Millisecond)
			clock.by.Store(int64(c.step))
			select {
			case at := <-ran:
				if c.within == 0 || at.Before(due) {
					t.Errorf("it ran at %v, due %v", at, due)
				}
			case <-time.After(cmp.Or(c.within, c.due+time.Second)):
				if c.within > 0 {
					t.Errorf("it did not run within %v of the step", c.within)
				}
			}
		})
	}
}
