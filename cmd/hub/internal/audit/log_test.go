package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/cmd/hub/internal/audit"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
	"orderhub/hub/store/storetest"
)

func open(t *testing.T, url, name string) store.Store {
	t.Helper()
	st, err := drivers.Open(t.Context(), url, store.Options{Hub: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// verify checks a whole log, and gives its records.
func verify(t *testing.T, st store.Store) (chain audit.Chain, list []audit.Record) {
	t.Helper()
	for {
		lines, err := audit.Lines(t.Context(), st, chain.Head.N, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			if err := chain.Add([]byte(line)); err != nil {
				t.Fatal(err)
			}
			list = append(list, chain.Last)
		}
		if len(lines) == 0 {
			break
		}
	}
	head, _, err := audit.Head(t.Context(), st)
	if err != nil || head != chain.Head {
		t.Fatalf("head %v, %v; the last record is %v", head, err, chain.Head)
	}
	if err := chain.End(head.N); err != nil {
		t.Fatal(err)
	}
	return chain, list
}

// TestOneChain: hubs that share a store, and goroutines of one hub, append to one chain, each act in the unit of its record.
func TestOneChain(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + t.TempDir() + "/hub.db" },
		"postgres": func(t *testing.T) string { return storetest.PostgresSchema(t) },
	} {
		t.Run(name, func(t *testing.T) {
			at := url(t)
			stores := []store.Store{open(t, at, "a")}
			if name == "postgres" {
				stores = append(stores, open(t, at, "b"))
			}
			const writers, each = 4, 10
			var work sync.WaitGroup
			for i, st := range stores {
				log := &audit.Log{Store: st}
				for w := range writers {
					work.Go(func() {
						for n := range each {
							id := fmt.Sprintf("%d.%d.%d", i, w, n)
							u := &hub.Unit{Writes: []hub.Write{{Kind: "done", Key: id, Value: []byte("1")}}}
							if err := log.Append(context.Background(), audit.Record{Act: "test", On: id}, u, st.Commit); err != nil {
								t.Error(err)
							}
						}
					})
				}
			}
			work.Wait()
			chain, list := verify(t, stores[0])
			if want := len(stores) * writers * each; chain.Count != want || chain.First.N != 1 {
				t.Errorf("%d records, expected %d", chain.Count, want)
			}
			for _, r := range list {
				if _, err := stores[0].Get(t.Context(), "done", r.On); err != nil {
					t.Errorf("%s is recorded and not done: %v", r.On, err)
				}
			}
		})
	}
}

// TestConflictOfTheAct: an act that conflicts is not recorded, and is not tried again and again.
func TestConflictOfTheAct(t *testing.T) {
	st := open(t, "memory:", "")
	log := &audit.Log{Store: st}
	u := &hub.Unit{Settles: []hub.Settle{{Seq: 7, Replay: true}}}
	if err := log.Append(t.Context(), audit.Record{Act: "replay"}, u, st.Commit); !errors.Is(err, hub.ErrConflict) || len(u.Writes) > 0 {
		t.Errorf("%v, writes %v", err, u.Writes)
	}
	if chain, _ := verify(t, st); chain.Count > 0 {
		t.Errorf("%d records", chain.Count)
	}
}

// TestExpire: old records go, a record says which, and the log stays whole; one that says nothing of it is not.
func TestExpire(t *testing.T) {
	st := open(t, "memory:", "")
	log := &audit.Log{Store: st}
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 1203 {
		if err := log.Append(t.Context(), audit.Record{Act: "test", Time: began.Add(time.Duration(i) * time.Hour)}, &hub.Unit{}, st.Commit); err != nil {
			t.Fatal(err)
		}
	}
	expire := func(hours, want int, first int64) {
		t.Helper()
		before := began.Add(time.Duration(hours) * time.Hour)
		if err := log.Expire(t.Context(), before, audit.Record{Who: "hub", Time: before}); err != nil {
			t.Fatal(err)
		}
		if chain, _ := verify(t, st); chain.Count != want || chain.First.N != first {
			t.Errorf("after %d hours there are %d records from %d on, expected %d from %d on", hours, chain.Count, chain.First.N, want, first)
		}
	}
	expire(0, 1203, 1)
	expire(1100, 103+3, 1101) // three parts, each with its record
	expire(1100, 103+3, 1101)
	expire(1<<20, 2, 1206) // the last record always stays, and tells of the others with the new one
	if err := st.Commit(t.Context(), &hub.Unit{Writes: []hub.Write{{Kind: "audit", Key: fmt.Sprintf("%019d", 1206), IfVersion: hub.AnyVersion}}}); err != nil {
		t.Fatal(err)
	}
	var chain audit.Chain
	lines, _ := audit.Lines(t.Context(), st, 0, 10)
	err := chain.Read(strings.NewReader(strings.Join(lines, "\n")))
	if err == nil || !strings.Contains(err.Error(), "records 1 to 1206 were removed at the beginning") {
		t.Errorf("without the first record: %v", err)
	}
}
