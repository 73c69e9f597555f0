package engine_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
)

// Whatever a message fails with, however often, the same way or another, and wherever it came from: after each try it
// lies in the store once, as one that waits or as a dead letter, and its attempts are counted.
func TestNoFailureLosesAMessage(t *testing.T) {
	for _, class := range append(slices.Clone(hub.Classes), "of_fail") {
		for _, same := range []bool{true, false} {
			for _, outside := range []bool{true, false} {
				failsAlways(t, class, same, outside)
			}
		}
	}
}

func failsAlways(t *testing.T, class hub.Class, same, outside bool) {
	t.Helper()
	const times, most = 6, 15
	clock, tries := &stillClock{now: time.Unix(1_800_000_000, 0)}, 0
	policy := &hub.Retry{Times: times, Min: time.Second, Max: time.Second, Errors: []hub.Class{class}}
	b := stepped(t, clock, &engine.Stage{Name: "s", Queue: "q", Direct: true, Inbox: true, React: func(*hub.Error) hub.Reaction { return hub.Reaction{Retry: policy} },
		Run: func(context.Context, *hub.Exchange) error {
			tries++
			text := "no"
			if !same {
				text = strings.Repeat("no ", tries)
			}
			return hub.Fail(class, "test", "%s", text)
		}})
	if outside {
		if _, err := b.Inject(t.Context(), "s", &hub.Message{ID: "m", Key: "k", Time: clock.now}); err != nil {
			t.Fatal(err)
		}
	} else {
		b.put("q", "m", "k")
		b.steps("q")
	}
	for n := 1; ; n++ {
		rows, err := b.store.Browse(t.Context(), store.BrowseQuery{ID: "m"})
		if err != nil || len(rows) != 1 || tries != n {
			t.Fatalf("%s, same %v, outside %v: %d rows after try %d of %d (%v)", class, same, outside, len(rows), tries, n, err)
		}
		dead, wantDead, counted := rows[0].State == hub.Dead, n == times+1, n
		if class == hub.Throttled { // costs no attempt
			wantDead, counted = false, 0
		}
		if dead != wantDead || rows[0].Attempts != counted || rows[0].Error == nil || rows[0].Error.Class != class {
			t.Fatalf("%s, same %v, outside %v: after try %d it is %s with %d attempts: %+v", class, same, outside, n, rows[0].State, rows[0].Attempts, rows[0].Error)
		}
		if dead || n == most {
			return
		}
		clock.now = clock.now.Add(time.Second)
		b.steps("q")
	}
}

// shutStore takes nothing while it is shut.
type shutStore struct {
	store.Store
	shut atomic.Bool
}

func (s *shutStore) Commit(ctx context.Context, u *hub.Unit) error {
	if s.shut.Load() {
		return hub.Fail(hub.Unavailable, "store_away", "the store is away")
	}
	return s.Store.Commit(ctx, u)
}

