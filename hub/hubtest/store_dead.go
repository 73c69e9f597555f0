package hubtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

var deadCases = []storeCase{
	{"dead_groups", "dead letters are grouped by cause, largest first, with the newest as sample", func(t *storeTest) {
		now := time.Now()
		for i, cause := range []string{"small", "big", "big", "big"} {
			t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: message(fmt.Sprint("m", i)), Error: failure(cause, now.Add(time.Duration(i)*time.Second)), Tries: 3}}})
		}
		t.put("q", "alive")
		d := t.one("q")
		t.finish(d, hub.Finish{State: hub.Dead, Tried: true, Error: failure("small", now.Add(time.Hour))})
		t.holds("q")
		g, err := t.s.DeadGroups(context.Background())
		t.ok(err)
		t.must(len(g) == 2 && g[0].Cause == "big" && g[0].Count == 3 && g[1].Count == 2, "groups %+v", g)
		t.must(g[0].First.Equal(now.Add(time.Second)) && g[0].Last.Equal(now.Add(3*time.Second)), "first %v, last %v", g[0].First, g[0].Last)
		t.must(g[0].Sample.Msg.ID == "m3" && g[0].Sample.Attempts == 3 && g[0].Sample.Error.Message == "big", "sample %+v", g[0].Sample)
		t.must(g[1].Sample.Msg.ID == "alive" && g[1].Sample.Attempts == 1, "sample %+v", g[1].Sample)
		t.must(len(t.browse(store.BrowseQuery{Cause: "big"})) == 3, "browse by cause")
	}},
	{"settle", "a unit replays and drops dead letters, all of them or none, together with what else it does", func(t *storeTest) {
		t.put("q", "a", "b", "c", "d")
		var seqs []int64
		for _, d := range t.holds("q", "a", "b", "c", "d") {
			seqs = append(seqs, d.Seq)
			if d.Msg.ID != "d" {
				t.finish(d, hub.Finish{State: hub.Dead, Tried: true, Error: failure("x", time.Now())})
			}
		}
		t.put("q", "e")
		for _, other := range []int64{seqs[3], 1 << 60} {
			t.is(t.tryCommit(&hub.Unit{Settles: []hub.Settle{{Seq: seqs[0], Replay: true}, {Seq: other}}, Inbox: "i", Puts: []hub.Put{{Queue: "q", Msg: message("never")}},
				Writes: []hub.Write{{Kind: "k", Key: "never", Value: []byte("v")}, {Kind: "k", Key: "neither", Value: []byte("v")}}}), hub.ErrConflict)
		}
		t.holds("q", "e")
		t.must(len(t.browse(store.BrowseQuery{State: hub.Dead})) == 3, "a unit that conflicts has settled something")
		_, err := t.s.Get(context.Background(), "k", "never")
		t.must(errors.Is(err, hub.ErrNotFound), "a unit that conflicts has written: %v", err)
		t.commit(&hub.Unit{Settles: []hub.Settle{{Seq: seqs[2], Replay: true}, {Seq: seqs[0], Replay: true}}, Writes: []hub.Write{{Kind: "k", Key: "done", Value: []byte("v")}}})
		batch := t.holds("q", "a", "c")
		t.must(batch[0].Attempts == 0 && batch[0].Error == nil && batch[0].State == hub.Ready && batch[0].Msg.Body.Len() > 0, "replayed %+v", batch[0])
		t.is(t.tryCommit(&hub.Unit{Settles: []hub.Settle{{Seq: seqs[0], Replay: true}}}), hub.ErrConflict)
		t.commit(&hub.Unit{Settles: []hub.Settle{{Seq: seqs[1]}}, Puts: []hub.Put{{Queue: "q", Msg: message("f")}}})
		t.holds("q", "f")
		t.must(len(t.browse(store.BrowseQuery{State: hub.Dead})) == 0, "a dead letter is left")
	}},
	{"queues", "Queues tells the depth of every queue that has messages", func(t *storeTest) {
		due, old := time.Now().Add(time.Hour), message("old")
		old.Time = time.Now().Add(-time.Hour).UTC()
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "a", Msg: old}, {Queue: "a", Msg: message("2")}, {Queue: "a", Msg: message("3"), Due: due},
			{Queue: "a", Msg: message("4"), Error: failure("x", time.Now())}, {Queue: "b", Msg: message("5")}, {Queue: "c", Msg: message("6")}}})
		t.finish(t.one("b"), hub.Finish{State: hub.Held})
		t.finish(t.one("c"), hub.Finish{})
		st, err := t.s.Queues(context.Background())
		t.ok(err)
		t.must(len(st) == 2 && st[0].Queue == "a" && st[1].Queue == "b", "queues %+v", st)
		t.must(st[0].Ready == 2 && st[0].Waiting == 1 && st[0].Dead == 1 && st[1].Held == 1 && st[1].Ready == 0, "depths %+v", st)
		t.must(st[0].Oldest.Equal(old.Time) && st[0].NextDue.Equal(due), "oldest %v, next due %v", st[0].Oldest, st[0].NextDue)
	}},
	{"browse", "Browse pages by sequence number and claims nothing", func(t *storeTest) {
		for i := range 25 {
			m := keyed(fmt.Sprintf("m%02d", i), fmt.Sprint("k", i%2))
			m.Correlation = fmt.Sprint("o", i%5)
			t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: m}}})
		}
		t.put("r", "other")
		t.put("children", "m08/1", "m08/1/2", "m08-1", "m080")
		var got []string
		for after := int64(0); ; {
			page := t.browse(store.BrowseQuery{Queue: "q", After: after, Limit: 10})
			if len(page) == 0 {
				break
			}
			got = append(got, ids(page)...)
			after = page[len(page)-1].Seq
		}
		t.must(len(got) == 25 && got[0] == "m00" && got[24] == "m24", "pages gave %v", got)
		for want, q := range map[int]store.BrowseQuery{30: {}, 13: {Key: "k0"}, 5: {Correlation: "o3"}, 1: {ID: "m07"}, 0: {ID: "m07", State: hub.Dead}, 3: {Root: "m08"}, 12: {State: hub.Ready, Queue: "q", Key: "k1"}} {
			t.must(len(t.browse(q)) == want, "%+v found %d, want %d", q, len(t.browse(q)), want)
		}
		_, got = t.claim("q", 100)
		t.must(len(got) == 25, "claimed %d of 25", len(got))
	}},
	{"browse_behind", "a ready message is found by its ID, its root and its correlation however many came behind it, if its unit has history", func(t *storeTest) {
		first, child := message("old"), message("old/1")
		first.Correlation, child.Correlation = "W-1", "W-1"
		t.commit(&hub.Unit{Root: "old", Correlation: "W-1", Puts: []hub.Put{{Queue: "q", Msg: first}, {Queue: "r", Msg: child}}, History: []hub.Event{{Message: "old", What: "sent"}}})
		for range 12 {
			u := &hub.Unit{}
			for i := range 1000 {
				u.Puts = append(u.Puts, hub.Put{Queue: "q", Msg: message(fmt.Sprint("new", i))})
			}
			t.commit(u)
		}
		for want, q := range map[int]store.BrowseQuery{1: {ID: "old/1"}, 2: {Root: "old"}, 3: {Correlation: "W-1", Limit: 3}} {
			t.must(len(t.browse(q)) == min(want, 2), "%+v found %d", q, len(t.browse(q)))
		}
		t.must(len(t.browse(store.BrowseQuery{ID: "old", State: hub.Ready, Queue: "q"})) == 1, "not found in its queue")
		t.must(len(t.browse(store.BrowseQuery{Root: "old", State: hub.Dead})) == 0, "found among the dead")
	}},
}

