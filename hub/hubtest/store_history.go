package hubtest

import (
	"context"
	"fmt"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// note commits a unit of history only.
func (t *storeTest) note(root, correlation, what string, links ...string) {
	t.Helper()
	t.commit(&hub.Unit{Root: root, Correlation: correlation, History: []hub.Event{{Time: time.Now().UTC().Round(0), Message: root, Where: "p/s", What: what, Links: links}}})
}

func (t *storeTest) story(id string) (out []string) {
	t.Helper()
	rows, err := t.s.History(context.Background(), id)
	t.ok(err)
	for _, r := range rows {
		for _, e := range r.Events {
			out = append(out, e.What)
		}
	}
	return out
}

var historyCases = []storeCase{
	{"history", "history is found by root and by correlation, oldest first", func(t *storeTest) {
		t.note("r1", "", "received")
		t.note("r1", "order-1", "valid")
		t.note("r2", "order-1", "paid")
		t.note("r2", "", "sent")
		t.note("r3", "order-2", "unrelated")
		for _, id := range []string{"r1", "r2", "order-1"} {
			got := t.story(id)
			t.must(fmt.Sprint(got) == "[received valid paid sent]", "history of %s: %v", id, got)
		}
		t.must(len(t.story("nobody")) == 0, "history of nobody")
	}},
	{"history_erased", "what a unit erases of history and refusals is found by nothing any more, and nothing else is missing", func(t *storeTest) {
		t.commit(&hub.Unit{Root: "r1", Correlation: "o", Terms: []int64{7}, Refused: []hub.Refusal{refusal("a", "web", "x"), refusal("b", "web", "x")},
			History: []hub.Event{{Time: time.Now(), Message: "r1", What: "first", Links: []string{"r0"}}}})
		t.commit(&hub.Unit{Root: "r2", Correlation: "o", Terms: []int64{7}, History: []hub.Event{{Time: time.Now(), Message: "r2", What: "second"}}})
		rows, err := t.s.History(context.Background(), "r1")
		t.ok(err)
		refused, err := t.s.Refusals(context.Background(), store.RefusalQuery{ID: "a"})
		t.ok(err)
		t.must(len(rows) == 2 && len(refused) == 1, "rows %+v, refused %+v", rows, refused)
		u := &hub.Unit{Erases: []int64{rows[0].Seq, refused[0].Seq, 1 << 40}}
		t.must(u.Effects(), "a unit that erases has no effect")
		t.commit(u)
		for id, want := range map[string]string{"r1": "[]", "r0": "[]", "o": "[second]"} {
			t.must(fmt.Sprint(t.story(id)) == want, "history of %s: %v", id, t.story(id))
		}
		found, err := t.s.Find(context.Background(), store.FindQuery{Terms: []int64{7}})
		t.ok(err)
		t.must(len(found) == 1 && found[0].Root == "r2", "found %+v", found)
		t.must(fmt.Sprint(t.refusals(store.RefusalQuery{})) == "[b]", "refusals %v", t.refusals(store.RefusalQuery{}))
	}},
	{"history_links", "history follows Links in both directions", func(t *storeTest) {
		t.note("a", "", "a1")
		t.note("b", "", "b1")
		t.note("c", "", "joined", "a", "b")
		for _, id := range []string{"a", "b", "c"} {
			t.must(fmt.Sprint(t.story(id)) == "[a1 b1 joined]", "history of %s: %v", id, t.story(id))
		}
	}},
	{"history_events", "an event comes back as it was noted", func(t *storeTest) {
		e := hub.Event{Time: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), Took: 1500, Message: "r/1", Where: "p/\"s\"", Line: "f.yaml:3", What: "sent", Detail: "tab\t é 🛒 \\ </script>", Links: []string{"x", "y"}}
		t.commit(&hub.Unit{Root: "r", Correlation: "o", History: []hub.Event{e, {Time: e.Time, What: "second"}}})
		rows, err := t.s.History(context.Background(), "r")
		t.ok(err)
		t.must(len(rows) == 1 && rows[0].Root == "r" && rows[0].Correlation == "o" && len(rows[0].Events) == 2, "rows %+v", rows)
		t.must(fmt.Sprintf("%+v", rows[0].Events[0]) == fmt.Sprintf("%+v", e), "%+v, want %+v", rows[0].Events[0], e)
	}},
	{"history_last", `"last" is the newest root that came from outside`, func(t *storeTest) {
		t.must(len(t.story("last")) == 0, "history of an empty store")
		t.note("r1", "", "received")
		t.note("r2", "", "received")
		t.note("r1", "", "sent")
		t.put("q", "r3")
		t.commit(&hub.Unit{Input: t.one("q"), Root: "r3", History: []hub.Event{{What: "received", Message: "r3"}}})
		t.must(fmt.Sprint(t.story("last")) == "[received]", "%v", t.story("last"))
		rows, err := t.s.History(context.Background(), "last")
		t.ok(err)
		t.must(rows[0].Root == "r2", "last is %s", rows[0].Root)
	}},
	{"history_past", "the history of past units is kept in rows of their own, with the unit that brings it", func(t *storeTest) {
		past := func(root string) *hub.Unit {
			return &hub.Unit{Root: root, Correlation: "o", History: []hub.Event{{Message: root, What: "passed " + root}}}
		}
		t.commit(&hub.Unit{Past: []*hub.Unit{past("r1"), past("r2")}})
		t.must(fmt.Sprint(t.story("o")) == "[passed r1 passed r2]", "%v", t.story("o"))
	}},
	{"history_trace", "history has its span, and is found by the trace of a message from outside, but a message does not bring what else is of its trace", func(t *storeTest) {
		span := hub.Span{TraceContext: hub.TraceContext{Trace: hub.TraceID{1, 2}, Span: hub.SpanID{3}}, Parent: hub.SpanID{4}}
		for _, root := range []string{"r1", "r2"} {
			t.commit(&hub.Unit{Root: root, Span: span, History: []hub.Event{{Message: root, What: "received"}}})
		}
		t.note("r1", "", "sent")
		t.must(fmt.Sprint(t.story(span.Trace.String())) == "[received received sent]", "%v", t.story(span.Trace.String()))
		own := hub.Span{TraceContext: hub.TraceContext{Trace: hub.TraceOf("N"), Span: hub.SpanID{3}}} // which nobody else knows
		t.commit(&hub.Unit{Root: "N", Span: own, History: []hub.Event{{Message: "N", What: "received"}}})
		t.commit(&hub.Unit{Root: "N", Span: own, History: []hub.Event{{Message: "N/1", What: "booked"}}})
		t.must(fmt.Sprint(t.story(own.Trace.String())) == "[received booked]", "%v", t.story(own.Trace.String()))
		rows, err := t.s.History(context.Background(), "r1")
		t.ok(err)
		t.must(len(rows) == 2 && fmt.Sprintf("%+v", rows[0].Span) == fmt.Sprintf("%+v", span), "%+v, want the span %+v", rows, span)
	}},
	{"history_sweep", "Sweep deletes history older than keep", func(t *storeTest) {
		t.note("r1", "", "old", "r9")
		time.Sleep(2 * time.Millisecond)
		n, err := t.sweep(time.Millisecond)
		t.ok(err)
		t.must(n == 1 && len(t.story("r1")) == 0, "swept %d", n)
		t.note("r1", "", "new")
		n, err = t.sweep(time.Hour)
		t.ok(err)
		t.must(n == 0 && len(t.story("r1")) == 1, "swept %d", n)
	}},
	{"history_keep", "history of a unit with a Keep goes when that is over, and not before; other history goes round it", func(t *storeTest) {
		for i, keep := range []time.Duration{0, time.Hour, time.Millisecond, 0, time.Hour, 0} {
			root := fmt.Sprint("r", i)
			t.commit(&hub.Unit{Root: root, Keep: keep, Terms: []int64{7}, History: []hub.Event{{Message: root, What: "received", Links: []string{"l"}}}})
		}
		time.Sleep(2 * time.Millisecond)
		left := func() (roots []string) {
			rows, err := t.s.Find(context.Background(), store.FindQuery{Terms: []int64{7}})
			t.ok(err)
			for _, r := range rows {
				roots = append(roots, r.Root)
			}
			t.must(len(t.story("l")) == len(roots), "found by a link: %v", t.story("l"))
			return roots
		}
		n, err := t.sweep(time.Hour)
		t.ok(err)
		t.must(n == 1 && fmt.Sprint(left()) == "[r5 r4 r3 r1 r0]", "swept %d, left %v: its own time is over of r2", n, left())
		n, err = t.sweep(time.Millisecond)
		t.ok(err)
		t.must(n == 3 && fmt.Sprint(left()) == "[r4 r1]", "swept %d, left %v: r1 and r4 have an hour", n, left())
		t.commit(&hub.Unit{Root: "r6", Terms: []int64{7}, History: []hub.Event{{Message: "r6", What: "received", Links: []string{"l"}}}})
		time.Sleep(2 * time.Millisecond)
		n, err = t.sweep(time.Millisecond)
		t.ok(err)
		t.must(n == 1 && fmt.Sprint(left()) == "[r4 r1]", "swept %d, left %v", n, left())
		n, err = t.sweep(0)
		t.ok(err)
		t.must(n == 0, "swept %d where all is kept", n)
	}},
	{"sweep_parts", "Sweep deletes as much as it may, the oldest first, and says that there is more", func(t *storeTest) {
		for i := range 25 {
			t.note(fmt.Sprint("r", i), "", "old")
		}
		time.Sleep(2 * time.Millisecond)
		for i, want := range []int{10, 10, 5} {
			n, more, err := t.s.Sweep(context.Background(), store.Retention{History: time.Millisecond}, 10)
			t.ok(err)
			t.must(n == want && more == (n == 10), "sweep %d: %d rows, more: %v", i, n, more)
			t.must(len(t.story(fmt.Sprint("r", 10*i))) == 0 && (i == 2 || len(t.story(fmt.Sprint("r", 10*i+10))) == 1), "sweep %d does not take the oldest", i)
		}
	}},
}

