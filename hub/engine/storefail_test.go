package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// brokenStore fails for good with its n-th commit, as one does whose disk does not flush.
type brokenStore struct {
	store.Store
	left atomic.Int64
	done chan struct{}
}

var errFlush = errors.New("fsync: input/output error")

func (s *brokenStore) Commit(ctx context.Context, u *hub.Unit) error {
	switch left := s.left.Add(-1); {
	case left > 0:
		return s.Store.Commit(ctx, u)
	case left == 0:
		close(s.done)
	}
	return errFlush
}

func (s *brokenStore) Done() <-chan struct{} { return s.done }

func (s *brokenStore) Err() error {
	select {
	case <-s.done:
		return errFlush
	default:
		return nil
	}
}

// A store that fails ends the hub. No message is called dead, or waiting, or a bug of the hub: all are as they were.
func TestFault_R7_StoreFails(t *testing.T) {
	memory, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	s := &brokenStore{Store: memory, done: make(chan struct{})}
	s.left.Store(40)
	var said bytes.Buffer
	rt := engine.NewRuntime(s, hub.RealClock{}, slog.New(slog.NewTextHandler(&said, nil)), nil)
	work := &engine.Stage{Name: "work", Queue: "work", Run: func(_ context.Context, x *hub.Exchange) error {
		x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: "next", Msg: x.Msg})
		return nil
	}}
	in := &engine.Stage{Name: "in", Queue: "in", Answers: true, Direct: true, Run: work.Run}
	if err := errors.Join(rt.AddStage(work), rt.AddStage(in)); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		m := &hub.Message{ID: fmt.Sprint("m", i), Key: fmt.Sprint(i % 7), Time: time.Now()}
		if err := memory.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "work", Msg: m}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := rt.Run(t.Context()); !errors.Is(err, errFlush) {
		t.Fatalf("Run: %v", err)
	}
	if log := said.String(); strings.Contains(log, "dead letter") || strings.Contains(log, "class=bug") || strings.Count(log, "\n") > 3 {
		t.Errorf("log:\n%s", log)
	}
	if _, err := rt.Inject(t.Context(), "in", &hub.Message{ID: "x", Time: time.Now()}); hub.AsError(err).Class != hub.Unavailable || hub.AsError(err).Reason != "store_failed" {
		t.Errorf("a message from outside: %v", err)
	}
}
