package stomp

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
)

// A message of a key that fails for ten minutes goes back with all that wait behind it, in their order; other keys stay.
func TestKeyGoesBack(t *testing.T) {
	var mu sync.Mutex
	var back, done []string
	gone := make(chan struct{})
	inside := make(chan struct{})
	l := newLanes(hub.RealClock{}, 2, func(j *job) time.Duration {
		if j.m.Key == "stuck" {
			<-inside
			return giveBack
		}
		mu.Lock()
		defer mu.Unlock()
		done = append(done, j.m.ID)
		return 0
	}, func(j *job) {
		mu.Lock()
		defer mu.Unlock()
		if back = append(back, j.m.ID); len(back) == 3 {
			close(gone)
		}
	})
	for i := range 3 {
		l.add(&job{m: &hub.Message{ID: "s" + strconv.Itoa(i), Key: "stuck"}})
	}
	l.add(&job{m: &hub.Message{ID: "o", Key: "other"}})
	until(t, "the other key waited", func() bool { mu.Lock(); defer mu.Unlock(); return len(done) == 1 })
	close(inside)
	<-gone
	l.stop()
	if !slices.Equal(back, []string{"s0", "s1", "s2"}) {
		t.Errorf("went back as %v", back)
	}
}

func TestPauses(t *testing.T) {
	r := &run{Source: &Source{adapter: openAdapter(t, "stomp://nobody", nil).Adapter}}
	keyed := &job{m: &hub.Message{Key: "k"}}
	e := hub.Fail(hub.Unavailable, "test", "not now")
	if d := r.later(keyed, e); d < pauses.Min/2 || d > pauses.Min || keyed.spent {
		t.Errorf("%s, spent %v", d, keyed.spent)
	}
	e.After = time.Hour
	if d := r.later(keyed, e); d != pauses.Max {
		t.Errorf("%s for a far end that wants an hour", d)
	}
	keyed.since = time.Now().Add(-r.hold() - time.Second)
	if d := r.later(keyed, e); d != giveBack {
		t.Errorf("%s after ten minutes", d)
	}
	keyless := &job{m: &hub.Message{}, since: keyed.since}
	if d := r.later(keyless, e); d != pauses.Max || !keyless.spent {
		t.Errorf("%s, spent %v: without a key it goes back after one pause", d, keyless.spent)
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
		if got := (&job{}).final(e); got != c.plain {
			t.Errorf("%s %s: %v", c.class, c.reason, got)
		}
		if got := (&job{replyTo: "/queue/a"}).final(e); got != c.asking {
			t.Errorf("%s %s of a request: %v", c.class, c.reason, got)
		}
	}
}

// Once the connection or the run is over, nothing is begun that was left on the wire: a later message would go before an earlier one.
func TestNothingIsTakenAfterTheEnd(t *testing.T) {
	over, on := make(chan struct{}), make(chan struct{})
	close(over)
	for name, r := range map[string]*run{"lost": {conn: &conn{gone: over, version: v12}, halt: on}, "stopped": {conn: &conn{gone: on, version: v12}, halt: over}} {
		var begun seen
		r.Source = &Source{adapter: openAdapter(t, "stomp://nobody", nil).Adapter, cfg: *defaultSource()}
		r.room = make(chan struct{}, 100)
		r.lanes = newLanes(hub.RealClock{}, 1, func(j *job) time.Duration { begun.Handle(t.Context(), j.m); return 0 }, nil)
		for i := range 100 {
			r.take(newFrame(cmdMessage, headerID, strconv.Itoa(i), headerMessageID, "m", headerAck, "a"))
		}
		r.lanes.stop()
		if len(r.room) > 0 || len(begun.all()) > 0 {
			t.Errorf("%s: %d were taken", name, len(r.room))
		}
	}
}
