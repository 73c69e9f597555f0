package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a runtime over a store in memory.
type bench struct {
	*engine.Runtime
	t      *testing.T
	store  store.Store
	cancel context.CancelFunc
	ended  chan error
}

var quick = &hub.Retry{Times: 3, Min: 5 * time.Millisecond, Max: 5 * time.Millisecond}

func newBench(t *testing.T, stages ...*engine.Stage) *bench {
	t.Helper()
	s, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, store: s, Runtime: engine.NewRuntime(s, hub.RealClock{}, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)}
	for _, st := range stages {
		if st.React == nil {
			st.React = func(*hub.Error) hub.Reaction { return hub.Reaction{Retry: quick} }
		}
		if err := b.AddStage(st); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *bench) start() *bench {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.ended = cancel, make(chan error, 1)
	go func() { b.ended <- b.Run(ctx) }()
	<-b.Started()
	b.t.Cleanup(func() {
		b.stop()
		b.store.Close()
	})
	return b
}

func (b *bench) stop() {
	if b.cancel == nil {
		return
	}
	b.cancel()
	b.cancel = nil
	if err := <-b.ended; err != nil {
		b.t.Errorf("Run: %v", err)
	}
}

func (b *bench) put(queue, id, key string) {
	b.t.Helper()
	m := &hub.Message{ID: id, Key: key, Time: time.Now(), Body: hub.NewBody([]byte(`{}`))}
	if err := b.Commit(b.t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: queue, Msg: m}}}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) eventually(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("never: %s", what)
		}
	}
}

func (b *bench) dead() []*hub.Delivery {
	b.t.Helper()
	d, err := b.store.Browse(b.t.Context(), store.BrowseQuery{State: hub.Dead})
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// journal records what ran, in order.
type journal struct {
	mu  sync.Mutex
	ran []string
}

func (j *journal) add(s string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ran = append(j.ran, s)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.ran)
}

func TestOrderPerKeyWithRetries(t *testing.T) {
	var j journal
	failed := map[string]int{}
	b := newBench(t, &engine.Stage{Name: "s", Queue: "q", Run: func(_ context.Context, x *hub.Exchange) error {
		j.mu.Lock()
		failed[x.Msg.ID]++
		first := failed[x.Msg.ID] == 1
		j.mu.Unlock()
		if first && strings.HasSuffix(x.Msg.ID, "3") { // every fourth fails once
			return hub.Fail(hub.Unavailable, "test", "away")
		}
		j.add(x.Msg.ID)
		return nil
	}})
	const keys, each = 20, 12
	for i := range each {
		for k := range keys {
			b.put("q", fmt.Sprintf("k%02d-%02d", k, i), fmt.Sprint("k", k))
		}
	}
	b.start()
	b.eventually("all ran", func() bool { return len(j.all()) == keys*each })
	last := map[string]string{}
	for _, id := range j.all() {
		key, seq, _ := strings.Cut(id, "-")
		if seq < last[key] {
			t.Errorf("key %s: %s ran after %s", key, seq, last[key])
		}
		last[key] = seq
	}
}

func TestBlockedKeyDelaysNoOther(t *testing.T) {
	var j journal
	b := newBench(t, &engine.Stage{Name: "s", Queue: "q", Lanes: 2, React: func(*hub.Error) hub.Reaction {
		return hub.Reaction{Retry: &hub.Retry{Times: 5, Min: time.Hour, Max: time.Hour}}
	}, Run: func(_ context.Context, x *hub.Exchange) error {
		if x.Msg.Key == "bad" {
			return hub.Fail(hub.Timeout, "test", "slow")
		}
		j.add(x.Msg.ID)
		return nil
	}})
	for i := range 200 {
		b.put("q", fmt.Sprint("b", i), "bad")
	}
	b.put("q", "good", "good")
	began := time.Now()
	b.start()
	b.eventually("the other key ran", func() bool { return len(j.all()) == 1 })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it waited %v", took)
	}
	b.eventually("the others are held", func() bool {
		qs, _ := b.store.Queues(t.Context())
		return len(qs) == 1 && qs[0].Waiting == 1 && qs[0].Held == 199
	})
}

