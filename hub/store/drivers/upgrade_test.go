package drivers

import (
	"compress/gzip"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
)

// schemaOf is the schema of a store: of the file, or of the one that the fixture makes.
func schemaOf(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("PRAGMA user_version").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestStoreOfAnEarlierVersion: stores that earlier hubs left are opened with all that they hold, or refused with what to do. There is one of the schema of this
// binary: who changes the schema makes another by HUB_STORE_FIXTURE=1 go test -run TestStoreOfAnEarlierVersion ./hub/store/drivers, and keeps the old ones.
func TestStoreOfAnEarlierVersion(t *testing.T) {
	dir := t.TempDir()
	fresh := filepath.Join(dir, "fresh.db")
	filled(t, "sqlite:"+fresh, 1).Close()
	now := schemaOf(t, fresh)
	mine := filepath.Join("testdata", fmt.Sprintf("store-%d.db.gz", now))
	if os.Getenv("HUB_STORE_FIXTURE") != "" {
		compress(t, fresh, mine)
	}
	fixtures, err := filepath.Glob("testdata/store-*.db.gz")
	if err != nil || len(fixtures) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("there is no store of schema %d: see the comment of this test", now)
	}
	for i, fixture := range fixtures {
		path := filepath.Join(dir, fmt.Sprint(i, ".db"))
		made := expand(t, fixture, path)
		schema := schemaOf(t, path)
		s, err := Open(ctx, "sqlite:"+path, store.Options{Clock: &handClock{by: time.Until(made)}})
		if schema < now && errors.Is(err, store.ErrSetup) && strings.Contains(err.Error(), "run the hub that made it") {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", fixture, err)
			continue
		}
		holds(t, s)
		goesOn(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// holds tells what a store that was filled by whichever version has, but for what is over by now.
func holds(t *testing.T, s store.Store) {
	t.Helper()
	c, err := s.(store.Keeper).Verify(ctx)
	if err != nil || c.Damaged > 0 || c.Messages["ready"] != 1 || c.Messages["waiting"] != 2 || c.Messages["dead"] != 1 {
		t.Errorf("%+v %v", c, err)
	}
	list, err := s.Browse(ctx, store.BrowseQuery{Correlation: "W-1"})
	if err != nil || len(list) != 4 || string(list[0].Msg.Body.Bytes()) != "body of r1\x00\xff" || list[0].Msg.Headers["a"] != "b" || list[2].Await != "billing" || list[3].Error.Message != "said no" {
		t.Errorf("messages %+v: %v", list, err)
	}
	r, err := s.Get(ctx, "process order", "W-1")
	if err != nil || string(r.Value) != `{"a":1}` {
		t.Errorf("record %+v: %v", r, err)
	}
	rows, err := s.History(ctx, "W-1")
	if err != nil || len(rows) != 1 || rows[0].Events[0].Detail != "detail" || rows[0].Events[0].Where != "p/s" {
		t.Errorf("history %+v: %v", rows, err)
	}
	found, err := s.Find(ctx, store.FindQuery{Terms: []int64{-7}})
	refused, e := s.Refusals(ctx, store.RefusalQuery{Correlation: "W-1"})
	counters, e2 := s.Counters(ctx, "c", "k")
	if err := errors.Join(err, e, e2); err != nil || len(found) != 1 || len(refused) != 1 || len(counters) != 1 {
		t.Errorf("found %v, refused %v, counted %v: %v", found, refused, counters, err)
	}
}

// TestNewerStore: a store of a newer hub is not opened, with what to do, and is left as it was.
func TestNewerStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	open(t, "sqlite:"+path, store.Options{}).Close()
	execSQLite(t, path, "PRAGMA user_version=1000")
	url := storetest.PostgresSchema(t)
	open(t, url, store.Options{}).Close()
	storetest.PostgresExec(t, url, "UPDATE meta SET value=1000 WHERE key='schema'")
	for _, of := range []string{"sqlite:" + path, url} {
		if _, err := Open(ctx, of, store.Options{}); !errors.Is(err, store.ErrSetup) || !strings.Contains(err.Error(), "run the newer hub") {
			t.Errorf("%v", err)
		}
	}
	if n := schemaOf(t, path); n != 1000 {
		t.Errorf("its schema is %d now", n)
	}
}

func compress(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err == nil {
		z.ModTime = time.Now()
		_, err = z.Write(raw)
	}
	if err := errors.Join(err, z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// expand gives the time at which the fixture was made: it is looked at as of then, or what waits in it would fall due.
func expand(t *testing.T, from, to string) time.Time {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return z.ModTime
}
