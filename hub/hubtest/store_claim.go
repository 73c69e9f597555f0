package hubtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

var claimCases = []storeCase{
	{"claim_order", "ready messages are claimed in sequence order, once", func(t *storeTest) {
		t.put("q", "a", "b", "c", "d")
		t.put("other", "x")
		_, got := t.claim("q", 2)
		t.must(fmt.Sprint(got) == "[a b]", "claimed %v", got)
		t.put("q", "e")
		t.holds("q", "c", "d", "e")
		t.holds("q")
		t.holds("other", "x")
		t.holds("never heard of")
	}},
	{"release_order", "released messages are ready again, in their old order", func(t *storeTest) {
		t.put("q", "a", "b", "c", "d", "e")
		batch := t.holds("q", "a", "b", "c", "d", "e")
		t.finish(batch[2], hub.Finish{})
		t.ok(t.s.Release(context.Background(), []*hub.Delivery{batch[4], batch[0]}))
		t.put("q", "f")
		t.ok(t.s.Release(context.Background(), []*hub.Delivery{batch[3]}))
		t.ok(t.s.Release(context.Background(), []*hub.Delivery{batch[3], batch[2]}))
		t.holds("q", "a", "d", "e", "f")
	}},
	{"lease", "a message whose lease ended is given again, and its first holder can't commit", func(t *storeTest) {
		t.put("q", "a")
		first, _, err := t.s.Claim(context.Background(), "q", 1, time.Millisecond)
		t.ok(err)
		var again []*hub.Delivery
		t.until("it is not given again", func() bool { again, _ = t.claim("q", 1); return len(again) > 0 })
		t.must(len(first) == 1 && len(again) == 1, "first %v, again %v", ids(first), ids(again))
		t.must(first[0].Epoch != again[0].Epoch, "both claims have epoch %d", first[0].Epoch)
		t.is(t.tryCommit(&hub.Unit{Input: first[0]}), hub.ErrConflict)
		t.commit(&hub.Unit{Input: again[0]})
		t.holds("q")
	}},
	{"back_to_ready", "a unit that finishes its input as ready puts it back in its old place", func(t *storeTest) {
		t.put("q", "a", "b")
		d := t.one("q")
		t.finish(d, hub.Finish{State: hub.Ready})
		t.holds("q", "a", "b")
	}},
	{"held", "held messages are claimed by key only, in order", func(t *storeTest) {
		for i, key := range []string{"k1", "k2", "k1", "k1"} {
			t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: keyed(fmt.Sprint("m", i), key)}}})
		}
		for _, d := range t.holds("q", "m0", "m1", "m2", "m3") {
			t.finish(d, hub.Finish{State: hub.Held})
		}
		t.holds("q")
		held := func(key string, n int) []*hub.Delivery {
			out, err := t.s.ClaimHeld(context.Background(), "q", key, n, time.Minute)
			t.ok(err)
			return out
		}
		batch := held("k1", 2)
		t.must(fmt.Sprint(ids(batch)) == "[m0 m2]" && batch[0].State == hub.Held, "held %v", ids(batch))
		more := held("k1", 10)
		t.must(fmt.Sprint(ids(more)) == "[m3]", "then %v", ids(more))
		t.must(len(held("none", 10)) == 0, "a key without messages")
		t.finish(batch[0], hub.Finish{})
		t.ok(t.s.Release(context.Background(), []*hub.Delivery{batch[1]}))
		t.holds("q", "m2")
		t.must(len(held("k1", 10)) == 0, "m0 is done, m2 is ready, m3 is claimed")
	}},
	{"recover", "Recover counts the crash of the running ones only, and makes held ones ready", func(t *storeTest) {
		t.put("q", "a", "b", "c")
		var seqs []int64
		for _, d := range t.browse(store.BrowseQuery{Queue: "q"}) {
			seqs = append(seqs, d.Seq)
		}
		t.ok(t.s.Recover(context.Background(), []int64{seqs[1], 1 << 60}))
		batch := t.holds("q", "a", "b", "c")
		t.must(batch[0].Crashes == 0 && batch[1].Crashes == 1 && batch[2].Crashes == 0, "crashes %d %d %d", batch[0].Crashes, batch[1].Crashes, batch[2].Crashes)
		t.finish(batch[0], hub.Finish{State: hub.Held})
		t.ok(t.s.Release(context.Background(), batch[1:]))
		t.ok(t.s.Recover(context.Background(), []int64{seqs[1]}))
		batch = t.holds("q", "a", "b", "c")
		t.must(batch[1].Crashes == 2, "crashes %d", batch[1].Crashes)
	}},
}

