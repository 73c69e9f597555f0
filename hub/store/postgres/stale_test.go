package postgres

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store/storetest"
)

// staleRun is one queue with the messages m1 and m2 of a key, and who runs them: the first run of m1 is stopped
// until let is closed, while its hub loses the queue.
type staleRun struct {
	url   string
	begun chan struct{} // closed when the first run of m1 has begun
	let   chan struct{}
	first func() error // how the first run of m1 ends
	lanes int

	mu  sync.Mutex
	ran []string // "hub:message" as they begin; "m1 ended" when a run of m1 was the good one
}

func newStaleRun(t *testing.T, first func() error) *staleRun {
	return &staleRun{url: storetest.PostgresSchema(t), begun: make(chan struct{}), let: make(chan struct{}), first: first}
}

func (r *staleRun) note(what string) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = append(r.ran, what)
	return len(r.ran) == 1
}

func (r *staleRun) log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ran)
}

// start runs a hub. again: m1 fails there, and comes again in an hour.
func (r *staleRun) start(t *testing.T, name string, again bool) *pgHub {
	return startRuntime(t, r.url, name, time.Minute, func(rt *engine.Runtime) {
		err := rt.AddStage(&engine.Stage{Name: "s", Queue: "q", Lanes: r.lanes, React: func(*hub.Error) hub.Reaction {
			return hub.Reaction{Retry: &hub.Retry{Times: 90, Min: time.Hour, Max: time.Hour}}
		}, Run: func(_ context.Context, x *hub.Exchange) error {
			if r.note(name + ":" + x.Msg.ID) {
				close(r.begun)
				<-r.let
				return r.first()
			}
			if again && x.Msg.ID == "m1" && x.Unit.Input.Attempts == 0 {
				return hub.Fail(hub.Unavailable, "test", "away")
			}
			r.note(x.Msg.ID + " ended")
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// fill puts both messages, and waits until h runs the first one and has claimed the second.
func (r *staleRun) fill(t *testing.T, h *pgHub, keyOfSecond string) {
	storetest.Put(t, h.s, "q", storetest.Keyed("m1", "k"))
	storetest.Put(t, h.s, "q", storetest.Keyed("m2", keyOfSecond))
	h.rt.WakeAll()
	<-r.begun
	storetest.Eventually(t, "both are claimed", 10*time.Second, func() bool { return h.claims("q") == 2 })
}

// claims is how many messages of the queue the hub has claimed.
func (h *pgHub) claims(queue string) int {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	return len(h.s.queues[queue].Claims)
}

// rests waits until nothing runs in the hub.
func (h *pgHub) rests(t *testing.T) {
	t.Helper()
	storetest.Eventually(t, "the stale run is over", 10*time.Second, func() bool { return h.rt.Status()[0].Running == 0 })
}

var staleEnds = map[string]func() error{
	"done":  func() error { return nil },
	"retry": func() error { return hub.Fail(hub.Unavailable, "test", "away") },
	"dead":  func() error { return hub.Fail(hub.Invalid, "test", "wrong") },
}

// A hub whose queue was taken over while it ran a message goes on with nothing behind that message, however the run
// ends: what follows is the other hub's, and that one may not have come so far.
func TestPostgresStaleHubGoesOnWithNothing(t *testing.T) {
	for how, end := range staleEnds {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := newStaleRun(t, end)
			a := r.start(t, "a", false)
			r.fill(t, a, "k")
			storetest.PostgresExec(t, r.url, "UPDATE queues SET expires=clock_timestamp()") // the lease ends, and a does not know it
			b := r.start(t, "b", true)
			storetest.Eventually(t, "b has the queue, and m1 waits there", 20*time.Second, func() bool { return strings.HasPrefix(states(t, b.s, "q"), "m1:waiting") })
			close(r.let)
			a.rests(t)
			if log := strings.Join(r.log(), " "); log != "a:m1 b:m1" {
				t.Errorf("ran %s: a message overtook the one before it", log)
			}
			storetest.PostgresExec(t, r.url, "UPDATE messages SET due=1 WHERE state=2")
			storetest.Eventually(t, "b ends both", 20*time.Second, func() bool { return states(t, b.s, "q") == "" })
			if log := strings.Join(r.log(), " "); log != "a:m1 b:m1 b:m1 m1 ended b:m2 m2 ended" {
				t.Errorf("ran %s", log)
			}
			a.end(false)
			b.end(false)
		})
	}
}

// A hub that loses its queue while it runs a message, and gets it again before the run ends, has both messages in its
// hands twice. What it knew under the old lease does not overtake what it has under the new one, which waits for a retry.
func TestPostgresStaleClaimsOfOneHub(t *testing.T) {
	for how, end := range staleEnds {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := newStaleRun(t, end)
			a := r.start(t, "a", true)
			r.fill(t, a, "k")
			storetest.PostgresExec(t, r.url, "UPDATE queues SET owner=NULL, expires=NULL, epoch=epoch+1")
			a.s.mu.Lock()
			a.s.lose(a.s.queues["q"])
			a.s.mu.Unlock()
			a.rt.WakeAll()
			storetest.Eventually(t, "both are claimed again", 10*time.Second, func() bool { return a.claims("q") == 2 })
			close(r.let)
			storetest.Eventually(t, "m1 waits, and m2 behind it", 20*time.Second, func() bool { return states(t, a.s, "q") == "m1:waiting m2:held " })
			if log := strings.Join(r.log(), " "); log != "a:m1 a:m1" {
				t.Errorf("ran %s: a message overtook the one before it", log)
			}
			storetest.PostgresExec(t, r.url, "UPDATE messages SET due=1 WHERE state=2")
			storetest.Eventually(t, "both end", 20*time.Second, func() bool { return states(t, a.s, "q") == "" })
			if log := strings.Join(r.log(), " "); log != "a:m1 a:m1 a:m1 m1 ended a:m2 m2 ended" {
				t.Errorf("ran %s", log)
			}
			a.end(false)
		})
	}
}

// A hub that can't reach PostgreSQL begins nothing more once its lease may have ended, though it has claimed it: another
// hub may have done it by then.
func TestPostgresSilentHubBeginsNothing(t *testing.T) {
	t.Parallel()
	r := newStaleRun(t, func() error { return nil })
	r.lanes = 1 // so that m2, of another key, waits for a lane
	a := r.start(t, "a", false)
	r.fill(t, a, "other")
	a.proxy.mode.Store(pgRefuse)
	a.proxy.cut()
	a.s.mu.Lock()
	a.s.queues["q"].until = time.Now() // as if the lease had passed without a renewal
	a.s.mu.Unlock()
	close(r.let)
	a.rests(t)
	a.end(true)
	if log := strings.Join(r.log(), " "); log != "a:m1" {
		t.Errorf("ran %s, the lease had ended", log)
	}
}
