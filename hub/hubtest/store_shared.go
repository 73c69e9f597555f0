package hubtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// sharedPatience is how long a case waits for another hub to notice something.
const sharedPatience = 20 * time.Second

// SharedStore checks the duties of a store.Store that several hubs use at once.
// open gives a fresh, empty store as a function that opens it for one more hub;
// the suite closes what it opened.
func SharedStore(t *testing.T, open func(t *testing.T) func() store.Store) {
	for _, c := range []struct {
		name, why string
		run       func(a, b *storeTest)
	}{
		{"one_claimer", "a queue is claimed by one hub at a time; the other is told when to look again", sharedOneClaimer},
		{"handover", "what a closed hub had claimed is given to the other, in order; nothing is lost", sharedHandover},
		{"own_queues", "each hub claims the queues that it came to first, whoever puts there", sharedOwnQueues},
		{"put_order", "messages that were put one after another are claimed in that order, whichever hubs put them", sharedPutOrder},
		{"inbox", "an inbox key counts for all hubs", sharedInbox},
		{"versions", "a record's version that another hub changed is stale", sharedVersions},
		{"race", "of many units of several hubs that change one record, each sees the version of the one before", sharedRace},
		{"counters", "counters add up over hubs, and two hubs never block each other", sharedCounters},
		{"named", "a hub may replace and cancel the named message that another has claimed; its holder conflicts", sharedNamed},
		{"name_race", "two hubs that put a message of one name leave one", sharedNameRace},
		{"settle", "a dead letter that one hub replays is claimed by the hub that has the queue", sharedSettle},
		{"held_behind_retry", "a message that is held behind a retry of its key is given only when that retry is over", sharedHeldBehindRetry},
		{"recover", "a hub that starts makes nothing ready that another hub holds", sharedRecover},
	} {
		t.Run(c.name, func(t *testing.T) {
			hubs := open(t)
			var both [2]*storeTest
			for i := range both {
				both[i] = newStoreTest(t, hubs(), c.why)
			}
			c.run(both[0], both[1])
		})
	}
}

// awaits claims until the messages came, in order. They stay claimed.
func (t *storeTest) awaits(queue string, want ...string) (out []*hub.Delivery) {
	t.Helper()
	for end := time.Now().Add(sharedPatience); len(out) < len(want) && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		batch, _ := t.claim(queue, len(want)-len(out))
		out = append(out, batch...)
	}
	t.must(fmt.Sprint(ids(out)) == fmt.Sprint(want), "claimed %v, want %v", ids(out), want)
	return out
}

func sharedOneClaimer(a, b *storeTest) {
	b.put("q", "m1", "m2", "m3")
	first := a.awaits("q", "m1")
	before := time.Now()
	batch, next, err := b.s.Claim(context.Background(), "q", 10, time.Minute)
	b.ok(err)
	b.must(len(batch) == 0, "the other hub claimed %v", ids(batch))
	b.must(next.After(before) && next.Before(before.Add(time.Minute)), "next look at %v, it is %v", next, before)
	held, err := b.s.ClaimHeld(context.Background(), "q", "k", 10, time.Minute)
	b.ok(err)
	b.must(len(held) == 0, "the other hub claimed held messages")
	b.is(b.tryCommit(&hub.Unit{Input: first[0]}), hub.ErrLost)
	a.finish(first[0], hub.Finish{})
	a.awaits("q", "m2", "m3")
}

func sharedHandover(a, b *storeTest) {
	a.put("q", "m1", "m2", "m3", "m4")
	batch := a.awaits("q", "m1", "m2", "m3")
	a.finish(batch[1], hub.Finish{})
	a.finish(batch[2], hub.Finish{State: hub.Held})
	b.holds("q")
	a.ok(a.s.Close())
	b.awaits("q", "m1", "m3", "m4")
	b.holds("q")
}

