package engine_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// slowStore answers the commit of a retry only when the retry is due and claimed again: the lane that waits for the answer is overtaken.
type slowStore struct {
	store.Store
	mu      sync.Mutex
	waiting chan struct{} // closed by the claim
	once    atomic.Bool
	kick    func() // makes the dispatcher look
}

func (s *slowStore) Commit(ctx context.Context, u *hub.Unit) error {
	if u.Finish.State != hub.Waiting || s.once.Swap(true) {
		return s.Store.Commit(ctx, u)
	}
	claimed := make(chan struct{})
	s.mu.Lock()
	s.waiting = claimed
	s.mu.Unlock()
	if err := s.Store.Commit(ctx, u); err != nil {
		return err
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		s.kick() // as other traffic does
		select {
		case <-claimed:
			time.Sleep(20 * time.Millisecond) // the dispatcher has put it behind us by then
			return nil
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

func (s *slowStore) Claim(ctx context.Context, queue string, max int, lease time.Duration) ([]*hub.Delivery, time.Time, error) {
	batch, next, err := s.Store.Claim(ctx, queue, max, lease)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting != nil && slices.ContainsFunc(batch, func(d *hub.Delivery) bool { return d.Error != nil }) {
		close(s.waiting)
		s.waiting = nil
	}
	return batch, next, err
}

// A retry that falls due before its lane has ended is run, before what came behind it, and is not held for ever.
func TestRetryOvertakesItsLane(t *testing.T) {
	mem, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &slowStore{Store: mem}
	j := &journal{}
	b := &bench{t: t, store: s, Runtime: engine.NewRuntime(s, hub.RealClock{}, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)}
	var tries atomic.Int64
	err = b.AddStage(&engine.Stage{Name: "work", Queue: "work", Lanes: 4,
		React: func(*hub.Error) hub.Reaction { return hub.Reaction{Retry: quick} },
		Run: func(_ context.Context, x *hub.Exchange) error {
			if x.Msg.ID == "a" && tries.Add(1) == 1 {
				b.put("work", "b", "k") // comes while a runs
				return hub.Fail(hub.Unavailable, "away", "away")
			}
			j.add(x.Msg.ID)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	s.kick = b.WakeAll
	b.start()
	b.put("work", "a", "k")
	b.eventually("both ran", func() bool { return len(j.all()) == 2 })
	if got := j.all(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("ran %q", got)
	}
}
