package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
	"orderhub/hub/store/storetest"
)

func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "hub.db")
	s := open(t, path, store.Options{})
	later := time.Now().Add(time.Hour).UTC().Round(0)
	storetest.Put(t, s, "q", storetest.Message("a", "1"))
	storetest.Put(t, s, "q", storetest.Message("b", "2"))
	if err := s.Commit(ctx, &hub.Unit{Inbox: "in", Root: "r", Puts: []hub.Put{{Queue: "q", Msg: storetest.Message("c", "3"), Due: later, Name: "n"}},
		Writes: []hub.Write{{Kind: "k", Key: "x", Value: []byte("v")}}, Adds: []hub.Add{{Kind: "c", Key: "x", Delta: 3}},
		History: []hub.Event{{What: "received", Message: "r"}}}); err != nil {
		t.Fatal(err)
	}
	first, _, _ := s.Claim(ctx, "q", 1, time.Hour)
	record, _ := s.Get(ctx, "k", "x")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, store.Options{})
	defer s.Close()
	if err := s.Commit(ctx, &hub.Unit{Input: first[0]}); !errors.Is(err, hub.ErrConflict) {
		t.Fatalf("a claim of an earlier start commits: %v", err)
	}
	storetest.Put(t, s, "q", storetest.Message("d", "4"))
	batch, next, err := s.Claim(ctx, "q", 10, 0)
	if err != nil || len(batch) != 3 || batch[0].Msg.ID != "a" || batch[2].Msg.ID != "d" || !next.Equal(later) {
		t.Fatalf("claimed %v, next %v: %v", batch, next, err)
	}
	if batch[0].Epoch>>36 == first[0].Epoch>>36 {
		t.Fatal("the epoch did not rise")
	}
	again, err := s.Get(ctx, "k", "x")
	if err != nil || string(again.Value) != "v" || again.Version != record.Version {
		t.Fatalf("record %+v: %v", again, err)
	}
	if err := s.Commit(ctx, &hub.Unit{Inbox: "in"}); !errors.Is(err, hub.ErrDuplicate) {
		t.Fatalf("inbox: %v", err)
	}
	if rows, err := s.History(ctx, "last"); err != nil || len(rows) != 1 {
		t.Fatalf("history %v: %v", rows, err)
	}
	if n, _ := s.Counters(ctx, "c", ""); n["x"] != 3 {
		t.Fatalf("counter %v", n)
	}
}

// Any flipped bit of a body is found: the message is a dead letter, the others are delivered.
func TestBitFlips(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hub.db")
	s := open(t, path, store.Options{})
	body := func(i int) string { return fmt.Sprintf("body-%04d|", i) + strings.Repeat("x", 700) }
	for i := range 100 {
		storetest.Put(t, s, "q", storetest.Message(fmt.Sprint("m", i), body(i)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	clean, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 20 {
		broken := bytes.Clone(clean)
		hit := map[string]bool{}
		for range 5 {
			i := rnd.IntN(100)
			if !bytes.Contains(clean, []byte(body(i))) {
				t.Fatalf("body %d is not in the file", i)
			}
			if flipped := []byte(body(i)); !hit[fmt.Sprint("m", i)] {
				flipped[rnd.IntN(len(flipped))] ^= 1 << rnd.IntN(8)
				broken = bytes.ReplaceAll(broken, []byte(body(i)), flipped) // free pages may hold old copies
			}
			hit[fmt.Sprint("m", i)] = true
		}
		copyPath := filepath.Join(dir, fmt.Sprint("copy", round, ".db"))
		if err := os.WriteFile(copyPath, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		checkDamage(t, copyPath, hit, body)
	}
}

func checkDamage(t *testing.T, path string, hit map[string]bool, body func(int) string) {
	s := open(t, path, store.Options{})
	defer s.Close()
	got := map[string]bool{}
	for {
		batch, _, err := s.Claim(ctx, "q", 30, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range batch {
			var i int
			fmt.Sscanf(d.Msg.ID, "m%d", &i)
			if hit[d.Msg.ID] || string(d.Msg.Body.Bytes()) != body(i) {
				t.Fatalf("damaged message %s was delivered", d.Msg.ID)
			}
			got[d.Msg.ID] = true
		}
		if len(batch) == 0 {
			break
		}
	}
	if len(got)+len(hit) != 100 {
		t.Fatalf("%d delivered and %d damaged of 100", len(got), len(hit))
	}
	g, err := s.DeadGroups(ctx)
	if err != nil || len(g) != 1 || g[0].Cause != core.Corrupt || g[0].Count != len(hit) || g[0].Sample.Error.Reason != core.Corrupt || g[0].Sample.Msg.Body.Len() != 0 {
		t.Fatalf("dead letters %+v: %v", g, err)
	}
	dead, _ := s.Browse(ctx, store.BrowseQuery{State: hub.Dead})
	if err := s.Commit(ctx, &hub.Unit{Settles: []hub.Settle{{Seq: dead[0].Seq, Replay: true}}}); err != nil {
		t.Fatal(err)
	}
	if batch, _, err := s.Claim(ctx, "q", 30, 0); len(batch) != 0 || err != nil {
		t.Fatalf("a damaged message was replayed: %v %v", batch, err)
	}
}

func TestNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	open(t, path, store.Options{}).Close()
	c, err := openConn(path, fmt.Sprintf("user_version=%d", schemaVersion+1))
	if err != nil {
		t.Fatal(err)
	}
	c.close()
	_, err = Open(ctx, path, store.Options{})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("store schema %d is newer than this binary (max %d)", schemaVersion+1, schemaVersion)) {
		t.Fatalf("error %v", err)
	}
}

func TestLowDisk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "hub.db"), store.Options{MinFree: 1 << 60})
	defer s.Close()
	if err := s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: storetest.Message("a", "")}}}); !errors.Is(err, hub.ErrNoSpace) {
		t.Fatalf("%v, want ErrNoSpace", err)
	}
	if err := s.Commit(ctx, &hub.Unit{Adds: []hub.Add{{Kind: "c", Key: "x", Delta: 1}}}); err != nil {
		t.Fatal(err)
	}
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "hub.db"), store.Options{})
	storetest.Put(t, s, "q", storetest.Message("a", "1"))
	to := filepath.Join(dir, "copy.db")
	if _, err := s.Backup(ctx, to, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Backup(ctx, to, ""); err == nil {
		t.Fatal("a backup was overwritten")
	}
	storetest.Put(t, s, "q", storetest.Message("b", "1"))
	s.Close()
	c := open(t, to, store.Options{})
	defer c.Close()
	if batch, _, err := c.Claim(ctx, "q", 10, 0); err != nil || len(batch) != 1 || batch[0].Msg.ID != "a" {
		t.Fatalf("%v %v", batch, err)
	}
}

