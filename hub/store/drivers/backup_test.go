package drivers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
)

// keepers are the stores that are backed up, each with the URL of a new one.
func keepers(t *testing.T) map[string]func() string {
	dir := t.TempDir()
	n := 0
	return map[string]func() string{
		"sqlite":   func() string { n++; return "sqlite:" + filepath.Join(dir, fmt.Sprintf("a store %%20#%d.db", n)) },
		"postgres": func() string { return storetest.PostgresSchema(t) },
	}
}

// filled is a store with something of everything, and a number of records.
func filled(t *testing.T, url string, records int) store.Store {
	t.Helper()
	s := open(t, url, store.Options{})
	commit := func(u *hub.Unit) {
		t.Helper()
		if err := s.Commit(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	odd := "k\x00\xff'\"ü"
	message := func(id string) *hub.Message {
		return &hub.Message{ID: id, Key: odd, Correlation: "W-1", Time: time.Unix(1, 2).UTC(), Expires: time.Now().Add(time.Hour).UTC(),
			Headers: hub.Headers{"a": "b"}, Body: hub.NewBody([]byte("body of " + id + "\x00\xff"))}
	}
	failure := &hub.Failure{Class: hub.Rejected, Reason: "no", Message: "said no", Cause: "c", Time: time.Unix(3, 0).UTC()}
	commit(&hub.Unit{Inbox: "in-1", Root: "r1", Correlation: "W-1", Terms: []int64{7, -7},
		Puts: []hub.Put{{Queue: "q", Msg: message("r1")}, {Queue: "q", Msg: message("r1/2"), Due: time.Now().Add(time.Hour), Name: "n"},
			{Queue: "q", Msg: message("r1/3"), Due: time.Now().Add(time.Hour), Error: failure, Tries: 2, Await: "billing"}, {Queue: "d", Msg: message("r1/4"), Error: failure}},
		Writes: []hub.Write{{Kind: "k", Key: odd, Value: []byte("v\x00")}, {Kind: "process order", Key: "W-1", Value: []byte(`{"a":1}`)},
			{Kind: "k", Key: "later", Value: []byte{}, Expires: time.Now().Add(time.Hour)}},
		Adds:    []hub.Add{{Kind: "c", Key: odd, Delta: 3}},
		History: []hub.Event{{Time: time.Unix(5, 0).UTC(), Message: "r1", Where: "p/s", Line: "f:1", What: "received", Detail: "detail", Links: []string{"r0"}}},
		Refused: []hub.Refusal{{ID: "x", Source: "web", Reason: "bad", Text: "text", Correlation: "W-1"}}})
	commit(&hub.Unit{Root: "r2", Keep: time.Hour, History: []hub.Event{{Time: time.Unix(6, 0).UTC(), Message: "r2", Where: "p/s", What: "dropped"}}})
	var many []hub.Write
	for i := range records {
		many = append(many, hub.Write{Kind: "many", Key: fmt.Sprint(i), Value: []byte("x")})
	}
	commit(&hub.Unit{Writes: many})
	return s
}

// told is all that a store tells of what it holds.
func told(t *testing.T, s store.Store) string {
	t.Helper()
	var b bytes.Buffer
	note := func(v any, err error) {
		t.Helper()
		raw, e := json.Marshal(v)
		if err := errors.Join(err, e); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", raw)
	}
	list, err := s.Browse(ctx, store.BrowseQuery{Limit: 100})
	note(list, err)
	for _, d := range list {
		fmt.Fprintf(&b, "%q %q %q\n", d.Msg.Key, d.Msg.Body.Bytes(), d.Msg.Headers)
	}
	for _, kind := range []string{"k", "process order", "many", "inbox"} {
		records, err := s.List(ctx, kind, "", "", 0)
		note(len(records), err)
		for _, r := range records {
			fmt.Fprintf(&b, "%q %q %d %v\n", r.Key, r.Value, r.Version, r.Expires.UnixNano())
		}
	}
	counters, err := s.Counters(ctx, "c", "")
	note(fmt.Sprintf("%q", fmt.Sprint(counters)), err)
	for _, id := range []string{"r1", "W-1", "r0", "r2", "last"} {
		rows, err := s.History(ctx, id)
		note(rows, err)
	}
	rows, err := s.Find(ctx, store.FindQuery{Terms: []int64{-7}})
	note(rows, err)
	refused, err := s.Refusals(ctx, store.RefusalQuery{})
	note(refused, err)
	return b.String()
}

// TestBackup: what is restored, into the same database or another one, is what was there, and it goes on.
func TestBackup(t *testing.T) {
	for from, old := range keepers(t) {
		t.Run(from, func(t *testing.T) {
			s := filled(t, old(), 1050) // more than a page
			want, file := told(t, s), filepath.Join(t.TempDir(), "a backup?%41#.db")
			made, err := s.(store.Keeper).Backup(ctx, file, "v1")
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the file is %v: %v", info.Mode(), err)
			}
			if _, err := s.(store.Keeper).Backup(ctx, file, "v1"); !errors.Is(err, store.ErrSetup) {
				t.Errorf("a second backup to the file: %v", err)
			}
			storetest.Put(t, s, "q", storetest.Message("behind", "")) // is not in it
			live, err := s.(store.Keeper).Verify(ctx)
			if err != nil || live.Damaged > 0 || live.Messages["ready"] != made.Messages["ready"]+1 {
				t.Errorf("the store: %+v %v", live, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			for to, fresh := range keepers(t) {
				url := fresh()
				c, err := Restore(ctx, file, url)
				if err != nil || c.Damaged > 0 || c.Version != "v1" || c.Of != made.Of || !c.Taken.Equal(made.Taken) || !maps.Equal(c.Messages, made.Messages) {
					t.Fatalf("to %s: %+v %v, want %+v", to, c, err, made)
				}
				if c.Messages["ready"] != 1 || c.Messages["waiting"] != 2 || c.Messages["dead"] != 1 || c.Rows["history"] != 2 || c.Rows["terms"] != 3 {
					t.Errorf("to %s: %+v", to, c)
				}
				if _, err := Restore(ctx, file, url); !errors.Is(err, store.ErrSetup) || !strings.Contains(err.Error(), "already") {
					t.Errorf("over what is there in %s: %v", to, err)
				}
				r := open(t, url, store.Options{})
				if got := told(t, r); got != want {
					t.Errorf("from %s to %s:\n%s\nwant\n%s", from, to, got, want)
				}
				goesOn(t, r)
				if c, err := r.(store.Keeper).Verify(ctx); err != nil || c.Damaged > 0 {
					t.Errorf("restored to %s: %+v %v", to, c, err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// goesOn claims what is ready, and adds behind it.
func goesOn(t *testing.T, s store.Store) {
	t.Helper()
	batch, _, err := s.Claim(ctx, "q", 10, time.Minute)
	if err != nil || len(batch) != 1 || batch[0].Msg.ID != "r1" {
		t.Fatalf("claimed %v: %v", batch, err)
	}
	last, _ := s.Browse(ctx, store.BrowseQuery{})
	u := &hub.Unit{Input: batch[0], Inbox: "in-1"}
	if err := s.Commit(ctx, u); !errors.Is(err, hub.ErrDuplicate) {
		t.Errorf("a key that is known: %v", err)
	}
	if err := s.Commit(ctx, &hub.Unit{Input: batch[0], Puts: []hub.Put{{Queue: "q", Msg: storetest.Message("new", "")}, {Queue: "new", Msg: storetest.Message("new", "")}}}); err != nil {
		t.Fatal(err)
	}
	now, err := s.Browse(ctx, store.BrowseQuery{Queue: "q", State: hub.Ready})
	if err != nil || len(now) != 1 || now[0].Seq <= last[len(last)-1].Seq {
		t.Errorf("what is new is %+v: %v", now, err)
	}
}

// TestBackupDamaged: a flipped bit in whatever table is found, and nothing is restored.
func TestBackupDamaged(t *testing.T) {
	dir := t.TempDir()
	s := filled(t, "sqlite:"+filepath.Join(dir, "hub.db"), 1)
	defer s.Close()
	file := filepath.Join(dir, "whole")
	if _, err := s.(store.Keeper).Backup(ctx, file, ""); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{"UPDATE messages SET body=X'00' WHERE id='r1'", "UPDATE records SET value=X'00' WHERE kind='k'", "UPDATE states SET key='W-2'",
		"UPDATE counters SET value=4", "UPDATE history SET time=time+1", "UPDATE places SET text='x'", "DELETE FROM links", "UPDATE terms SET term=8 WHERE term=7",
		"UPDATE refused SET value='{}'", "UPDATE queues SET name='p' WHERE name='q'", "DELETE FROM messages WHERE state=4", "UPDATE messages SET attempts=1"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bad := filepath.Join(dir, "bad")
		if err := os.WriteFile(bad, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		execSQLite(t, bad, change)
		c, err := Restore(ctx, bad, "sqlite:"+filepath.Join(dir, "restored.db"))
		if err != nil || c.Damaged == 0 {
			t.Errorf("%s: %+v %v", change, c, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "restored.db")); err == nil {
			t.Fatalf("%s: it was restored", change)
		}
	}
	execSQLite(t, filepath.Join(dir, "foreign"), "CREATE TABLE t(x)")
	for bad, says := range map[string]string{filepath.Join(dir, "hub.db"): "name a backup", filepath.Join(dir, "foreign"): "not made by the hub", filepath.Join(dir, "none"): "no such file"} {
		if _, err := Restore(ctx, bad, "sqlite:"+filepath.Join(dir, "r.db")); !errors.Is(err, store.ErrSetup) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", bad, err, says)
		}
	}
	if _, err := Restore(ctx, file, "memory:"); !errors.Is(err, store.ErrSetup) {
		t.Errorf("into memory: %v", err)
	}
}

// TestBackupIsOfOneInstant: of units that each move a number from one record to another, all while it is taken, a backup has the sum.
func TestBackupIsOfOneInstant(t *testing.T) {
	for name, url := range keepers(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, url(), store.Options{})
			defer s.Close()
			work, stop := context.WithCancel(ctx)
			var group sync.WaitGroup
			var begun sync.WaitGroup
			for w := range 4 {
				begun.Add(1)
				group.Go(func() {
					for i := 0; work.Err() == nil; i++ {
						u := &hub.Unit{Adds: []hub.Add{{Kind: "c", Key: "a", Delta: 1}, {Kind: "c", Key: "z", Delta: -1}},
							Puts: []hub.Put{{Queue: "q", Msg: storetest.Message(fmt.Sprint(w, "-", i), "")}}}
						if err := s.Commit(ctx, u); err != nil {
							t.Error(err)
							break
						}
						if i == 10 {
							begun.Done()
						}
					}
				})
			}
			begun.Wait()
			file := filepath.Join(t.TempDir(), "b")
			before, _ := s.Counters(ctx, "c", "")
			_, err := s.(store.Keeper).Backup(ctx, file, "")
			stop()
			group.Wait()
			if err != nil {
				t.Fatal(err)
			}
			to := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
			c, err := Restore(ctx, file, to)
			if err != nil {
				t.Fatal(err)
			}
			r := open(t, to, store.Options{})
			defer r.Close()
			n, _ := r.Counters(ctx, "c", "")
			if n["a"] != -n["z"] || n["a"] < before["a"] || n["a"] != c.Messages["ready"] {
				t.Errorf("counters %v, %v before; %d messages", n, before, c.Messages["ready"])
			}
		})
	}
}

// TestBackupEnds: closing the store ends a backup, which leaves nothing.
func TestBackupEnds(t *testing.T) {
	for name, url := range keepers(t) {
		t.Run(name, func(t *testing.T) {
			s := filled(t, url(), 1)
			dir := t.TempDir()
			gone, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := s.(store.Keeper).Backup(gone, filepath.Join(dir, "b"), ""); err == nil {
				t.Error("a backup was made for nobody")
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.(store.Keeper).Backup(ctx, filepath.Join(dir, "b"), ""); !errors.Is(err, hub.ErrClosed) {
				t.Errorf("of a closed store: %v", err)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// BenchmarkCopy measures what docs/backup.md says of a store of HUB_COPY_MB (200) MB in messages of 2 KiB: backup, verify, restore, rewrite.
func BenchmarkCopy(b *testing.B) {
	size, _ := strconv.Atoi(cmp.Or(os.Getenv("HUB_COPY_MB"), "200"))
	dir := b.TempDir()
	s := open(b, "sqlite:"+filepath.Join(dir, "hub.db"), store.Options{})
	defer s.Close()
	body := hub.NewBody(bytes.Repeat([]byte("0123456789abcdef"), 128))
	for i := range size * 512 / 250 {
		u := &hub.Unit{}
		for n := range 250 {
			u.Puts = append(u.Puts, hub.Put{Queue: "q", Msg: &hub.Message{ID: fmt.Sprint(i, "/", n), Body: body}})
		}
		if err := s.Commit(ctx, u); err != nil {
			b.Fatal(err)
		}
	}
	measure := func(name string, f func() error) {
		began := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(size)/time.Since(began).Seconds(), name+"-MB/s")
	}
	k, file := s.(store.Keeper), filepath.Join(dir, "copy")
	for b.Loop() {
		measure("backup", func() error { _, err := k.Backup(ctx, file, ""); return err })
		measure("verify", func() error { _, err := k.Verify(ctx); return err })
		measure("restore", func() error { _, err := Restore(ctx, file, "sqlite:"+filepath.Join(dir, "r.db")); return err })
		measure("rewrite", func() error { return k.Rewrite(ctx) })
		os.Remove(file)
		os.Remove(filepath.Join(dir, "r.db"))
	}
}
