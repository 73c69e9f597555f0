package hubtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"orderhub/hub"
)

func write(key, value string, version int64) hub.Write {
	return hub.Write{Kind: "k", Key: key, Value: []byte(value), IfVersion: version}
}

// appendTo appends to the record, so many times, while others do the same.
func (t *storeTest) appendTo(key string, times int) {
	for done := 0; done < times; {
		r, err := t.get("k", key)
		if err != nil {
			t.Errorf("contract: %s: %v", t.why, err)
			return
		}
		if t.tryCommit(&hub.Unit{Writes: []hub.Write{write(key, string(r.Value)+"x", r.Version)}}) == nil {
			done++
		}
	}
}

var recordCases = []storeCase{
	{"record_versions", "a write whose version is stale is ErrConflict", func(t *storeTest) {
		w := func(ws ...hub.Write) error { return t.tryCommit(&hub.Unit{Writes: ws}) }
		t.is(w(write("a", "0", 5)), hub.ErrConflict)
		t.ok(w(write("a", "1", 0)))
		t.is(w(write("a", "1", 0)), hub.ErrConflict)
		v1 := t.record("k", "a").Version
		t.must(v1 != 0 && v1 != hub.AnyVersion, "version %d", v1)
		t.ok(w(write("a", "2", v1)))
		t.is(w(write("a", "3", v1)), hub.ErrConflict)
		r := t.record("k", "a")
		t.must(string(r.Value) == "2" && r.Version != v1 && r.Kind == "k" && r.Key == "a", "record %+v", r)
		t.ok(w(write("a", "any", hub.AnyVersion)))
		t.is(w(hub.Write{Kind: "k", Key: "a", IfVersion: r.Version}), hub.ErrConflict)
		t.ok(w(hub.Write{Kind: "k", Key: "a", IfVersion: t.record("k", "a").Version}))
		_, err := t.get("k", "a")
		t.is(err, hub.ErrNotFound)
	}},
	{"record_again", "a record that was deleted and made again has a version it never had", func(t *storeTest) {
		t.commit(&hub.Unit{Writes: []hub.Write{write("a", "1", 0)}})
		v := t.record("k", "a").Version
		t.commit(&hub.Unit{Writes: []hub.Write{{Kind: "k", Key: "a", IfVersion: v}}})
		t.commit(&hub.Unit{Writes: []hub.Write{write("a", "2", 0)}})
		t.is(t.tryCommit(&hub.Unit{Writes: []hub.Write{write("a", "lost", v)}}), hub.ErrConflict)
		t.must(string(t.record("k", "a").Value) == "2", "the new record was overwritten")
	}},
	{"record_two_of_three", "when one of several writes conflicts, none is done", func(t *storeTest) {
		t.commit(&hub.Unit{Writes: []hub.Write{write("a", "1", 0), write("b", "1", 0)}})
		a, b := t.record("k", "a").Version, t.record("k", "b").Version
		t.is(t.tryCommit(&hub.Unit{Writes: []hub.Write{write("a", "2", a), write("b", "2", b+1000), write("c", "2", 0)}}), hub.ErrConflict)
		t.must(string(t.record("k", "a").Value) == "1" && t.record("k", "a").Version == a, "a was changed")
		t.commit(&hub.Unit{Writes: []hub.Write{write("a", "2", a), write("b", "2", b), write("c", "2", 0)}})
	}},
	{"record_document", "records of every kind, and of every size, are kept alike", func(t *storeTest) {
		past := time.Now().Add(-time.Hour)
		for _, kind := range []string{"k", "process k", "table k", "group k", "reply"} {
			w := func(key, value string, v int64, expires time.Time) hub.Write {
				return hub.Write{Kind: kind, Key: key, Value: []byte(strings.Repeat(value, 3000)), IfVersion: v, Expires: expires}
			}
			t.commit(&hub.Unit{Writes: []hub.Write{w("a", "1", 0, time.Time{}), w("b", "1", hub.AnyVersion, time.Time{}), w("old", "1", 0, past)}})
			t.is(t.tryCommit(&hub.Unit{Writes: []hub.Write{w("a", "2", 0, time.Time{})}}), hub.ErrConflict)
			a := t.record(kind, "a").Version
			t.is(t.tryCommit(&hub.Unit{Writes: []hub.Write{w("a", "2", a+1000, time.Time{})}}), hub.ErrConflict)
			t.commit(&hub.Unit{Writes: []hub.Write{w("a", "2", a, time.Time{}), w("old", "2", 0, time.Time{}), {Kind: kind, Key: "b", IfVersion: hub.AnyVersion}}})
			list, err := t.s.List(context.Background(), kind, "", "", 10)
			t.ok(err)
			t.must(len(list) == 2 && list[0].Key == "a" && list[1].Key == "old" && string(list[0].Value) == strings.Repeat("2", 3000), "%s: %d records", kind, len(list))
			t.commit(&hub.Unit{Writes: []hub.Write{w("old", "3", hub.AnyVersion, past)}})
			n, err := t.sweep(0)
			t.ok(err)
			t.must(n >= 1, "%s: nothing was swept", kind)
		}
	}},
	{"record_empty", "an empty value is a value; nil deletes", func(t *storeTest) {
		u := &hub.Unit{Writes: []hub.Write{{Kind: "k", Key: "told", Value: []byte("1")}}}
		t.commit(u)
		if v := u.Writes[0].Version; v != 0 && v != t.record("k", "told").Version {
			t.Errorf("the write tells version %d, the record has %d", v, t.record("k", "told").Version)
		}
		t.commit(&hub.Unit{Writes: []hub.Write{{Kind: "k", Key: "e", Value: []byte{}}}})
		t.must(len(t.record("k", "e").Value) == 0, "value")
		t.commit(&hub.Unit{Writes: []hub.Write{{Kind: "k", Key: "e", IfVersion: hub.AnyVersion}, {Kind: "k", Key: "none", IfVersion: hub.AnyVersion}, {Kind: "k", Key: "none2"}}})
		_, err := t.get("k", "e")
		t.is(err, hub.ErrNotFound)
	}},
	{"record_race", "of many units that change one record, each sees the version of the one before", func(t *storeTest) {
		t.commit(&hub.Unit{Writes: []hub.Write{write("n", "", 0)}})
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() { t.appendTo("n", 10) })
		}
		wg.Wait()
		t.must(len(t.record("k", "n").Value) == 160, "160 appends gave %d", len(t.record("k", "n").Value))
	}},
	{"record_expiry", "an expired record is absent, and Sweep deletes it", func(t *storeTest) {
		past := time.Now().Add(-time.Second)
		t.commit(&hub.Unit{Writes: []hub.Write{{Kind: "k", Key: "old", Value: []byte("1"), Expires: past},
			{Kind: "k", Key: "new", Value: []byte("1"), Expires: past.Add(time.Hour)}, {Kind: "k", Key: "old2", Value: []byte("1"), Expires: past}}})
		_, err := t.get("k", "old")
		t.is(err, hub.ErrNotFound)
		list, err := t.s.List(context.Background(), "k", "", "", 0)
		t.ok(err)
		t.must(len(list) == 1 && list[0].Key == "new" && list[0].Expires.Equal(past.Add(time.Hour)), "list %+v", list)
		t.commit(&hub.Unit{Writes: []hub.Write{write("old", "again", 0)}})
		n, err := t.sweep(time.Hour)
		t.ok(err)
		t.must(n == 1, "swept %d, want 1", n)
		t.must(string(t.record("k", "old").Value) == "again", "the new record was swept")
	}},
	{"list_pages", "List pages by key, after a key, with a prefix", func(t *storeTest) {
		var ws []hub.Write
		for i := range 25 {
			ws = append(ws, write(fmt.Sprintf("p/%02d", i), "v", 0))
		}
		ws = append(ws, write("o", "v", 0), write("p0", "v", 0), write("p", "v", 0), hub.Write{Kind: "other", Key: "p/00", Value: []byte("v")})
		t.commit(&hub.Unit{Writes: ws})
		var got []string
		for after := ""; ; {
			page, err := t.s.List(context.Background(), "k", "p/", after, 10)
			t.ok(err)
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				got = append(got, r.Key)
			}
			after = page[len(page)-1].Key
		}
		t.must(len(got) == 25 && got[0] == "p/00" && got[24] == "p/24", "keys %v", got)
	}},
	{"counters", "counters add up under concurrency and never conflict", func(t *storeTest) {
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for range 25 {
					if err := t.tryCommit(&hub.Unit{Adds: []hub.Add{{Kind: "c", Key: "all", Delta: 2}, {Kind: "c", Key: "all", Delta: -1}, {Kind: "c", Key: fmt.Sprint("w/", w), Delta: 1}}}); err != nil {
						t.Errorf("contract: %s: %v", t.why, err)
					}
				}
			})
		}
		wg.Wait()
		n, err := t.s.Counters(context.Background(), "c", "")
		t.ok(err)
		t.must(n["all"] == 400 && n["w/7"] == 25 && len(n) == 17, "counters %v", n)
		n, err = t.s.Counters(context.Background(), "c", "w/1")
		t.ok(err)
		t.must(len(n) == 7, "counters with prefix w/1: %v", n)
	}},
}