func sharedOwnQueues(a, b *storeTest) {
	a.holds("qa")
	b.holds("qb")
	for i := range 20 {
		id := fmt.Sprintf("m%02d", i)
		a.commit(&hub.Unit{Puts: []hub.Put{{Queue: "qb", Msg: message(id)}}})
		b.commit(&hub.Unit{Puts: []hub.Put{{Queue: "qa", Msg: message(id)}}})
		a.finish(a.awaits("qa", id)[0], hub.Finish{})
		b.finish(b.awaits("qb", id)[0], hub.Finish{})
	}
	due := time.Now().Add(100 * time.Millisecond)
	a.commit(&hub.Unit{Puts: []hub.Put{{Queue: "qb", Msg: message("due"), Due: due}}})
	b.awaits("qb", "due")
	b.must(!time.Now().Before(due), "claimed too early")
}

func sharedPutOrder(a, b *storeTest) {
	var want []string
	for i := range 60 {
		id := fmt.Sprintf("m%02d", i)
		[]*storeTest{a, b}[i%2].put("q", id)
		want = append(want, id)
	}
	a.awaits("q", want...)
}

func sharedInbox(a, b *storeTest) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := map[string]int{}
	for _, t := range []*storeTest{a, b} {
		for range 4 {
			wg.Go(func() {
				for i := range 25 {
					key := fmt.Sprint("in-", i)
					err := t.tryCommit(&hub.Unit{Inbox: key, Puts: []hub.Put{{Queue: "q", Msg: message(key)}}})
					mu.Lock()
					if err == nil {
						taken[key]++
					} else if err != hub.ErrDuplicate {
						t.Errorf("contract: %s: %v", t.why, err)
					}
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	for key, n := range taken {
		a.must(n == 1, "%s was taken %d times", key, n)
	}
	a.must(len(taken) == 25 && len(a.browse(store.BrowseQuery{Queue: "q"})) == 25, "%d keys, %d messages", len(taken), len(a.browse(store.BrowseQuery{Queue: "q"})))
}

func sharedVersions(a, b *storeTest) {
	a.commit(&hub.Unit{Writes: []hub.Write{write("x", "1", 0)}})
	v := b.record("k", "x").Version
	b.is(b.tryCommit(&hub.Unit{Writes: []hub.Write{write("x", "again", 0)}}), hub.ErrConflict)
	a.commit(&hub.Unit{Writes: []hub.Write{write("x", "2", v)}})
	b.is(b.tryCommit(&hub.Unit{Writes: []hub.Write{write("x", "3", v)}}), hub.ErrConflict)
	b.commit(&hub.Unit{Writes: []hub.Write{write("x", "3", b.record("k", "x").Version)}})
	a.must(string(a.record("k", "x").Value) == "3", "record %s", a.record("k", "x").Value)
}

func sharedRace(a, b *storeTest) {
	a.commit(&hub.Unit{Writes: []hub.Write{write("n", "", 0)}})
	var wg sync.WaitGroup
	for _, t := range []*storeTest{a, b} {
		for range 4 {
			wg.Go(func() { t.appendTo("n", 5) })
		}
	}
	wg.Wait()
	a.must(len(a.record("k", "n").Value) == 40, "40 appends gave %d", len(a.record("k", "n").Value))
}

func sharedCounters(a, b *storeTest) {
	var wg sync.WaitGroup
	for _, t := range []*storeTest{a, b} {
		for w := range 8 {
			wg.Go(func() {
				for i := range 25 {
					u := &hub.Unit{Adds: []hub.Add{{Kind: "c", Key: "x", Delta: 1}, {Kind: "c", Key: "y", Delta: 1}, {Kind: "c", Key: "z", Delta: 1}}}
					u.Writes = []hub.Write{{Kind: "any", Key: fmt.Sprint(i % 3), Value: []byte("1"), IfVersion: hub.AnyVersion}, {Kind: "any", Key: fmt.Sprint((i + w) % 3), Value: []byte("2"), IfVersion: hub.AnyVersion}}
					if err := t.tryCommit(u); err != nil {
						t.Errorf("contract: %s: %v", t.why, err)
					}
				}
			})
		}
	}
	wg.Wait()
	n, err := a.s.Counters(context.Background(), "c", "")
	a.ok(err)
	a.must(n["x"] == 400 && n["y"] == 400 && n["z"] == 400, "counters %v", n)
}

func sharedNamed(a, b *storeTest) {
	put := func(t *storeTest, p hub.Put) { t.commit(&hub.Unit{Puts: []hub.Put{p}}) }
	put(a, hub.Put{Queue: "q", Name: "n", Msg: message("one")})
	one := a.awaits("q", "one")[0]
	put(b, hub.Put{Queue: "q", Name: "n", Msg: message("two")})
	a.is(a.tryCommit(&hub.Unit{Input: one, Puts: []hub.Put{{Queue: "q", Msg: message("x")}}}), hub.ErrLost)
	two := a.awaits("q", "two")[0]
	put(b, hub.Put{Queue: "q", Name: "n", Cancel: true})
	a.is(a.tryCommit(&hub.Unit{Input: two}), hub.ErrLost)
	a.must(len(a.browse(store.BrowseQuery{Queue: "q"})) == 0, "a message is left")
}

func sharedNameRace(a, b *storeTest) {
	var wg sync.WaitGroup
	for _, t := range []*storeTest{a, b} {
		for w := range 4 {
			wg.Go(func() {
				for i := range 15 {
					u := &hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "n", Msg: message(fmt.Sprint(w, "-", i)), Due: time.Now().Add(time.Hour)}}}
					for err := t.tryCommit(u); err != nil; err = t.tryCommit(u) {
						if hub.AsError(err).Reason != "conflict" {
							t.Errorf("contract: %s: %v", t.why, err)
							return
						}
					}
				}
			})
		}
	}
	wg.Wait()
	a.must(len(a.browse(store.BrowseQuery{Queue: "q"})) == 1, "%d messages are left", len(a.browse(store.BrowseQuery{Queue: "q"})))
}

func sharedSettle(a, b *storeTest) {
	a.put("q", "m1", "m2")
	d := a.awaits("q", "m1", "m2")
	a.finish(d[0], hub.Finish{State: hub.Dead, Tried: true, Error: failure("x", time.Now())})
	b.is(b.tryCommit(&hub.Unit{Settles: []hub.Settle{{Seq: d[1].Seq, Replay: true}}}), hub.ErrConflict)
	b.commit(&hub.Unit{Settles: []hub.Settle{{Seq: d[0].Seq, Replay: true}}})
	b.holds("q")
	a.awaits("q", "m1")
}

func sharedHeldBehindRetry(a, b *storeTest) {
	a.holds("q")
	b.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "retry", Msg: keyed("m1", "k"), Due: time.Now().Add(time.Hour), Error: failure("x", time.Now()), Tries: 1}}})
	b.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: keyed("m2", "k")}}})
	a.until("m2 is not held", func() bool {
		a.holds("q")
		return len(a.browse(store.BrowseQuery{ID: "m2", State: hub.Held})) == 1
	})
	held := func() []*hub.Delivery {
		out, err := a.s.ClaimHeld(context.Background(), "q", "k", 10, time.Minute)
		a.ok(err)
		return out
	}
	early := held()
	a.must(len(early) == 0, "claimed %v, and m1 waits for its retry", ids(early))
	b.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "retry", Cancel: true}}})
	a.until("m2 is not given", func() bool {
		batch, _ := a.claim("q", 1) // it may be ready again by now
		return len(append(batch, held()...)) == 1
	})
}

func sharedRecover(a, b *storeTest) {
	a.put("q", "m1", "m2")
	d := a.awaits("q", "m1", "m2")
	a.finish(d[1], hub.Finish{State: hub.Held})
	b.ok(b.s.Recover(context.Background(), []int64{d[0].Seq}))
	time.Sleep(50 * time.Millisecond)
	a.holds("q")
	list := a.browse(store.BrowseQuery{Queue: "q"})
	a.must(len(list) == 2 && list[0].Crashes == 1 && list[1].State == hub.Held, "stored %+v", list)
	a.finish(d[0], hub.Finish{})
}