var waitingCases = []storeCase{
	{"waiting", "a waiting message is claimed from its due time on; next tells when", func(t *storeTest) {
		soon, later := time.Now().Add(time.Hour).UTC().Round(0), time.Now().Add(2*time.Hour)
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: message("later"), Due: later}, {Queue: "q", Msg: message("soon"), Due: soon},
			{Queue: "q", Msg: message("due2"), Due: time.Now().Add(-time.Second)}, {Queue: "q", Msg: message("due1"), Due: time.Now().Add(-time.Minute)},
			{Queue: "q", Msg: message("ready")}}})
		batch, next, err := t.s.Claim(context.Background(), "q", 10, time.Minute)
		t.ok(err)
		t.must(fmt.Sprint(ids(batch)) == "[due2 due1 ready]", "claimed %v, want the due ones, then the ready ones, each in sequence order", ids(batch))
		t.must(next.Equal(soon), "next %v, want %v", next, soon)
		t.must(batch[0].State == hub.Waiting && !batch[0].Due.IsZero(), "state %v, due %v", batch[0].State, batch[0].Due)
		_, next, err = t.s.Claim(context.Background(), "q", 10, time.Minute)
		t.ok(err)
		t.must(next.Equal(soon), "next %v, want %v", next, soon)
		_, next, err = t.s.Claim(context.Background(), "nothing", 10, time.Minute)
		t.ok(err)
		t.must(next.IsZero(), "next %v of an empty queue", next)
	}},
	{"waiting_wakes", "a message falls due by itself", func(t *storeTest) {
		due := time.Now().Add(30 * time.Millisecond)
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: message("a"), Due: due}}})
		t.until("never claimed", func() bool { _, got := t.claim("q", 1); return len(got) == 1 })
		t.must(!time.Now().Before(due), "claimed too early")
		t.holds("q")
	}},
	{"retry", "a failed message waits with its error and its attempts, and blocks its key", func(t *storeTest) {
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: keyed("a", "k1")}, {Queue: "q", Msg: keyed("b", "k2")}, {Queue: "q", Msg: keyed("c", "k3"), Due: time.Now().Add(time.Hour)}}})
		batch := t.holds("q", "a", "b")
		f := failure("away", time.Now())
		t.finish(batch[0], hub.Finish{State: hub.Waiting, Due: time.Now().Add(-time.Second), Tried: true, Error: f})
		keys, err := t.s.Retrying(context.Background(), "q")
		t.ok(err)
		t.must(fmt.Sprint(keys) == "[k1]", "retrying %v, want k1 alone: a delayed message blocks nothing", keys)
		again := t.one("q")
		t.must(again.Msg.ID == "a" && again.Attempts == 1 && again.Error != nil && *again.Error == *f, "%+v %+v", again, again.Error)
		t.finish(again, hub.Finish{State: hub.Waiting, Due: time.Now().Add(time.Hour), Error: f})
		d := t.browse(store.BrowseQuery{Queue: "q", Key: "k1"})
		t.must(len(d) == 1 && d[0].Attempts == 1 && d[0].State == hub.Waiting, "an untried wait counted: %+v", d)
		t.finish(batch[1], hub.Finish{})
	}},
	{"keys", "the keys of a queue are counted in every state but dead", func(t *storeTest) {
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: keyed("a", "k1")}, {Queue: "q", Msg: keyed("b", "k1")}, {Queue: "q", Msg: keyed("c", "k2"), Due: time.Now().Add(time.Hour)},
			{Queue: "q", Msg: keyed("d", "k3")}, {Queue: "q", Msg: message("e")}, {Queue: "other", Msg: keyed("f", "k4")}, {Queue: "q", Msg: keyed("g", "k5"), Error: failure("dead", time.Now())}}})
		batch := t.holds("q", "a", "b", "d", "e")
		t.finish(batch[1], hub.Finish{State: hub.Held})
		keys, err := t.s.Keys(context.Background(), "q")
		t.ok(err)
		t.must(fmt.Sprint(keys) == "map[k1:2 k2:1 k3:1]", "keys %v: claimed, held and waiting ones count", keys)
		t.finish(batch[2], hub.Finish{})
		keys, err = t.s.Keys(context.Background(), "q")
		t.ok(err)
		t.must(fmt.Sprint(keys) == "map[k1:2 k2:1]", "keys %v: a finished one is gone", keys)
	}},
	{"waiting_release", "a released waiting message is due again", func(t *storeTest) {
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: message("a"), Due: time.Now().Add(-time.Second)}}})
		d := t.one("q")
		t.holds("q")
		t.ok(t.s.Release(context.Background(), []*hub.Delivery{d}))
		t.holds("q", "a")
	}},
	{"waiting_max", "no more than max are claimed, due and ready together", func(t *storeTest) {
		for i := range 7 {
			t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: message(fmt.Sprint("d", i)), Due: time.Now().Add(-time.Hour + time.Duration(i)*time.Second)}}})
		}
		t.put("q", "r0", "r1", "r2")
		for _, want := range []string{"[d0 d1 d2]", "[d3 d4 d5]", "[d6 r0 r1]", "[r2]", "[]"} {
			_, got := t.claim("q", 3)
			t.must(fmt.Sprint(got) == want, "claimed %v, want %v", got, want)
		}
	}},
	{"named_replace", "a Put of a name replaces the message of that name", func(t *storeTest) {
		later := time.Now().Add(time.Hour)
		put := func(id, queue string, due time.Time) {
			t.commit(&hub.Unit{Puts: []hub.Put{{Queue: queue, Name: "timer", Msg: message(id), Due: due}}})
		}
		put("a", "q", later)
		put("a", "q2", later)
		put("b", "q", later.Add(time.Hour))
		list := t.browse(store.BrowseQuery{Queue: "q"})
		t.must(fmt.Sprint(ids(list)) == "[b]" && list[0].Name == "timer", "stored %v", ids(list))
		_, next, err := t.s.Claim(context.Background(), "q", 1, 0)
		t.ok(err)
		t.must(next.Equal(later.Add(time.Hour)), "next %v is not that of the new timer", next)
		put("c", "q", time.Time{})
		put("d", "q", time.Time{})
		t.holds("q", "d")
		t.must(len(t.browse(store.BrowseQuery{Queue: "q2"})) == 1, "the same name in another queue was replaced")
	}},
	{"named_claimed", "replacing or cancelling a claimed message makes its holder conflict", func(t *storeTest) {
		put := func(p hub.Put) { t.commit(&hub.Unit{Puts: []hub.Put{p}}) }
		put(hub.Put{Queue: "q", Name: "n", Msg: message("a")})
		a := t.one("q")
		put(hub.Put{Queue: "q", Name: "n", Msg: message("b")})
		t.is(t.tryCommit(&hub.Unit{Input: a}), hub.ErrConflict)
		b := t.one("q")
		put(hub.Put{Queue: "q", Name: "n", Cancel: true})
		t.is(t.tryCommit(&hub.Unit{Input: b, Puts: []hub.Put{{Queue: "q", Msg: message("x")}}}), hub.ErrConflict)
		t.holds("q")
		put(hub.Put{Queue: "q", Name: "n", Cancel: true})
		put(hub.Put{Queue: "nowhere", Name: "n", Cancel: true})
	}},
	{"named_self", "a timer that fires may set itself again in the same unit", func(t *storeTest) {
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "n", Msg: message("a"), Due: time.Now().Add(-time.Second)}}})
		d := t.one("q")
		t.commit(&hub.Unit{Input: d, Puts: []hub.Put{{Queue: "q", Name: "n", Msg: message("b"), Due: time.Now().Add(-time.Second)}}})
		t.holds("q", "b")
	}},
	{"ended", "the keys of messages that were replaced or dropped by name, while nobody had them, are told once", func(t *storeTest) {
		named := func(id string, due time.Time) {
			t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "n", Msg: keyed(id, "k-"+id), Due: due, Error: failure("x", time.Now()), Tries: 1}}})
		}
		t.holds("q")
		later := time.Now().Add(time.Hour)
		named("a", later)
		t.must(len(t.s.Ended("q")) == 0, "a message that was put ended")
		named("b", later)
		ended := t.s.Ended("q")
		t.must(slices.Equal(ended, []string{"k-a"}), "replaced: %q", ended)
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "n", Cancel: true}}})
		ended = t.s.Ended("q")
		t.must(slices.Equal(ended, []string{"k-b"}), "dropped: %q", ended)
		named("c", time.Now().Add(-time.Second))
		c := t.one("q")
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "n", Cancel: true}}})
		t.is(t.tryCommit(&hub.Unit{Input: c}), hub.ErrConflict)
		t.put("q", "d")
		t.finish(t.one("q"), hub.Finish{})
		t.must(len(t.s.Ended("q")) == 0, "one that was claimed, or done, is told")
	}},
	{"named_wake", "a message that waits is due at once when it is woken by its name; any other stays as it is", func(t *storeTest) {
		put := func(puts ...hub.Put) { t.commit(&hub.Unit{Puts: puts}) }
		later := time.Now().Add(time.Hour)
		wake := hub.Put{Queue: "q", Name: "n", Wake: true}
		put(wake, hub.Put{Queue: "nowhere", Name: "n", Wake: true})
		put(hub.Put{Queue: "q", Name: "n", Msg: message("a"), Due: later}, hub.Put{Queue: "q", Name: "o", Msg: message("b"), Due: later})
		t.holds("q")
		put(wake)
		a := t.one("q")
		t.must(a.Msg.ID == "a", "woke %s", a.Msg.ID)
		put(wake) // one that is claimed stays with who has it
		t.finish(a, hub.Finish{})
		put(wake)
		t.holds("q")
		put(hub.Put{Queue: "q", Name: "n", Msg: message("c"), Due: later}, wake) // in one unit
		c := t.one("q")
		t.must(c.Msg.ID == "c", "woke %s", c.Msg.ID)
		t.finish(c, hub.Finish{})
		t.must(fmt.Sprint(ids(t.browse(store.BrowseQuery{Queue: "q"}))) == "[b]", "b is still there")
	}},
	{"named_cancel_ready", "a cancelled message is claimed by nobody", func(t *storeTest) {
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: message("a")}, {Queue: "q", Name: "n", Msg: message("b")}, {Queue: "q", Msg: message("c")}}})
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "n", Cancel: true}}})
		t.holds("q", "a", "c")
	}},
}
