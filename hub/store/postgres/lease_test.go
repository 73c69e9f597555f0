package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
)

func claimed(t testing.TB, s *Store, queue string, n int) []*hub.Delivery {
	t.Helper()
	batch, _, err := s.Claim(ctx, queue, n, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func claimsSoon(t testing.TB, s *Store, queue, id string) (d *hub.Delivery) {
	t.Helper()
	storetest.Eventually(t, "claims "+id, 10*time.Second, func() bool {
		if batch := claimed(t, s, queue, 1); len(batch) == 1 {
			d = batch[0]
		}
		return d != nil
	})
	if d.Msg.ID != id {
		t.Fatalf("claimed %s, want %s", d.Msg.ID, id)
	}
	return d
}

// Who picks messages of a queue that another hub has is told which hub to ask; that one gives them.
func TestPostgresPickElsewhere(t *testing.T) {
	url := storetest.PostgresSchema(t)
	a, b := openPg(t, url, Options{Options: store.Options{Hub: "east"}}), openPg(t, url, Options{Options: store.Options{Hub: "west"}})
	storetest.Put(t, a, "q", storetest.Message("m", "1"))
	d := claimed(t, a, "q", 1)[0]
	if err := a.Release(ctx, []*hub.Delivery{d}); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Pick(ctx, "q", []int64{d.Seq}, time.Minute); err == nil || !strings.Contains(err.Error(), `the hub "east", which shares this store, has the queue q`) {
		t.Errorf("picked %v: %v", got, err)
	}
	if got, err := a.Pick(ctx, "q", []int64{d.Seq}, time.Minute); err != nil || len(got) != 1 {
		t.Errorf("picked %v: %v", got, err)
	}
}

// A hub that was silent for longer than the lease loses its queues. What it
// still tries to commit is refused, and its claims are given to the other.
func TestPostgresFencing(t *testing.T) {
	url := storetest.PostgresSchema(t)
	a, b := openPg(t, url, Options{}), openPg(t, url, Options{})
	for _, id := range []string{"m1", "m2", "m3"} {
		storetest.Put(t, a, "q", storetest.Message(id, "1"))
	}
	old := claimed(t, a, "q", 2)
	storetest.PostgresExec(t, url, "UPDATE queues SET expires=clock_timestamp()-interval '1 second'") // the database's clock passes, a hears nothing
	mine := claimed(t, b, "q", 3)
	if len(old) != 2 || len(mine) != 3 || mine[0].Msg.ID != "m1" || mine[0].Epoch <= old[0].Epoch {
		t.Fatalf("first %v, then %v", old, mine)
	}
	for _, f := range []hub.Finish{{}, {State: hub.Waiting, Due: time.Now()}, {State: hub.Held}, {State: hub.Dead}, {State: hub.Ready}} {
		u := &hub.Unit{Input: old[0], Finish: f, Puts: []hub.Put{{Queue: "out", Msg: storetest.Message("effect", "1")}}, Adds: []hub.Add{{Kind: "c", Key: "n", Delta: 1}}}
		if err := a.Commit(ctx, u); !errors.Is(err, hub.ErrLost) {
			t.Fatalf("the stale owner finishes as %v: %v, want ErrLost", f.State, err)
		}
	}
	if err := a.Release(ctx, old); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Counters(ctx, "c", ""); err != nil || len(n) != 0 {
		t.Fatalf("counters %v: %v", n, err)
	}
	if err := b.Commit(ctx, &hub.Unit{Input: mine[0], Puts: []hub.Put{{Queue: "out", Msg: storetest.Message("effect", "1")}}}); err != nil {
		t.Fatal(err)
	}
	storetest.Eventually(t, "a knows that it lost the queue", 20*time.Second, func() bool { return a.Lease("q") == 0 })
	if batch := claimed(t, a, "q", 5); len(batch) != 0 {
		t.Fatalf("a claimed %v", batch)
	}
}

// A hub that is cut off claims nothing once its lease may have ended, and the
// other takes over no later than 2 s after the lease.
func TestPostgresTakeover(t *testing.T) {
	base := storetest.PostgresSchema(t)
	proxy, cutOff := throughProxy(t, base)
	const lease = 4 * time.Second // also a machine that stands still for 2 s keeps it
	a, b := openPg(t, cutOff, Options{Lease: lease, Patience: 500 * time.Millisecond}), openPg(t, base, Options{Lease: lease})
	for i := range 5 {
		storetest.Put(t, a, "q", storetest.Message(fmt.Sprint("m", i), "1"))
	}
	first := claimsSoon(t, a, "q", "m0")
	time.Sleep(lease + lease/2)
	if batch := claimed(t, b, "q", 1); len(batch) != 0 {
		t.Fatal("a lease that is renewed was taken over")
	}
	proxy.mode.Store(pgStall)
	begun, stood := time.Now(), hubtest.Standstill(t)
	var d *hub.Delivery
	for d == nil {
		batch, next, err := b.Claim(ctx, "q", 1, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) > 0 {
			d = batch[0]
			if a.mayClaim("q") {
				t.Fatal("two hubs have the queue")
			}
		} else if wait := time.Until(next); wait <= 0 || wait > lease {
			t.Fatalf("look again in %v", wait)
		} else {
			time.Sleep(wait)
		}
	}
	if took := time.Since(begun); took > lease+2*time.Second+stood() || d.Msg.ID != "m0" {
		t.Fatalf("%s was taken over after %v", d.Msg.ID, took)
	}
	proxy.mode.Store(pgRefuse)
	proxy.cut()
	proxy.mode.Store(pgPass)
	storetest.Eventually(t, "the connection is back", 20*time.Second, func() bool { _, err := a.Queues(ctx); return err == nil })
	if err := a.Commit(ctx, &hub.Unit{Input: first}); !errors.Is(err, hub.ErrLost) {
		t.Fatalf("the stale owner commits: %v", err)
	}
	if err := b.Commit(ctx, &hub.Unit{Input: d}); err != nil {
		t.Fatal(err)
	}
}

// mayClaim tells whether s relies on its lease just now.
func (s *Store) mayClaim(queue string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queues[queue].relied()
}

// A short outage costs a hub nothing: nobody took its queue, so it keeps it, and its claims.
func TestPostgresLeaseOutlivesOutage(t *testing.T) {
	base := storetest.PostgresSchema(t)
	proxy, url := throughProxy(t, base)
	s := openPg(t, url, Options{Lease: time.Second})
	storetest.Put(t, s, "q", storetest.Message("m1", "1"))
	storetest.Put(t, s, "q", storetest.Message("m2", "1"))
	d, epoch := claimsSoon(t, s, "q", "m1"), s.Lease("q")
	proxy.mode.Store(pgRefuse)
	proxy.cut()
	storetest.Eventually(t, "the lease is overdue", 20*time.Second, func() bool { return !s.mayClaim("q") })
	if batch := claimed(t, s, "q", 1); len(batch) != 0 {
		t.Fatalf("claimed %s on a lease that is overdue", batch[0].Msg.ID)
	}
	proxy.mode.Store(pgPass)
	claimsSoon(t, s, "q", "m2")
	if s.Lease("q") != epoch {
		t.Fatalf("lease %d became %d", epoch, s.Lease("q"))
	}
	if err := s.Commit(ctx, &hub.Unit{Input: d}); err != nil {
		t.Fatal(err)
	}
}

// Leases are given back at Close, and taken over at once by a hub of the same name after a crash.
func TestPostgresStart(t *testing.T) {
	base := storetest.PostgresSchema(t)
	proxy, url := throughProxy(t, base)
	a := openPg(t, url, Options{Options: store.Options{Hub: "one"}, Patience: time.Second})
	storetest.Put(t, a, "q", storetest.Message("m1", "1"))
	claimsSoon(t, a, "q", "m1")
	proxy.mode.Store(pgRefuse) // the process dies
	proxy.cut()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	other := openPg(t, base, Options{Options: store.Options{Hub: "two"}})
	if batch, next, err := other.Claim(ctx, "q", 1, 0); err != nil || len(batch) != 0 || time.Until(next) < time.Second {
		t.Fatalf("another hub claims %v, looks again in %v: %v", batch, time.Until(next), err)
	}
	again := openPg(t, base, Options{Options: store.Options{Hub: "one"}})
	claimsSoon(t, again, "q", "m1")
	if batch := claimed(t, other, "q", 1); len(batch) != 0 {
		t.Fatal("two hubs have the queue")
	}
	begun := time.Now()
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	storetest.Eventually(t, "hears that the queue is free", 20*time.Second, func() bool { return waitWoken(other, "q", time.Second) })
	claimsSoon(t, other, "q", "m1")
	t.Logf("handed over after %v", time.Since(begun))
}

func waitWoken(s *Store, queue string, within time.Duration) bool {
	select {
	case name := <-s.Woken():
		return name == queue
	case <-time.After(within):
		return false
	}
}

// A hub is woken for what others put into its queues, and only for that.
func TestPostgresWoken(t *testing.T) {
	url := storetest.PostgresSchema(t)
	a, b := openPg(t, url, Options{}), openPg(t, url, Options{})
	if batch := claimed(t, a, "q", 1); len(batch) != 0 {
		t.Fatal(batch)
	}
	storetest.Put(t, b, "q", storetest.Message("m1", "1"))
	storetest.Put(t, b, "other", storetest.Message("x", "1"))
	begun := time.Now()
	if !waitWoken(a, "q", 5*time.Second) {
		t.Fatal("nothing was told")
	}
	t.Logf("told after %v", time.Since(begun))
	d := claimsSoon(t, a, "q", "m1")
	if err := a.Commit(ctx, &hub.Unit{Input: d}); err != nil {
		t.Fatal(err)
	}
	// Without a notification the poll finds it.
	for len(a.woken) > 0 {
		<-a.woken
	}
	storetest.PostgresExec(t, url, "INSERT INTO messages(seq,queue,state,id,crc,head,body) SELECT nextval('numbers'), id, 1, 'm2', 0, '', '' FROM queues WHERE name='q'")
	storetest.Eventually(t, "the poll finds it", 20*time.Second, func() bool { return waitWoken(a, "q", time.Second) })
}

// Queues spread evenly over hubs that ask for them, once they come to rest, and then stay.
func TestPostgresShare(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresSchema(t)
	o := Options{Lease: 4 * time.Second}
	a := openPg(t, url, o)
	names := []string{"q0", "q1", "q2", "q3", "q4", "q5", "q6"}
	look := func(s *Store) (n int) {
		for _, name := range names {
			claimed(t, s, name, 1)
			if s.Lease(name) != 0 {
				n++
			}
		}
		return n
	}
	if n := look(a); n != len(names) {
		t.Fatalf("the first hub has %d queues", n)
	}
	storetest.Put(t, a, "q0", storetest.Message("busy", "1"))
	busy := claimsSoon(t, a, "q0", "busy")
	b := openPg(t, url, o)
	storetest.Eventually(t, "the second hub has its share", 20*time.Second, func() bool { na, nb := look(a), look(b); return na == 4 && nb == 3 })
	if a.Lease("q0") == 0 {
		t.Error("a queue was given away while others were idle")
	}
	if err := a.Commit(ctx, &hub.Unit{Input: busy}); err != nil {
		t.Error(err)
	}
	epochs := pgNumber(t, url, "SELECT sum(epoch) FROM queues")
	for end := time.Now().Add(2 * o.Lease); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if look(a)+look(b) < len(names) {
			t.Fatal("a queue has no hub")
		}
	}
	if n := pgNumber(t, url, "SELECT sum(epoch) FROM queues"); n != epochs {
		t.Errorf("queues went on moving: %d leases, then %d", epochs, n)
	}
}
