package postgres

import (
	"fmt"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
)

// failed makes d wait for a retry.
func failed(t *testing.T, s *Store, d *hub.Delivery, due time.Time) {
	t.Helper()
	f := &hub.Failure{Class: hub.Unavailable, Time: time.Now()}
	if err := s.Commit(ctx, &hub.Unit{Input: d, Finish: hub.Finish{State: hub.Waiting, Due: due, Tried: true, Error: f}}); err != nil {
		t.Fatal(err)
	}
}

func finish(t *testing.T, s *Store, d *hub.Delivery) {
	t.Helper()
	if err := s.Commit(ctx, &hub.Unit{Input: d}); err != nil {
		t.Fatal(err)
	}
}

func states(t *testing.T, s *Store, queue string) (out string) {
	t.Helper()
	list, err := s.Browse(ctx, store.BrowseQuery{Queue: queue})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		out += fmt.Sprintf("%s:%v ", d.Msg.ID, d.State)
	}
	return out
}

// What comes behind a retry that another hub put is held; when the retry is
// over it is ready again, in order, even if the runtime never asks for it.
func TestPostgresHeldBehindRetry(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresSchema(t)
	a, b := openPg(t, url, Options{}), openPg(t, url, Options{})
	claimed(t, a, "q", 1) // a has the queue
	storetest.Put(t, b, "q", storetest.Keyed("k0", "k"))
	f := &hub.Failure{Class: hub.Unavailable}
	if err := b.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: storetest.Keyed("k1", "k"), Due: time.Now().Add(time.Hour), Error: f, Tries: 1, Name: "retry"}}}); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*hub.Message{storetest.Keyed("k2", "k"), storetest.Keyed("o1", "other"), storetest.Keyed("k3", "k"), storetest.Keyed("n1", "")} {
		storetest.Put(t, b, "q", m)
	}
	var got []*hub.Delivery
	storetest.Eventually(t, "claims what is not behind", 10*time.Second, func() bool { got = append(got, claimed(t, a, "q", 10)...); return len(got) == 3 })
	if got[0].Msg.ID != "k0" || got[1].Msg.ID != "o1" || got[2].Msg.ID != "n1" {
		t.Fatalf("claimed %s %s %s", got[0].Msg.ID, got[1].Msg.ID, got[2].Msg.ID)
	}
	if st := states(t, a, "q"); st != "k0:ready k1:waiting k2:held o1:ready k3:held n1:ready " {
		t.Fatalf("stored %s", st)
	}
	finish(t, a, got[0])
	storetest.Put(t, b, "q", storetest.Keyed("k4", "k"))
	time.Sleep(1500 * time.Millisecond) // polls pass, and free nothing
	if batch := claimed(t, a, "q", 10); len(batch) != 0 {
		t.Fatalf("claimed %s, its key is blocked", batch[0].Msg.ID)
	}
	if err := b.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "retry", Cancel: true}}}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"k2", "k3", "k4"} {
		finish(t, a, claimsSoon(t, a, "q", id))
	}
}

