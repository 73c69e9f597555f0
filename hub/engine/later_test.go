package engine_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"orderhub/hub"
	"orderhub/hub/engine"
)

// slow is a target that confirms when the test says so.
type slow struct {
	fake
	mu      sync.Mutex
	waiting map[string]func(error)
}

func (s *slow) SendLater(_ context.Context, m *hub.Message, done func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting[m.ID] = done
}

// TestConfirmedLater: a source that hands over by HandleLater goes on while a target has yet to confirm. A message is done when it
// is confirmed, and waits for its retry when it is not; one that changes the store is done when that is durable.
func TestConfirmedLater(t *testing.T) {
	far := &slow{waiting: map[string]func(error){}}
	send := func(effects bool) hub.Next {
		return func(_ context.Context, x *hub.Exchange) error {
			x.Unit.Sends = append(x.Unit.Sends, hub.Send{Queue: "@far", Target: far, Msg: x.Msg})
			if effects {
				x.Unit.Adds = append(x.Unit.Adds, hub.Add{Kind: "c", Key: "k", Delta: 1})
			}
			return nil
		}
	}
	direct := &engine.Stage{Name: "direct", Queue: "direct#0", Run: send(false)}
	effects := &engine.Stage{Name: "effects", Queue: "effects#0", Run: send(true)}
	outbox := &engine.Stage{Name: "@far", Queue: "@far", Run: func(ctx context.Context, x *hub.Exchange) error { return far.Send(ctx, x.Msg) }}
	b := newBench(t, direct, effects, outbox)
	ends := map[string]chan error{}
	for _, id := range []string{"well", "lost", "kept"} {
		ends[id] = make(chan error, 9)
	}
	give := func(h hub.Handler, id string) {
		hub.HandleLater(t.Context(), h, &hub.Message{ID: id, Body: hub.NewBody([]byte("{}"))}, func(err error) { ends[id] <- err })
	}
	from := func(ids ...string) hub.Source {
		return runFunc(func(ctx context.Context, h hub.Handler) error {
			for _, id := range ids {
				give(h, id)
			}
			<-ctx.Done()
			return nil
		})
	}
	b.AddSource("direct", from("well", "lost"), direct)
	b.AddSource("effects", from("kept"), effects)
	b.start()
	if err := <-ends["kept"]; err != nil {
		t.Errorf("what changes the store: %v", err)
	}
	b.eventually("both handed over", func() bool {
		far.mu.Lock()
		defer far.mu.Unlock()
		return len(far.waiting) == 2
	})
	if len(ends["well"])+len(ends["lost"]) > 0 {
		t.Error("done before it was confirmed")
	}
	far.waiting["well"](nil)
	far.waiting["lost"](hub.Fail(hub.Unavailable, "away", "away"))
	for _, id := range []string{"well", "lost"} {
		if err := <-ends[id]; err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	b.eventually("the one that failed sent by its retry", func() bool { return slices.Contains(far.all(), "lost") })
	if sent := far.all(); len(sent) != 2 || !slices.Contains(sent, "kept") {
		t.Errorf("sent and waited for: %q", sent)
	}
}