// sweep deletes what is over, of history and refusals what is older than keep, and tells how much.
func (t *storeTest) sweep(keep time.Duration) (int, error) {
	n, more, err := t.s.Sweep(context.Background(), store.Retention{History: keep, Refusals: keep}, 100)
	t.must(!more || n == 100, "%d swept, and there is more", n)
	return n, err
}

var findCases = []storeCase{
	{"find", "rows of the history are found by their terms, newest first, in pages, and between times", func(t *storeTest) {
		begin := time.Now()
		for i := range 30 {
			terms := []int64{int64(i % 3), -7}
			t.commit(&hub.Unit{Root: fmt.Sprint("r", i), Correlation: fmt.Sprint("o", i), Terms: terms,
				History: []hub.Event{{Time: time.Now().UTC(), What: "received", Message: fmt.Sprint("r", i)}}})
		}
		find := func(q store.FindQuery) (roots []string, next int64) {
			rows, err := t.s.Find(context.Background(), q)
			t.ok(err)
			for _, r := range rows {
				roots, next = append(roots, r.Root), r.Seq
			}
			return roots, next
		}
		got, next := find(store.FindQuery{Terms: []int64{1}, Limit: 4})
		t.must(fmt.Sprint(got) == "[r28 r25 r22 r19]", "%v", got)
		got, _ = find(store.FindQuery{Terms: []int64{1}, Limit: 4, Before: next})
		t.must(fmt.Sprint(got) == "[r16 r13 r10 r7]", "the next page: %v", got)
		got, _ = find(store.FindQuery{Terms: []int64{0, 2, -7}, Limit: 5})
		t.must(fmt.Sprint(got) == "[r29 r28 r27 r26 r25]", "each row once: %v", got)
		got, _ = find(store.FindQuery{Terms: []int64{99}})
		t.must(len(got) == 0, "a term of nothing: %v", got)
		got, next = find(store.FindQuery{Limit: 3})
		t.must(fmt.Sprint(got) == "[r29 r28 r27]", "all rows: %v", got)
		got, _ = find(store.FindQuery{Limit: 100, Before: next})
		t.must(len(got) == 27, "the rest: %v", got)
		got, _ = find(store.FindQuery{Terms: []int64{1}, Since: begin.Add(-time.Hour), Until: time.Now().Add(time.Hour)})
		t.must(len(got) == 10, "between: %v", got)
		got, _ = find(store.FindQuery{Terms: []int64{1}, Since: time.Now().Add(time.Hour)})
		t.must(len(got) == 0, "since later: %v", got)
		got, _ = find(store.FindQuery{Terms: []int64{1}, Until: begin.Add(-time.Hour)})
		t.must(len(got) == 0, "until earlier: %v", got)
	}},
	{"find_swept", "terms go with their rows", func(t *storeTest) {
		t.commit(&hub.Unit{Root: "old", Terms: []int64{5}, History: []hub.Event{{What: "received"}}})
		time.Sleep(2 * time.Millisecond)
		n, err := t.sweep(time.Millisecond)
		t.ok(err)
		t.commit(&hub.Unit{Root: "new", Terms: []int64{5}, History: []hub.Event{{What: "received"}}})
		rows, err := t.s.Find(context.Background(), store.FindQuery{Terms: []int64{5}})
		t.ok(err)
		t.must(n == 1 && len(rows) == 1 && rows[0].Root == "new", "swept %d, found %+v", n, rows)
	}},
	{"kinds", "Kinds tells the kinds of records that begin so", func(t *storeTest) {
		for _, kind := range []string{"table b", "table a", "other"} {
			t.commit(&hub.Unit{Writes: []hub.Write{{Kind: kind, Key: "k", Value: []byte("1")}, {Kind: kind, Key: "k2", Value: []byte("1")}}})
		}
		kinds, err := t.s.Kinds(context.Background(), "table ")
		t.ok(err)
		t.must(fmt.Sprint(kinds) == "[table a table b]", "%v", kinds)
		kinds, err = t.s.Kinds(context.Background(), "nothing")
		t.ok(err)
		t.must(len(kinds) == 0, "%v", kinds)
	}},
}
