package engine

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/figures"
)

// No count is lost when stages begin side by side, and a stage that comes back with a configuration counts on.
func TestStagesCountSideBySide(t *testing.T) {
	h := NewHealth(hub.RealClock{}, slog.New(slog.DiscardHandler))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 400 {
				h.Stage(fmt.Sprint("stage", i%40)).worked(time.Millisecond)
				h.Stage("broken#2").failed(hub.Fail(hub.Timeout, "timeout", "no answer"), time.Second)
			}
		})
	}
	all.Wait()
	now := h.Figures.Snapshot()
	for i := range 40 {
		if n := now.Sum(figures.Messages, "", fmt.Sprint("stage", i), figures.Done); n != 80 {
			t.Errorf("stage%d: %v done", i, n)
		}
	}
	if n := now.Sum(figures.Messages, "broken", "broken#2", "timeout"); n != 3200 {
		t.Errorf("%v failed", n)
	}
	h.Retain(nil, []string{"stage1"})
	if n := h.Figures.Snapshot().Sum(figures.Messages); n != 80 {
		t.Errorf("%v are left of the stage that stays", n)
	}
	h.Stage("stage2").worked(time.Millisecond)
	if n := h.Figures.Snapshot().Sum(figures.Messages, "", "stage2"); n != 1 {
		t.Errorf("a stage that comes back has %v", n)
	}
}

// What a message costs on its path, and that it allocates nothing.
func TestCountingAllocatesNothing(t *testing.T) {
	h := NewHealth(hub.RealClock{}, slog.New(slog.DiscardHandler))
	c, use := h.Stage("orders"), h.Part(PartAdapter, "billing").Use("charge", false)
	n := testing.AllocsPerRun(100, func() {
		c.worked(time.Millisecond)
		_ = use.Begin().End(nil, nil)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCount(b *testing.B) {
	h := NewHealth(hub.RealClock{}, slog.New(slog.DiscardHandler))
	c := h.Stage("orders")
	for b.Loop() {
		began := h.clock.Now()
		c.worked(h.clock.Now().Sub(began))
	}
}
