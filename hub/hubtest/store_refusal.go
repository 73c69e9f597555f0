package hubtest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

func refusal(id, source, reason string) hub.Refusal {
	return hub.Refusal{ID: id, Time: time.Now().UTC().Round(0), Source: source, Class: hub.Invalid, Reason: reason, Text: "no"}
}

// refusals are the IDs of what a query finds.
func (t *storeTest) refusals(q store.RefusalQuery) (out []string) {
	t.Helper()
	list, err := t.s.Refusals(context.Background(), q)
	t.ok(err)
	for _, r := range list {
		out = append(out, r.ID)
	}
	return out
}

// flood commits n refusals of one kind.
func (t *storeTest) flood(source, reason string, n int) {
	t.Helper()
	for done := 0; done < n; {
		u := &hub.Unit{}
		for ; done < n && len(u.Refused) < 500; done++ {
			u.Refused = append(u.Refused, refusal(fmt.Sprintf("%s.%s.%d", source, reason, done), source, reason))
		}
		t.commit(u)
	}
}

var refusalCases = []storeCase{
	{"refusals", "refusals are found by ID, correlation, source and reason, newest first, page by page", func(t *storeTest) {
		order := refusal("c", "web", "schema")
		order.Correlation = "O-1"
		t.commit(&hub.Unit{Refused: []hub.Refusal{refusal("a", "web", "bad_json"), refusal("b", "files", "bad_csv")}})
		t.commit(&hub.Unit{Refused: []hub.Refusal{order, refusal("d", "web", "bad_json")}})
		for want, q := range map[string]store.RefusalQuery{
			"[d c b a]": {}, "[b]": {ID: "b"}, "[c]": {Correlation: "O-1"}, "[d c a]": {Source: "web"}, "[d a]": {Source: "web", Reason: "bad_json"},
			"[d c]": {Limit: 2}, "[]": {ID: "nobody"},
		} {
			got := t.refusals(q)
			t.must(fmt.Sprint(got) == want, "%+v finds %v, want %s", q, got, want)
		}
		list, err := t.s.Refusals(context.Background(), store.RefusalQuery{Limit: 2})
		t.ok(err)
		got := t.refusals(store.RefusalQuery{Before: list[1].Seq})
		t.must(fmt.Sprint(got) == "[b a]", "the second page is %v", got)
	}},
	{"refusal_whole", "a refusal comes back as it was committed, with its place in the store", func(t *storeTest) {
		r := hub.Refusal{ID: "r\x00\xf0\x9f\x9b\x92", Time: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), Source: "web POST /orders", Class: "too_late", Reason: "x", Text: "tab\t <é>",
			Fields: []hub.FieldError{{Pointer: "/a/0", Detail: "is no text"}}, Where: "orders/validate", Line: "f.yaml:3", Correlation: "O\n1",
			ContentType: "application/json", Size: 12, Begins: "{\"a\":[1]}\n", Skipped: 9}
		t.commit(&hub.Unit{Refused: []hub.Refusal{r}})
		list, err := t.s.Refusals(context.Background(), store.RefusalQuery{ID: r.ID, Correlation: r.Correlation})
		t.ok(err)
		t.must(len(list) == 1 && list[0].Seq > 0, "%+v", list)
		r.Seq = list[0].Seq
		t.must(fmt.Sprintf("%+v", list[0]) == fmt.Sprintf("%+v", r), "%+v, want %+v", list[0], r)
	}},
	{"refusal_atomic", "a unit that does not commit refuses nothing", func(t *storeTest) {
		t.commit(&hub.Unit{Inbox: "m"})
		err := t.tryCommit(&hub.Unit{Inbox: "m", Refused: []hub.Refusal{refusal("a", "web", "x")}})
		t.is(err, hub.ErrDuplicate)
		t.must(len(t.refusals(store.RefusalQuery{})) == 0, "a refusal is there")
	}},
	{"refusal_bounds", "of each kind the newest MaxRefusalsOfKind are kept, of all the newest MaxRefusals; a flood of one kind leaves the others", func(t *storeTest) {
		t.commit(&hub.Unit{Refused: []hub.Refusal{refusal("first", "web", "schema")}})
		t.flood("web", "signature_invalid", store.MaxRefusalsOfKind+700)
		got := t.refusals(store.RefusalQuery{Limit: store.MaxRefusals})
		t.must(len(got) == store.MaxRefusalsOfKind+1 && got[len(got)-1] == "first", "%d rows, the oldest is %s", len(got), got[len(got)-1])
		t.must(got[0] == fmt.Sprintf("web.signature_invalid.%d", store.MaxRefusalsOfKind+699), "the newest is %s", got[0])
		for i := range store.MaxRefusals/store.MaxRefusalsOfKind + 1 {
			t.flood("web", fmt.Sprintf("kind%d", i), store.MaxRefusalsOfKind)
		}
		got = t.refusals(store.RefusalQuery{Limit: 2 * store.MaxRefusals})
		t.must(len(got) == store.MaxRefusals && strings.HasPrefix(got[len(got)-1], "web.kind1."), "%d rows, the oldest is %s", len(got), got[len(got)-1])
	}},
	{"refusal_sweep", "Sweep deletes refusals older than keep", func(t *storeTest) {
		t.commit(&hub.Unit{Refused: []hub.Refusal{refusal("old", "web", "x"), refusal("older", "web", "x")}})
		time.Sleep(2 * time.Millisecond)
		n, err := t.sweep(time.Millisecond)
		t.ok(err)
		t.must(n == 2 && len(t.refusals(store.RefusalQuery{})) == 0, "swept %d", n)
		t.commit(&hub.Unit{Refused: []hub.Refusal{refusal("new", "web", "x")}})
		n, err = t.sweep(time.Hour)
		t.ok(err)
		t.must(n == 0 && len(t.refusals(store.RefusalQuery{})) == 1, "swept %d", n)
	}},
	{"refusal_counts", "CountRefused tells each source and reason with its newest, the kind that came last first", func(t *storeTest) {
		t.commit(&hub.Unit{Refused: []hub.Refusal{refusal("a", "web", "x")}, Adds: []hub.Add{{Kind: store.RefusedCounter, Key: "web\x00x", Delta: 7}}})
		t.commit(&hub.Unit{Refused: []hub.Refusal{refusal("b", "web", "y")}, Adds: []hub.Add{{Kind: store.RefusedCounter, Key: "web\x00y", Delta: 1}, {Kind: store.RefusedCounter, Key: "web\x00x", Delta: 2}}})
		counts, err := store.CountRefused(context.Background(), t.s)
		t.ok(err)
		t.must(len(counts) == 2 && counts[0].Reason == "y" && counts[0].Last.ID == "b" && counts[1].Count == 9 && counts[1].Source == "web", "%+v", counts)
	}},
}
