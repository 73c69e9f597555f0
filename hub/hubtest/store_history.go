package hubtest

import (
	"context"
	"fmt"
	"time"

	"orderhub/hub"
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
	{"history_sweep", "Sweep deletes history older than keep", func(t *storeTest) {
		t.note("r1", "", "old", "r9")
		time.Sleep(2 * time.Millisecond)
		n, err := t.s.Sweep(context.Background(), time.Millisecond, 100)
		t.ok(err)
		t.must(n == 1 && len(t.story("r1")) == 0, "swept %d", n)
		t.note("r1", "", "new")
		n, err = t.s.Sweep(context.Background(), time.Hour, 100)
		t.ok(err)
		t.must(n == 0 && len(t.story("r1")) == 1, "swept %d", n)
	}},
}
