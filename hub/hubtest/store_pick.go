package hubtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// pick claims the messages of the queue by their IDs.
func (t *storeTest) pick(queue string, names ...string) []*hub.Delivery {
	t.Helper()
	var seqs []int64
	for _, d := range t.browse(store.BrowseQuery{Queue: queue}) {
		if slices.Contains(names, d.Msg.ID) {
			seqs = append(seqs, d.Seq)
		}
	}
	slices.Reverse(seqs) // the order of the numbers does not matter
	out, err := t.s.Pick(context.Background(), queue, append(seqs, 1<<60), time.Minute)
	t.ok(err)
	return out
}

var pickCases = []storeCase{
	{"pick", "Pick claims the messages that are named and nobody has; a unit moves each once, and the others stay in their order", func(t *storeTest) {
		t.put("q", "a", "b", "c", "d", "e")
		t.put("other", "x")
		first := t.one("q")
		got := t.pick("q", "d", "b", "a", "x")
		t.must(fmt.Sprint(ids(got)) == "[b d]", "picked %v: a is claimed, x is in another queue", ids(got))
		t.must(len(t.pick("q", "b", "d")) == 0, "picked twice")
		for _, d := range got {
			t.commit(&hub.Unit{Input: d, Puts: []hub.Put{{Queue: "to", Msg: d.Msg}}})
			t.is(t.tryCommit(&hub.Unit{Input: d, Puts: []hub.Put{{Queue: "to", Msg: d.Msg}}}), hub.ErrLost)
		}
		t.ok(t.s.Release(context.Background(), []*hub.Delivery{first}))
		t.holds("to", "b", "d")
		t.holds("q", "a", "c", "e")
	}},
	{"pick_released", "what was picked and is released is claimed in its old place", func(t *storeTest) {
		t.put("q", "a", "b", "c")
		t.ok(t.s.Release(context.Background(), t.pick("q", "b", "a")))
		t.holds("q", "a", "b", "c")
	}},
	{"pick_any_state", "waiting, held and dead messages are picked as well, with what is known of them", func(t *storeTest) {
		due := time.Now().Add(time.Hour).UTC().Round(0)
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: keyed("held", "k")}}})
		t.finish(t.one("q"), hub.Finish{State: hub.Held})
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: keyed("retry", "k"), Due: due, Error: failure("x", due), Await: "billing", Tries: 2},
			{Queue: "q", Msg: message("dead"), Error: failure("y", due)}, {Queue: "q", Msg: message("later"), Due: due}}})
		got := t.pick("q", "held", "retry", "dead", "later")
		t.must(fmt.Sprint(ids(got)) == "[held retry dead later]", "picked %v", ids(got))
		t.must(got[0].State == hub.Held && got[1].State == hub.Waiting && got[2].State == hub.Dead, "states %v %v %v", got[0].State, got[1].State, got[2].State)
		t.must(got[1].Due.Equal(due) && got[1].Attempts == 2 && got[1].Await == "billing" && got[1].Error.Cause == "x", "the retry is %+v", got[1])
		t.must(got[3].Await == "" && got[3].Error == nil, "one that is due later is %+v", got[3])
		for _, d := range got {
			t.finish(d, hub.Finish{})
		}
		t.must(len(t.browse(store.BrowseQuery{Queue: "q"})) == 0, "something is left")
		st, err := t.s.Queues(context.Background())
		t.ok(err)
		t.must(len(st) == 0, "depths %+v", st)
	}},
	{"pick_frees", "the reader of the queue hears of the key of a message that was picked and is gone, and of no other", func(t *storeTest) {
		t.put("q", "begin") // the queue has a reader
		t.holds("q", "begin")
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: keyed("retry", "k"), Due: time.Now().Add(time.Hour), Error: failure("x", time.Now())},
			{Queue: "q", Msg: keyed("stays", "k2"), Due: time.Now().Add(time.Hour), Error: failure("x", time.Now())}}})
		t.s.Ended("q")
		got := t.pick("q", "retry", "stays")
		t.must(len(t.s.Ended("q")) == 0, "told before it is gone")
		t.finish(got[0], hub.Finish{})
		t.ok(t.s.Release(context.Background(), got[1:]))
		ended := t.s.Ended("q")
		t.must(fmt.Sprint(ended) == "[k]", "ended %v", ended)
		keys, err := t.s.Retrying(context.Background(), "q")
		t.ok(err)
		t.must(fmt.Sprint(keys) == "[k2]", "retrying %v", keys)
	}},
	{"pick_beside_claims", "messages that are picked while others are claimed go to one of the two", func(t *storeTest) {
		const n = 300
		var names []string
		for i := range n {
			names = append(names, fmt.Sprintf("m%03d", i))
			t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: keyed(names[i], fmt.Sprint(i%7))}}})
		}
		all := t.browse(store.BrowseQuery{Queue: "q", Limit: n})
		done := make(chan error, 1)
		go func() {
			for i := 0; i < n; i += 3 {
				got, err := t.s.Pick(context.Background(), "q", []int64{all[i].Seq, all[(i*7)%n].Seq}, time.Minute)
				for _, d := range got {
					if err == nil {
						err = t.s.Commit(context.Background(), &hub.Unit{Input: d, Puts: []hub.Put{{Queue: "picked", Msg: d.Msg}}})
					}
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		seen := map[string]int{}
		take := func(queue string) int {
			batch, _, err := t.s.Claim(context.Background(), queue, 5, time.Minute)
			t.ok(err)
			for _, d := range batch {
				seen[d.Msg.ID]++
				t.commit(&hub.Unit{Input: d})
			}
			return len(batch)
		}
		for ended := false; !ended; {
			select {
			case err := <-done:
				t.ok(err)
				ended = true
			default:
				take("q")
			}
		}
		for take("q")+take("picked") > 0 {
		}
		for _, name := range names {
			t.must(seen[name] == 1, "%s was handled %d times", name, seen[name])
		}
	}},
}
