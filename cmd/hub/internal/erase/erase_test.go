package erase

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/memory"
)

func TestPerson(t *testing.T) {
	p := Person{"ann@x.com", "c-17", "ü-ann@x.de"}
	for text, want := range map[string]bool{
		"ann@x.com": true, `{"mail":"Ann@X.com"}`: true, "to ann@x.com.": true, "Ann <ann@x.com>, ": true, `"a\nann@x.com"`: true, `\u003cann@x.com\u003e`: true,
		"/C-17/": true, "c-17": true, "joann@x.com, ann@x.com": true, "ann@x.comann@x.com ann@x.com": true, "mailto:ann@x.com?subject=1": true, "Ü-ann@x.de": true,
		"joann@x.com": false, "ann@x.com.au": false, "ann@x.company": false, "c-171": false, "abc-17": false, "c-17-2": false, "ann+a@x.com": false, "x.ann@x.com": false,
		"": false, "aann@x.com ann@x.co": false, "ü-ü-ann@x.de": false,
	} {
		if got := p.In(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

var ctx = context.Background()

// filled is a store in which two people left something in each place.
func filled(t *testing.T) store.Store {
	t.Helper()
	s := memory.New(store.Options{})
	for i, mail := range []string{"ann@x.com", "joann@x.com"} {
		id, corr := fmt.Sprint("m", i), fmt.Sprint("W-", i)
		m := func(suffix string) *hub.Message {
			return &hub.Message{ID: id + suffix, Correlation: corr, Body: hub.NewBody([]byte(`{"mail":"` + mail + `"}`))}
		}
		plain := &hub.Message{ID: id + "/plain", Correlation: corr, Body: hub.NewBody([]byte("says nothing"))}
		named := &hub.Message{ID: id + "/header", Headers: hub.Headers{"to": mail}}
		reply, _ := json.Marshal(map[string]any{"ID": "r", "Correlation": "", "Body": []byte("dear " + mail)})
		event := func(detail string) []hub.Event {
			return []hub.Event{{Time: time.Now(), Message: id, What: "did", Detail: detail}}
		}
		for _, u := range []*hub.Unit{
			{Puts: []hub.Put{{Queue: "kept", Msg: m("/1")}, {Queue: "kept", Msg: plain}, {Queue: "kept", Msg: named},
				{Queue: "in", Msg: m("/2"), Error: &hub.Failure{Message: "no", Cause: "c"}}}},
			{Writes: []hub.Write{{Kind: "process order", Key: corr, Value: []byte(`{"closed":1,"vars":{}}`)}, {Kind: "reply", Key: "s " + id, Value: reply},
				{Kind: "table people", Key: id, Value: []byte(`["` + mail + `"]`)}, {Kind: "table orders", Key: corr, Value: []byte(`{}`)}, {Kind: "key", Key: mail, Value: []byte("1")},
				{Kind: "audit", Key: id, Value: []byte(mail)}}},
			{Refused: []hub.Refusal{{ID: id, Correlation: corr, Source: "web", Reason: "x"}, {ID: id + "b", Source: "web", Reason: "x", Begins: mail}}},
			{Root: id, History: event("received"), Terms: []int64{int64(i) + 100}},
			{Root: id, Correlation: corr, History: event("first")},
			{Root: "other" + id, History: event("told " + mail)},
			{Root: "file", Correlation: corr, History: event("one of many")},
		} {
			if err := s.Commit(ctx, u); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Commit(ctx, &hub.Unit{Root: "file", History: []hub.Event{{What: "read"}}, Terms: []int64{100, 101}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func find(t *testing.T, s store.Store, reads ...string) *Found {
	t.Helper()
	f, err := Find(ctx, s, Person{"ann@x.com"}, []int64{100}, func(queue string) bool { return slices.Contains(reads, queue) })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFind: all of the one person is found, by what it says and by its order, and nothing of the other; what many share stays but where it is known to name the person.
func TestFind(t *testing.T) {
	s := filled(t)
	f := find(t, s)
	if fmt.Sprint(f.Orders) != "[W-0]" || f.Messages != 4 || f.Refusals != 2 || f.Audit != 1 || len(f.UnderWay) > 0 || len(f.Idle["kept"]) != 3 {
		t.Errorf("%+v", f)
	}
	if want := []string{"key ann@x.com", "process order W-0", "reply s m0", "table orders W-0", "table people m0"}; fmt.Sprint(f.Records) != fmt.Sprint(want) {
		t.Errorf("records %q", f.Records)
	}
	if f.History != 5 { // received, first, told, one of many, and read, which the index knows the person by
		t.Errorf("%d rows", f.History)
	}
	for _, u := range f.Units() {
		if err := s.Commit(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	picked, err := s.Pick(ctx, "kept", f.Idle["kept"], time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range picked {
		if err := s.Commit(ctx, &hub.Unit{Input: d}); err != nil {
			t.Fatal(err)
		}
	}
	if f := find(t, s); f.Any() || f.Audit != 1 {
		t.Errorf("left: %+v", f)
	}
	other, err := Find(ctx, s, Person{"joann@x.com"}, []int64{101}, func(string) bool { return false })
	if err != nil || other.Messages != 4 || len(other.Records) != 5 || other.Refusals != 2 || other.History != 4 {
		t.Errorf("of the other is left: %+v %v", other, err)
	}
}

// TestUnderWay: what is not over is told, and is not among what is erased.
func TestUnderWay(t *testing.T) {
	s := filled(t)
	u := &hub.Unit{Writes: []hub.Write{{Kind: "process order", Key: "W-0", Value: []byte(`{"vars":{}}`), IfVersion: hub.AnyVersion}, {Kind: "group 1", Key: "m", Value: []byte(`"ann@x.com"`)}}}
	if err := s.Commit(ctx, u); err != nil {
		t.Fatal(err)
	}
	f := find(t, s, "kept")
	text := fmt.Sprint(f.UnderWay)
	if len(f.UnderWay) != 5 || !strings.Contains(text, "hub process cancel order/W-0") || !strings.Contains(text, "a group waits") || strings.Count(text, "kept message") != 3 {
		t.Errorf("%v", f.UnderWay)
	}
	if strings.Contains(fmt.Sprint(f.Records), "process order") {
		t.Errorf("an instance that has not ended: %v", f.Records)
	}
}