func TestErrorClasses(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		runs   int
		reason string
	}{
		{"invalid is not retried", hub.Fail(hub.Invalid, "schema", "no"), 1, "schema"},
		{"rejected is not retried", hub.Fail(hub.Rejected, "http_400", "no"), 1, "http_400"},
		{"unknown errors are bugs", errors.New("oops"), 1, "bug"},
		{"transient ones are, until the tries are used up", hub.Fail(hub.Unavailable, "away", "no"), 4, "away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var j journal
			b := newBench(t, &engine.Stage{Name: "s", Queue: "q", Run: func(_ context.Context, x *hub.Exchange) error {
				j.add(x.Msg.ID)
				return c.err
			}})
			b.put("q", "m", "")
			b.start()
			b.eventually("dead letter", func() bool { return len(b.dead()) == 1 })
			d := b.dead()[0]
			if len(j.all()) != c.runs || d.Error.Reason != c.reason || d.Attempts != c.runs {
				t.Errorf("ran %d times, %d attempts, reason %q; want %d and %q", len(j.all()), d.Attempts, d.Error.Reason, c.runs, c.reason)
			}
		})
	}
}

func TestThrottlingCostsNoAttempt(t *testing.T) {
	var j journal
	b := newBench(t, &engine.Stage{Name: "s", Queue: "q", Run: func(_ context.Context, x *hub.Exchange) error {
		j.add(x.Msg.ID)
		if len(j.all()) <= 10 {
			return hub.Fail(hub.Throttled, "full", "later")
		}
		return nil
	}})
	b.put("q", "m", "")
	b.start()
	b.eventually("done", func() bool { return len(j.all()) == 11 })
	if d := b.dead(); len(d) > 0 {
		t.Errorf("dead letter after %d throttlings", len(j.all()))
	}
}

func TestPanicStopsItsMessageOnly(t *testing.T) {
	var j journal
	b := newBench(t, &engine.Stage{Name: "s", Queue: "q", Run: func(_ context.Context, x *hub.Exchange) error {
		if x.Msg.ID == "bad" {
			panic("boom")
		}
		j.add(x.Msg.ID)
		return nil
	}})
	b.put("q", "bad", "")
	b.put("q", "good", "")
	b.start()
	b.eventually("both settled", func() bool { return len(j.all()) == 1 && len(b.dead()) == 1 })
	if e := b.dead()[0].Error; e.Class != hub.Bug || !strings.Contains(e.Message, "boom") {
		t.Errorf("dead letter %+v", e)
	}
}

func TestConflictRunsAgain(t *testing.T) {
	b := newBench(t, &engine.Stage{Name: "s", Queue: "q", Lanes: 16, Run: func(ctx context.Context, x *hub.Exchange) error {
		n := 0
		r, err := x.Env.Store.Get(ctx, "sum", "n")
		if err == nil {
			fmt.Sscan(string(r.Value), &n)
		} else if !errors.Is(err, hub.ErrNotFound) {
			return err
		}
		x.Unit.Writes = append(x.Unit.Writes, hub.Write{Kind: "sum", Key: "n", Value: fmt.Append(nil, n+1), IfVersion: r.Version})
		return nil
	}})
	for i := range 100 {
		b.put("q", fmt.Sprint(i), "")
	}
	b.start()
	b.eventually("all counted", func() bool {
		r, err := b.store.Get(t.Context(), "sum", "n")
		return err == nil && string(r.Value) == "100"
	})
}

// fake is a target that remembers.
type fake struct {
	journal
	away atomic.Bool
}

func (f *fake) Send(_ context.Context, m *hub.Message) error {
	if f.away.Load() {
		return hub.Fail(hub.Unavailable, "away", "away")
	}
	f.add(m.ID)
	return nil
}
func (f *fake) Close() error { return nil }

func TestSendsGoThroughTheOutboxWithEffectsOnly(t *testing.T) {
	far := &fake{}
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
	effects := &engine.Stage{Name: "effects", Queue: "effects#0", Run: send(true), Inbox: true}
	outbox := &engine.Stage{Name: "@far", Queue: "@far", Run: func(ctx context.Context, x *hub.Exchange) error { return far.Send(ctx, x.Msg) }}
	b := newBench(t, direct, effects, outbox).start()
	m := &hub.Message{ID: "a", Body: hub.NewBody([]byte("{}"))}
	far.away.Store(true)
	if _, err := b.Inject(t.Context(), "direct", m); err != nil {
		t.Fatalf("the hub takes a message over whose target is away: %v", err)
	}
	qs, _ := b.store.Queues(t.Context())
	if len(qs) != 1 || qs[0].Queue != "direct#0" {
		t.Errorf("it waits in %+v", qs)
	}
	far.away.Store(false)
	b.eventually("delivered by the retry", func() bool { return slices.Equal(far.all(), []string{"a"}) })
	for range 3 { // the source delivers it again and again
		if _, err := b.Inject(t.Context(), "effects", &hub.Message{ID: "b", Body: hub.NewBody([]byte("{}"))}); err != nil {
			t.Fatal(err)
		}
	}
	b.eventually("delivered by the outbox", func() bool { return slices.Equal(far.all(), []string{"a", "b"}) })
	if c, _ := b.store.Counters(t.Context(), "c", ""); c["k"] != 1 {
		t.Errorf("counted %d times", c["k"])
	}
}