var awaitCases = []storeCase{
	{"awaiting", "Awaiting groups what waits after a failure, by queue and by what it awaits; what waits for its time is not among it", func(t *storeTest) {
		later := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		t.commit(&hub.Unit{Puts: []hub.Put{
			{Queue: "q", Msg: message("timer"), Due: later},
			{Queue: "q", Msg: message("first"), Due: later, Await: "billing"},
			{Queue: "p", Msg: message("other"), Due: later, Await: "billing", Error: failure("g", time.Now())}}})
		t.put("q", "second", "third")
		for i, d := range t.holds("q", "second", "third") {
			await := []string{"billing", ""}[i]
			t.finish(d, hub.Finish{State: hub.Waiting, Due: later.Add(time.Minute), Tried: true, Error: failure("group", time.Now()), Await: await})
		}
		got, err := t.s.Awaiting(context.Background())
		t.ok(err)
		t.must(len(got) == 3 && got[0].Queue == "p" && got[1].Queue == "q" && got[1].For == "billing" && got[2].For == "group", "%+v", got)
		t.must(got[1].Count == 2 && got[1].Next.Equal(later) && got[1].Sample.Msg.ID == "first" && got[2].Sample.Error.Message == "group", "%+v", got)
	}},
	{"hasten", "Hasten makes what awaits a part due now, the earliest first, and nothing else", func(t *storeTest) {
		later := time.Now().Add(time.Hour)
		t.commit(&hub.Unit{Puts: []hub.Put{
			{Queue: "q", Msg: message("b"), Due: later.Add(time.Minute), Await: "billing"},
			{Queue: "q", Msg: message("a"), Due: later, Await: "billing"},
			{Queue: "q", Msg: message("timer"), Due: later},
			{Queue: "q", Msg: message("mail"), Due: later, Await: "mail"}}})
		t.holds("q")
		for _, id := range []string{"a", "b"} {
			n, err := t.s.Hasten(context.Background(), "billing", 1)
			t.ok(err)
			t.must(n == 1, "hastened %d, want 1", n)
			t.finish(t.holds("q", id)[0], hub.Finish{})
		}
		n, err := t.s.Hasten(context.Background(), "billing", 10)
		t.ok(err)
		t.must(n == 0, "hastened %d, want none", n)
		t.holds("q")
	}},
}
