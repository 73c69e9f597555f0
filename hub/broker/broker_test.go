package broker

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A connection that opens and is lost again and again is away, and no bug: what is not tried costs no attempt.
func TestFlappingConnection(t *testing.T) {
	k := NewKeeper(hub.RealClock{}, Reconnect{Min: time.Minute, Max: time.Minute}, Link[int]{
		Open: func(context.Context) (int, error) { return 1, nil },
		Lost: func(int) error { return errors.New("lost") }})
	_, err := k.Get(t.Context())
	for range 2 {
		if err == nil {
			_, err = k.Get(t.Context())
		}
	}
	if e := hub.AsError(err); err == nil || e.Class != hub.Unavailable || e.Reason != hub.NotConnected || e.After <= 0 {
		t.Errorf("%+v", err)
	}
}

// keyed is a job of the tests.
type keyed struct{ key, id string }

func keyOf(j keyed) string { return j.key }

// A message of a key that fails for ten minutes goes back with all that wait behind it, in their order; other keys stay.
func TestKeyGoesBack(t *testing.T) {
	var back []string
	done, inside := make(chan string, 1), make(chan struct{})
	gone := make(chan struct{})
	l := NewLanes(hub.RealClock{}, Work[keyed]{Workers: 2, Key: keyOf, Handle: func(j keyed) time.Duration {
		if j.key == "stuck" {
			<-inside
			return GiveBack
		}
		done <- j.id
		return Settled
	}, Back: func(j keyed) {
		if back = append(back, j.id); len(back) == 3 {
			close(gone)
		}
	}})
	for i := range 3 {
		l.Put(t.Context(), keyed{"stuck", "s" + strconv.Itoa(i)})
	}
	l.Put(t.Context(), keyed{"other", "o"})
	if id := <-done; id != "o" {
		t.Errorf("%s was handled", id)
	}
	close(inside)
	<-gone
	<-l.Stop()
	if !slices.Equal(back, []string{"s0", "s1", "s2"}) {
		t.Errorf("went back as %v", back)
	}
}

// What is bounded waits for room: lanes, and apart from them what waits behind others of its key. Order per key is kept.
func TestLanesAreBounded(t *testing.T) {
	handled, inside := make(chan string, 8), make(chan struct{})
	l := NewLanes(hub.RealClock{}, Work[keyed]{Workers: 2, Lanes: 2, Behind: 2, Key: keyOf, Handle: func(j keyed) time.Duration {
		<-inside
		handled <- j.id
		return Settled
	}})
	full, cancel := context.WithCancel(t.Context())
	cancel()
	put := func(ctx context.Context, key, id string, want bool) {
		t.Helper()
		if l.Put(ctx, keyed{key, id}) != want {
			t.Errorf("%s taken: %t", id, !want)
		}
	}
	put(t.Context(), "a", "a1", true)
	put(full, "a", "a2", true) // a place behind is free
	put(full, "a", "a3", true)
	put(full, "a", "a4", false)
	put(full, "b", "b1", true)
	put(full, "c", "c1", false)
	close(inside)
	put(t.Context(), "a", "a4", true)
	put(t.Context(), "c", "c1", true)
	for range 2 { // all have left when both rooms are empty
		put(t.Context(), "", "x", true)
	}
	var a []string
	for range 8 {
		if id := <-handled; id[0] == 'a' {
			a = append(a, id)
		}
	}
	<-l.Stop()
	if !slices.Equal(a, []string{"a1", "a2", "a3", "a4"}) {
		t.Errorf("of one key: %v", a)
	}
}

// Two lanes that become ready at once don't count on the same idle worker: the second would wait for the first.
func TestLanesRunBesideEachOther(t *testing.T) {
	second := make(chan struct{})
	l := NewLanes(hub.RealClock{}, Work[keyed]{Workers: 2, Key: keyOf, Handle: func(j keyed) time.Duration {
		switch j.id {
		case "1":
			<-second
		case "2":
			close(second)
		}
		return Settled
	}})
	l.Put(t.Context(), keyed{"", "0"})
	for idle := false; !idle; runtime.Gosched() {
		l.mu.Lock()
		idle = l.idle == 1
		l.mu.Unlock()
	}
	l.mu.Lock()
	l.push(&lane[keyed]{jobs: []keyed{{"", "1"}}})
	l.push(&lane[keyed]{jobs: []keyed{{"", "2"}}})
	l.mu.Unlock()
	<-second
	<-l.Stop()
}

