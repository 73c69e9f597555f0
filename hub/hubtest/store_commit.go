package hubtest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/store"
)

var commitCases = []storeCase{
	{"all_or_nothing", "Commit makes all of u durable, or nothing", func(t *storeTest) {
		t.commit(&hub.Unit{Writes: []hub.Write{{Kind: "k", Key: "old", Value: []byte("1")}}})
		u := &hub.Unit{Inbox: "in-1", Root: "r", Puts: []hub.Put{{Queue: "q", Msg: message("a")}, {Queue: "q", Name: "n", Msg: message("b")}},
			Adds:    []hub.Add{{Kind: "c", Key: "x", Delta: 1}},
			History: []hub.Event{{Message: "r", What: "received"}},
			Writes: []hub.Write{{Kind: "k", Key: "any", Value: []byte("1"), IfVersion: hub.AnyVersion},
				{Kind: "k", Key: "new", Value: []byte("1")}, {Kind: "k", Key: "old", Value: []byte("2"), IfVersion: 999_999}}}
		t.is(t.tryCommit(u), hub.ErrConflict)
		t.holds("q")
		for _, key := range []string{"new", "any"} {
			_, err := t.get("k", key)
			t.is(err, hub.ErrNotFound)
		}
		t.must(string(t.record("k", "old").Value) == "1", "the record was changed")
		n, err := t.s.Counters(context.Background(), "c", "")
		t.ok(err)
		t.must(n["x"] == 0, "the counter was changed")
		h, err := t.s.History(context.Background(), "r")
		t.ok(err)
		t.must(len(h) == 0, "history was written: %v", h)
		u.Writes = u.Writes[:2]
		t.commit(u)
		t.holds("q", "a", "b")
	}},
	{"inbox", "a unit whose inbox key is known is ErrDuplicate and changes nothing", func(t *storeTest) {
		u := func(id string) *hub.Unit {
			return &hub.Unit{Inbox: "m-1", Puts: []hub.Put{{Queue: "q", Msg: message(id)}}, Writes: []hub.Write{{Kind: "k", Key: id, Value: []byte("1")}}}
		}
		t.commit(u("a"))
		t.is(t.tryCommit(u("b")), hub.ErrDuplicate)
		t.holds("q", "a")
		_, err := t.get("k", "b")
		t.is(err, hub.ErrNotFound)
	}},
	{"inbox_of_a_conflict", "the inbox key of a unit that met a conflict is not kept: the message may come again", func(t *storeTest) {
		for _, writes := range [][]hub.Write{{write("x", "1", 77)}, {write("y", "1", 0), write("x", "1", 77)}} {
			t.is(t.tryCommit(&hub.Unit{Inbox: "m-1", Writes: writes}), hub.ErrConflict)
			_, err := t.get("k", "y")
			t.is(err, hub.ErrNotFound)
		}
		t.commit(&hub.Unit{Inbox: "m-1", Puts: []hub.Put{{Queue: "q", Msg: message("a")}}})
		t.holds("q", "a")
	}},
	{"input_conflict", "a message is consumed by one unit only", func(t *storeTest) {
		t.put("q", "a")
		d := t.one("q")
		t.commit(&hub.Unit{Input: d, Puts: []hub.Put{{Queue: "next", Msg: message("a/1")}}})
		t.is(t.tryCommit(&hub.Unit{Input: d, Puts: []hub.Put{{Queue: "next", Msg: message("a/2")}}}), hub.ErrConflict)
		t.holds("next", "a/1")
		t.holds("q")
		t.must(len(t.browse(store.BrowseQuery{Queue: "q"})) == 0, "the row is still there")
	}},
	{"released_conflict", "a unit whose input was released is ErrConflict", func(t *storeTest) {
		t.put("q", "a")
		d := t.one("q")
		t.ok(t.s.Release(context.Background(), []*hub.Delivery{d}))
		t.is(t.tryCommit(&hub.Unit{Input: d}), hub.ErrConflict)
		again := t.one("q")
		t.is(t.tryCommit(&hub.Unit{Input: d}), hub.ErrConflict)
		t.commit(&hub.Unit{Input: again})
	}},
	{"conflict_keeps_claim", "after ErrConflict nothing happened: the input is still claimed by its holder", func(t *storeTest) {
		t.put("q", "a")
		d := t.one("q")
		t.is(t.tryCommit(&hub.Unit{Input: d, Writes: []hub.Write{{Kind: "k", Key: "x", Value: []byte("1"), IfVersion: 77}}}), hub.ErrConflict)
		t.holds("q")
		t.commit(&hub.Unit{Input: d})
	}},
	{"bodies", "a stored message comes back as it was put", bodies},
	{"context", "a done context is an error, not half a commit", func(t *storeTest) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := t.s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: message("a")}}}); err != nil {
			t.holds("q")
		} else {
			t.holds("q", "a")
		}
	}},
	{"close", "a closed store answers ErrClosed; closing twice is no error", func(t *storeTest) {
		t.put("q", "a")
		t.ok(t.s.Close())
		t.is(t.tryCommit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: message("b")}}}), hub.ErrClosed)
		_, _, err := t.s.Claim(context.Background(), "q", 1, 0)
		t.is(err, hub.ErrClosed)
		_, err = t.get("k", "x")
		t.is(err, hub.ErrClosed)
		t.ok(t.s.Close())
	}},
}