// A source hears that the hub has a message only when the store has it: its effect, its failure, or its place behind another one.
func TestNothingIsTakenThatIsNotKept(t *testing.T) {
	b := newBench(t)
	s := &shutStore{Store: b.store}
	b.Runtime = engine.NewRuntime(s, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
	stage := &engine.Stage{Name: "s", Queue: "q", Inbox: true, React: func(*hub.Error) hub.Reaction {
		return hub.Reaction{Retry: &hub.Retry{Times: 1, Min: time.Hour, Max: time.Hour}}
	}, Run: func(_ context.Context, x *hub.Exchange) error {
		switch x.Msg.ID {
		case "wrong":
			return hub.Fail(hub.Invalid, "wrong", "wrong")
		case "away", "first":
			return hub.Fail(hub.Unavailable, "away", "away")
		}
		x.Write(hub.Write{Kind: "k", Key: x.Msg.ID, Value: []byte("1"), IfVersion: hub.AnyVersion})
		return nil
	}}
	if err := b.AddStage(stage); err != nil {
		t.Fatal(err)
	}
	h := b.entry(stage)
	if err := h.Handle(t.Context(), &hub.Message{ID: "first", Key: "held"}); err != nil {
		t.Fatal(err)
	}
	all := []*hub.Message{{ID: "good"}, {ID: "wrong"}, {ID: "away"}, {ID: "second", Key: "held"}}
	s.shut.Store(true)
	for _, m := range all {
		if err := h.Handle(t.Context(), m); hub.AsError(err).Class != hub.Unavailable {
			t.Errorf("%s is taken though the store is away: %v", m.ID, err)
		}
	}
	s.shut.Store(false)
	for _, m := range all {
		for range 2 { // a source that did not hear of it brings it again
			if err := h.Handle(t.Context(), m); err != nil {
				t.Errorf("%s: %v", m.ID, err)
			}
		}
		rows, err := b.store.Browse(t.Context(), store.BrowseQuery{ID: m.ID})
		if _, gone := b.store.Get(t.Context(), "k", m.ID); err != nil || len(rows) == 0 && gone != nil || len(rows) > 1 {
			t.Errorf("%s: %d rows, its effect: %v (%v)", m.ID, len(rows), gone, err)
		}
	}
}

// What is delivered twice has its effect once, whatever kind of effect it is.
func TestDeliveredTwice(t *testing.T) {
	effects := map[string]func(u *hub.Unit, m *hub.Message){
		"write": func(u *hub.Unit, m *hub.Message) {
			u.Writes = append(u.Writes, hub.Write{Kind: "k", Key: m.ID, Value: []byte("1"), IfVersion: hub.AnyVersion})
		},
		"add": func(u *hub.Unit, _ *hub.Message) {
			u.Adds = append(u.Adds, hub.Add{Kind: "orders", Key: "n", Delta: 1})
		},
		"put":  func(u *hub.Unit, m *hub.Message) { u.Puts = append(u.Puts, hub.Put{Queue: "next", Msg: m}) },
		"fail": func(*hub.Unit, *hub.Message) {},
	}
	runs := map[string]int{}
	stage := &engine.Stage{Name: "s", Queue: "q", Direct: true, Inbox: true, Run: func(_ context.Context, x *hub.Exchange) error {
		runs[x.Msg.ID]++
		if x.Msg.ID == "fail" {
			return hub.Fail(hub.Invalid, "no", "no")
		}
		effects[x.Msg.ID](x.Unit, x.Msg)
		x.Unit.Adds = append(x.Unit.Adds, hub.Add{Kind: "done", Key: x.Msg.ID, Delta: 1})
		return nil
	}}
	b := stepped(t, &stillClock{now: time.Unix(1_800_000_000, 0)}, stage)
	for id := range effects {
		for range 3 {
			if _, err := b.Inject(t.Context(), "s", &hub.Message{ID: id}); err != nil && err != hub.ErrDuplicate {
				t.Fatal(id, err)
			}
		}
	}
	done, err := b.store.Counters(t.Context(), "done", "")
	if err != nil || done["write"] != 1 || done["add"] != 1 || done["put"] != 1 {
		t.Errorf("done %v of %v runs (%v)", done, runs, err)
	}
	if rows, err := b.store.Browse(t.Context(), store.BrowseQuery{}); err != nil || len(rows) != 2 {
		t.Errorf("%d messages, want one that was put and one dead letter (%v)", len(rows), err)
	}
}

// A request with the ID of one that was answered before is answered the same, and nothing is done again.
func TestAskedTwice(t *testing.T) {
	runs := 0
	b := stepped(t, &stillClock{now: time.Unix(1_800_000_000, 0)}, &engine.Stage{Name: "stock", Queue: "q", Replies: true, Run: func(_ context.Context, x *hub.Exchange) error {
		runs++
		x.Unit.Adds = append(x.Unit.Adds, hub.Add{Kind: "reserved", Key: "n", Delta: 1})
		x.Unit.Reply = &hub.Message{ID: hub.DeriveID(x.Msg.ID, "reply"), Body: hub.NewBody([]byte(`{"left":1}`))}
		return nil
	}})
	for range 3 {
		reply, err := b.Ask(t.Context(), "q", &hub.Message{ID: "q-1"})
		if err != nil || string(reply.Body.Bytes()) != `{"left":1}` || reply.ID != hub.DeriveID("q-1", "reply") {
			t.Fatal(reply, err)
		}
	}
	n, err := b.store.Counters(t.Context(), "reserved", "")
	if runs != 1 || n["n"] != 1 || err != nil {
		t.Errorf("%d runs, %v reserved (%v)", runs, n, err)
	}
}

// gateStore gives m2 only when m1, which can't be settled before that, was given back.
type gateStore struct {
	store.Store
	rt    *engine.Runtime
	given chan struct{} // closed when m2 is claimed
	once  sync.Once
	back  atomic.Bool
}

func (s *gateStore) Claim(ctx context.Context, queue string, limit int, lease time.Duration) ([]*hub.Delivery, time.Time, error) {
	batch, next, err := s.Store.Claim(ctx, queue, limit, lease)
	if len(batch) == 1 && batch[0].Msg.ID == "m2" {
		s.once.Do(func() {
			close(s.given)
			for s.rt.Status()[0].Running > 0 {
				time.Sleep(time.Millisecond)
			}
		})
	}
	return batch, next, err
}

func (s *gateStore) Commit(ctx context.Context, u *hub.Unit) error {
	if u.Input != nil && u.Input.Msg.ID == "m1" && !s.back.Load() {
		<-s.given
		return hub.Fail(hub.Unavailable, "store_away", "the store is away")
	}
	return s.Store.Commit(ctx, u)
}

func (s *gateStore) Release(ctx context.Context, batch []*hub.Delivery) error {
	s.back.Store(true)
	return s.Store.Release(ctx, batch)
}

// A message that is given back, since the store was away, is not overtaken by the next of its key that was claimed meanwhile.
func TestGivenBackIsNotOvertaken(t *testing.T) {
	b := newBench(t)
	s := &gateStore{Store: b.store, given: make(chan struct{})}
	b.Runtime = engine.NewRuntime(s, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
	s.rt = b.Runtime
	ran := make(chan string, 9)
	if err := b.AddStage(&engine.Stage{Name: "s", Queue: "q", Run: func(_ context.Context, x *hub.Exchange) error {
		ran <- x.Msg.ID
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.put("q", "m1", "k")
	got := []string{<-ran}
	b.put("q", "m2", "k")
	got = append(got, <-ran, <-ran)
	if want := []string{"m1", "m1", "m2"}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
}