func TestStopHandsBackWhatItDoesNotFinish(t *testing.T) {
	began := make(chan bool, 100)
	b := newBench(t, &engine.Stage{Name: "s", Queue: "q", Lanes: 4, Run: func(ctx context.Context, _ *hub.Exchange) error {
		began <- true
		<-ctx.Done()
		return ctx.Err()
	}})
	b.Drain = 100 * time.Millisecond
	for i := range 20 {
		b.put("q", fmt.Sprint(i), "")
	}
	b.start()
	for range 4 {
		<-began
	}
	at := time.Now()
	b.stop()
	if took := time.Since(at); took > 10*time.Second {
		t.Errorf("stopped after %v", took)
	}
	got, err := b.store.Browse(t.Context(), store.BrowseQuery{Queue: "q"})
	if err != nil || len(got) != 20 {
		t.Fatalf("%d of 20 are left, %v", len(got), err)
	}
	for _, d := range got {
		if d.Attempts != 0 || d.State != hub.Ready {
			t.Errorf("%s: state %s after %d attempts", d.Msg.ID, d.State, d.Attempts)
		}
	}
}

func TestPauseDropsNothing(t *testing.T) {
	var j journal
	b := newBench(t, &engine.Stage{Name: "s", Queue: "q", Run: func(_ context.Context, x *hub.Exchange) error {
		j.add(x.Msg.ID)
		return nil
	}})
	b.Pause(map[string]bool{"s": true}, true)
	b.put("q", "m", "")
	b.start()
	time.Sleep(50 * time.Millisecond)
	if len(j.all()) > 0 {
		t.Error("ran while paused")
	}
	b.Pause(map[string]bool{"s": true}, false)
	b.eventually("ran after resume", func() bool { return len(j.all()) == 1 })
}

func TestQuarantine(t *testing.T) {
	var j journal
	b := newBench(t, &engine.Stage{Name: "s", Queue: "q", Run: func(_ context.Context, x *hub.Exchange) error {
		j.add(x.Msg.ID)
		return nil
	}})
	b.put("q", "killer", "")
	b.put("q", "good", "")
	d, err := b.store.Browse(t.Context(), store.BrowseQuery{ID: "killer"})
	if err != nil || len(d) != 1 {
		t.Fatal(d, err)
	}
	for range 3 {
		if err := b.store.Recover(t.Context(), []int64{d[0].Seq}); err != nil {
			t.Fatal(err)
		}
	}
	b.start()
	b.eventually("quarantined", func() bool { return len(b.dead()) == 1 && len(j.all()) == 1 })
	if got := b.dead()[0]; got.Msg.ID != "killer" || got.Error.Reason != "crashed_worker" {
		t.Errorf("dead letter %s %+v", got.Msg.ID, got.Error)
	}
}

func TestErrorStepsRunAgainOnConflict(t *testing.T) {
	var j journal
	tries := 0
	b := newBench(t, &engine.Stage{Name: "s", Queue: "q", React: func(*hub.Error) hub.Reaction {
		return hub.Reaction{Steps: func(ctx context.Context, x *hub.Exchange) error {
			tries++
			if tries == 1 { // somebody else writes first
				x.Unit.Writes = append(x.Unit.Writes, hub.Write{Kind: "k", Key: "k", Value: []byte("1"), IfVersion: 99})
				return nil
			}
			j.add(x.Vars.Get("error").Get("class").Str())
			return nil
		}}
	}, Run: func(context.Context, *hub.Exchange) error { return hub.Fail(hub.Invalid, "no", "no") }})
	b.put("q", "m", "")
	b.start()
	b.eventually("handled", func() bool { return slices.Equal(j.all(), []string{"invalid"}) })
	if d := b.dead(); len(d) > 0 {
		t.Errorf("dead letter %+v", d[0].Error)
	}
}