// The hub that takes a queue over finds the retries of the last one, and what was held behind them.
func TestPostgresHeldTakenOver(t *testing.T) {
	url := storetest.PostgresSchema(t)
	a := openPg(t, url, Options{})
	for _, m := range []*hub.Message{storetest.Keyed("k1", "k"), storetest.Keyed("k2", "k"), storetest.Keyed("j1", "j"), storetest.Keyed("j2", "j")} {
		storetest.Put(t, a, "q", m)
	}
	for _, d := range claimed(t, a, "q", 4) {
		if d.Msg.ID == "k1" {
			failed(t, a, d, time.Now().Add(time.Hour))
		} else if err := a.Commit(ctx, &hub.Unit{Input: d, Finish: hub.Finish{State: hub.Held}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := openPg(t, url, Options{})
	storetest.Put(t, b, "q", storetest.Keyed("k3", "k"))
	for _, id := range []string{"j1", "j2"} {
		finish(t, b, claimsSoon(t, b, "q", id))
	}
	if batch := claimed(t, b, "q", 4); len(batch) != 0 {
		t.Fatalf("claimed %s, its key is blocked", batch[0].Msg.ID)
	}
	if keys, err := b.Retrying(ctx, "q"); err != nil || fmt.Sprint(keys) != "[k]" {
		t.Fatalf("retrying %v: %v", keys, err)
	}
	storetest.PostgresExec(t, url, "UPDATE messages SET due=1 WHERE state=2")
	b.mu.Lock()
	b.queues["q"].look = true
	b.mu.Unlock()
	finish(t, b, claimsSoon(t, b, "q", "k1"))
	held, err := b.ClaimHeld(ctx, "q", "k", 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range held { // or the poll was first
		finish(t, b, d)
	}
	for i := len(held); i < 2; i++ {
		finish(t, b, claimsSoon(t, b, "q", []string{"k2", "k3"}[i]))
	}
	if st := states(t, b, "q"); st != "" {
		t.Fatalf("left: %s", st)
	}
}

// Whether a key lies in a queue is known by every hub at once.
func TestPostgresBlocked(t *testing.T) {
	url := storetest.PostgresSchema(t)
	a, b := openPg(t, url, Options{}), openPg(t, url, Options{})
	blocked := func(key string, want bool) {
		t.Helper()
		for _, s := range []*Store{a, b} {
			if got, err := s.Blocked(ctx, "q", key); err != nil || got != want {
				t.Errorf("key %q is blocked: %v, want %v: %v", key, got, want, err)
			}
		}
	}
	blocked("k", false)
	storetest.Put(t, a, "q", storetest.Keyed("k1", "k"))
	blocked("k", true)
	blocked("", false)
	blocked("j", false)
	d := claimsSoon(t, b, "q", "k1")
	blocked("k", true)
	failed(t, b, d, time.Now().Add(-time.Second))
	blocked("k", true)
	d = claimsSoon(t, b, "q", "k1")
	if err := b.Commit(ctx, &hub.Unit{Input: d, Finish: hub.Finish{State: hub.Held}}); err != nil {
		t.Fatal(err)
	}
	blocked("k", true)
	held, err := b.ClaimHeld(ctx, "q", "k", 1, 0)
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	finish(t, b, held[0])
	blocked("k", false)
}

// A held message that could not be given back, since PostgreSQL was away, is given again, before what is held behind it.
func TestPostgresReleaseAway(t *testing.T) {
	proxy, url := throughProxy(t, storetest.PostgresSchema(t))
	s := openPg(t, url, Options{Lease: time.Minute, Patience: 3 * time.Second, Options: store.Options{Log: silent}})
	for _, id := range []string{"m1", "m2", "m3"} {
		storetest.Put(t, s, "q", storetest.Keyed(id, "k"))
	}
	for _, d := range claimed(t, s, "q", 3) {
		if err := s.Commit(ctx, &hub.Unit{Input: d, Finish: hub.Finish{State: hub.Held}}); err != nil {
			t.Fatal(err)
		}
	}
	held := func(n int) []*hub.Delivery {
		list, err := s.ClaimHeld(ctx, "q", "k", n, 0)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	m1 := held(1)
	proxy.mode.Store(pgRefuse)
	proxy.cut()
	if err := s.Release(ctx, m1); hub.AsError(err).Class != hub.Unavailable {
		t.Fatalf("released: %v", err)
	}
	proxy.mode.Store(pgPass)
	storetest.Eventually(t, "the connection is back", 20*time.Second, func() bool { _, err := s.Queues(ctx); return err == nil })
	var got []*hub.Delivery
	storetest.Eventually(t, "all are given", 20*time.Second, func() bool { // by heal, if that was first
		batch, _, err := s.Claim(ctx, "q", 3, 0)
		if err != nil {
			return false
		}
		got = append(append(got, batch...), held(3)...)
		return len(got) == 3
	})
	if got[0].Msg.ID != "m1" || got[1].Msg.ID != "m2" || got[2].Msg.ID != "m3" {
		t.Errorf("given %s %s %s", got[0].Msg.ID, got[1].Msg.ID, got[2].Msg.ID)
	}
}