// A job that waits for its next try is not overtaken by the next of its key; other keys go on.
func TestLaneWaitsForItsRetry(t *testing.T) {
	var again atomic.Bool
	handled := make(chan string, 4)
	l := NewLanes(hub.RealClock{}, Work[keyed]{Workers: 1, Key: keyOf, Handle: func(j keyed) time.Duration {
		if handled <- j.id; j.id == "a1" && !again.Swap(true) {
			return 50 * time.Millisecond
		}
		return Settled
	}})
	for _, j := range []keyed{{"a", "a1"}, {"a", "a2"}, {"b", "b1"}} {
		l.Put(t.Context(), j)
	}
	if got := []string{<-handled, <-handled, <-handled, <-handled}; !slices.Equal(got, []string{"a1", "b1", "a1", "a2"}) {
		t.Errorf("handled %v", got)
	}
	<-l.Stop()
}

// nothing is a job of tests that look at its Delivery alone.
type nothing struct{ Delivery }

func intake() *Intake[*nothing] {
	return &Intake[*nothing]{Env: &hub.Env{Clock: hub.RealClock{}, Log: slog.New(slog.DiscardHandler)}, Hold: 10 * time.Minute}
}

// settled notes what becomes of deliveries.
type settled chan string

func (s settled) Done(*nothing)                                             { s <- "done" }
func (s settled) Requeue(*nothing)                                          { s <- "requeued" }
func (s settled) Refuse(_ *nothing, e *hub.Error)                           { s <- "refused " + e.Reason }
func (s settled) Reply(_ context.Context, _ *nothing, m *hub.Message) error { s <- "reply"; return nil }

// keeper keeps what was refused at the second try.
type keeper struct {
	hub.Handler
	tries atomic.Int64
}

func (k *keeper) Refused(hub.Refusal) {}
func (k *keeper) Kept(context.Context) error {
	if k.tries.Add(1) < 2 {
		return errors.New("the disk is full")
	}
	return nil
}

// A delivery that gives no message is settled once the hub has it among what was refused, not before.
func TestRefusedIsKept(t *testing.T) {
	in, out, k := intake(), make(settled, 1), &keeper{}
	in.Work, in.Settler, in.Handler, in.Workers = t.Context(), out, k, 1
	in.Start()
	in.Put(t.Context(), &nothing{Delivery{Msg: &hub.Message{ID: "1"}, Fault: hub.Fail(hub.Invalid, "header_too_large", "too large")}})
	if got := <-out; got != "refused header_too_large" || k.tries.Load() != 2 {
		t.Errorf("%s after %d tries to keep it", got, k.tries.Load())
	}
	<-in.Stop()
}

func TestPauses(t *testing.T) {
	in := intake()
	keyed := &Delivery{Msg: &hub.Message{Key: "k"}}
	e := hub.Fail(hub.Unavailable, "test", "not now")
	if d := in.later(keyed, e); d < pauses.Min/2 || d > pauses.Min || keyed.leaves {
		t.Errorf("%s, leaves %v", d, keyed.leaves)
	}
	e.After = time.Hour
	if d := in.later(keyed, e); d != pauses.Max {
		t.Errorf("%s for a far end that wants an hour", d)
	}
	keyed.since = time.Now().Add(-in.Hold - time.Second)
	if d := in.later(keyed, e); d != GiveBack {
		t.Errorf("%s after ten minutes", d)
	}
	keyless := &Delivery{Msg: &hub.Message{}, since: keyed.since}
	if d := in.later(keyless, e); d != pauses.Max || !keyless.leaves {
		t.Errorf("%s, leaves %v: without a key it goes back after one pause", d, keyless.leaves)
	}
}

// What is answered or refused, and what is tried again.
func TestFinal(t *testing.T) {
	for _, c := range []struct {
		class         hub.Class
		reason        string
		plain, asking bool
	}{
		{hub.Invalid, "schema", true, true}, {hub.Rejected, "no", true, true}, {hub.Bug, "bug", false, true}, {"out_of_stock", "none", false, true},
		{hub.Unavailable, "x", false, false}, {hub.Timeout, "x", false, false}, {hub.Throttled, "x", false, false}, {hub.Unavailable, "stopping", false, false}, {hub.Bug, "stopping", false, false},
	} {
		e := hub.Fail(c.class, c.reason, "x")
		if got := intake().final(&Delivery{Msg: &hub.Message{}}, e); got != c.plain {
			t.Errorf("%s %s: %v", c.class, c.reason, got)
		}
		if got := intake().final(&Delivery{Msg: &hub.Message{}, ReplyTo: "/queue/a"}, e); got != c.asking {
			t.Errorf("%s %s of a request: %v", c.class, c.reason, got)
		}
	}
}