// bodies puts messages of all shapes, and reads each claimed and browsed.
func bodies(t *storeTest) {
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	vars := hub.Vars{{Name: "total", Value: doc.StringValue("15.60")}, {Name: "ok", Value: doc.BoolValue(true)}}
	at := time.Date(2026, 3, 29, 1, 59, 59, 123456789, time.UTC)
	parsed, err := doc.Parse([]byte(`{"a":[1,2.50]}`))
	t.ok(err)
	all := []*hub.Message{
		{ID: "empty"},
		{ID: "binary", Body: hub.NewBody(binary), Headers: hub.Headers{"x": "\x00\xff", "": "empty name", "empty": ""}},
		{ID: "large", Body: hub.NewBody(bytes.Repeat([]byte("0123456789abcdef"), 1<<16))},
		{ID: "utf-8/é", Key: "Zoë 🛒", Correlation: "ord-'1\"", Time: at, Expires: at.Add(time.Hour), Body: hub.NewBody([]byte(`"日本 🛒"`)),
			Headers: hub.Headers{"content-type": "text/plain; charset=utf-8", "name": "Ünï"},
			Trace:   hub.TraceContext{Trace: hub.TraceID{1, 2}, Span: hub.SpanID{3}, Sampled: true, State: "a=1,b=2"}},
		{ID: "document", Body: hub.DocumentBody(parsed), Trace: hub.TraceContext{Trace: hub.TraceID{4}, Span: hub.SpanID{5}}},
		{ID: strings.Repeat("i", 200), Key: strings.Repeat("k", 1000)},
		{ID: "a\x00b/\x1b[2J", Key: "k\x00\xff", Correlation: "c\x00\xfe\n", Headers: hub.Headers{"h\x00": "v"}},
	}
	for _, key := range []string{"a\x00b", "\x00", "\xff\xfe", "x\ny", "\x1b[2J"} { // a record's key is bytes, too
		t.commit(&hub.Unit{Inbox: "in " + key, Root: key, Correlation: key, Writes: []hub.Write{{Kind: "keys", Key: key, Value: []byte(key)}}, Adds: []hub.Add{{Kind: "keys", Key: key, Delta: 1}},
			History: []hub.Event{{Message: key, What: key, Detail: key}}})
		rec, err := t.get("keys", key)
		t.must(err == nil && string(rec.Value) == key, "the record %q is %q, %v", key, rec.Value, err)
	}
	for _, m := range all {
		t.commit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: m, Vars: vars, Tries: 2}}})
	}
	batch, _ := t.claim("q", 10)
	t.ok(t.s.Release(context.Background(), batch))
	batch, _ = t.claim("q", 10)
	t.must(len(batch) == len(all), "claimed %d of %d", len(batch), len(all))
	for _, list := range [][]*hub.Delivery{batch, t.browse(store.BrowseQuery{Queue: "q"})} {
		for i, d := range list {
			want, got := all[i], d.Msg
			same := got.ID == want.ID && got.Key == want.Key && got.Correlation == want.Correlation && got.Time.Equal(want.Time) && got.Trace == want.Trace &&
				got.Expires.Equal(want.Expires) && bytes.Equal(got.Body.Bytes(), want.Body.Bytes()) &&
				len(got.Headers) == len(want.Headers) && (len(got.Headers) == 0 || reflect.DeepEqual(got.Headers, want.Headers))
			t.must(same, "message %.20q came back as %.300s", want.ID, fmt.Sprintf("%+v", got))
			t.must(d.Attempts == 2 && d.Vars.Get("total").Str() == "15.60" && d.Vars.Get("ok").Bool(), "of %.20q: attempts %d, vars %v", want.ID, d.Attempts, d.Vars)
			t.must(d.Queue == "q" && d.State == hub.Ready, "of %.20q: queue %q, state %v", want.ID, d.Queue, d.State)
		}
	}
}