// The WAL is reused, and the file gives space back after a backlog.
func TestDiskIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s := open(t, path, store.Options{})
	defer s.Close()
	body := strings.Repeat("x", 8000)
	for range 20 {
		u := &hub.Unit{}
		for i := range 200 {
			u.Puts = append(u.Puts, hub.Put{Queue: "q", Msg: storetest.Message(fmt.Sprint(i), body)})
		}
		if err := s.Commit(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := os.Stat(path + "-wal"); err != nil || st.Size() > 24<<20 {
		t.Fatalf("the WAL has %d bytes: %v", st.Size(), err)
	}
	before, _ := os.Stat(path)
	for {
		batch, _, err := s.Claim(ctx, "q", 500, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) == 0 {
			break
		}
		done := make(chan error, len(batch))
		for _, d := range batch {
			go func() { done <- s.Commit(ctx, &hub.Unit{Input: d}) }()
		}
		for range batch {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	for more := true; more; {
		var err error
		if _, more, err = s.Sweep(ctx, store.Retention{}, 100); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	if after, _ := os.Stat(path); after.Size() > before.Size()*2/3 {
		t.Fatalf("the file had %d bytes and has %d", before.Size(), after.Size())
	}
}

// A full disk fails units with ErrNoSpace, loses nothing, and heals by itself.
func TestDiskFull(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "hub.db"), store.Options{})
	defer s.Close()
	pages := func(n int) {
		if err := s.alone(ctx, func() error { return s.w.script(fmt.Sprint("PRAGMA max_page_count=", n)) }); err != nil {
			t.Fatal(err)
		}
	}
	pages(60)
	stored := 0
	var err error
	for err == nil {
		err = s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: storetest.Message(fmt.Sprint(stored), strings.Repeat("x", 5000))}}})
		if err == nil {
			stored++
		}
	}
	if !errors.Is(err, hub.ErrNoSpace) || s.Err() != nil || stored == 0 {
		t.Fatalf("after %d: %v, store %v", stored, err, s.Err())
	}
	batch, _, err := s.Claim(ctx, "q", 1, 0)
	if err != nil || len(batch) != 1 {
		t.Fatal(batch, err)
	}
	pages(10_000)
	if err := s.Room(ctx); err != nil {
		t.Fatalf("room after space was freed: %v", err)
	}
	if err := s.Commit(ctx, &hub.Unit{Input: batch[0], Puts: []hub.Put{{Queue: "q", Msg: storetest.Message(fmt.Sprint(stored), "x")}}}); err != nil {
		t.Fatalf("after space was freed: %v", err)
	}
	for i := 1; i <= stored; i++ {
		if batch, _, err := s.Claim(ctx, "q", 1, 0); err != nil || len(batch) != 1 || batch[0].Msg.ID != fmt.Sprint(i) {
			t.Fatalf("claimed %v at %d: %v", batch, i, err)
		}
	}
}

// A held message that could not be given back, since it could not be written, is given again, before what is held behind it.
func TestReleaseFails(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "hub.db"), store.Options{})
	defer s.Close()
	for _, id := range []string{"m1", "m2"} {
		storetest.Put(t, s, "q", storetest.Message(id, "1"))
	}
	batch, _, err := s.Claim(ctx, "q", 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range batch {
		if err := s.Commit(ctx, &hub.Unit{Input: d, Finish: hub.Finish{State: hub.Held}}); err != nil {
			t.Fatal(err)
		}
	}
	held, err := s.ClaimHeld(ctx, "q", "k", 1, 0)
	if err != nil || len(held) != 1 {
		t.Fatal(held, err)
	}
	script := func(sql string) {
		if err := s.alone(ctx, func() error { return s.w.script(sql) }); err != nil {
			t.Fatal(err)
		}
	}
	script("CREATE TRIGGER full BEFORE UPDATE ON messages BEGIN SELECT RAISE(ABORT, 'full'); END")
	if err := s.Release(ctx, held); err == nil {
		t.Fatal("it was given back")
	}
	script("DROP TRIGGER full")
	if held, err = s.ClaimHeld(ctx, "q", "k", 2, 0); err != nil || len(held) != 2 || held[0].Msg.ID != "m1" {
		t.Errorf("given %v: %v", held, err)
	}
}
