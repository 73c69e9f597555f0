package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
)

// A queue beyond its bound refuses what comes from outside, says when there will be room, and takes more when its reader
// has caught up. What is on its way inside the hub goes on.
func TestFault_R5_Bound(t *testing.T) {
	for name, bound := range map[string]engine.Bound{"messages": {Messages: 20}, "bytes": {Bytes: 40}} { // a body has two
		t.Run(name, func(t *testing.T) { refusesBeyond(t, bound) })
	}
}

func refusesBeyond(t *testing.T, bound engine.Bound) {
	open := make(chan struct{})
	work := &engine.Stage{Name: "work", Queue: "work", Lanes: 1, Bound: bound, Run: func(ctx context.Context, _ *hub.Exchange) error {
		select {
		case <-open:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	pass := func(_ context.Context, x *hub.Exchange) error {
		x.Unit.Puts = append(x.Unit.Puts, hub.Put{Queue: "work", Msg: x.Msg})
		return nil
	}
	in := &engine.Stage{Name: "in", Queue: "in", Answers: true, Direct: true, Run: pass}
	inside := &engine.Stage{Name: "inside", Queue: "inside", Run: pass}
	b := newBench(t, in, work, inside).start()
	n := 0
	send := func() error {
		n++
		_, err := b.Inject(t.Context(), "in", &hub.Message{ID: fmt.Sprint("m", n), Time: time.Now(), Body: hub.NewBody([]byte(`{}`))})
		return err
	}
	var refused *hub.Error
	for deadline := time.Now().Add(20 * time.Second); refused == nil && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err := send(); err != nil {
			refused = hub.AsError(err)
		}
	}
	if refused == nil || refused.Class != hub.Throttled || refused.Reason != "backlog_full" || !errors.Is(refused, hub.ErrFull) || refused.After < time.Second {
		t.Fatalf("after %d messages: %+v", n, refused)
	}
	b.put("inside", "x", "")
	b.eventually("what is inside goes on", func() bool {
		qs, _ := b.store.Queues(t.Context())
		for _, q := range qs {
			if q.Queue == "inside" {
				return false
			}
		}
		return true
	})
	close(open)
	b.eventually("there is room again", func() bool { return send() == nil })
}
