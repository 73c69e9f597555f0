package drivers

import (
	"bytes"
	"database/sql"
	"errors"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// execSQLite runs a statement in an SQLite file, which is made if it is missing.
func execSQLite(t testing.TB, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func TestOpenErrors(t *testing.T) {
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	execSQLite(t, foreign, "CREATE TABLE t(x)")
	for url, want := range map[string]string{
		"postgres://[":      "store postgres: cannot parse",
		"mysql://x":         "unknown kind; write memory:, sqlite:file or postgres://…",
		"sqlite:":           "give the path of a file",
		"sqlite:" + foreign: "was not made by the hub",
	} {
		if _, err := Open(ctx, url, store.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q): %v, want %q", url, err, want)
		}
	}
}

func TestFull(t *testing.T) {
	for _, url := range []string{"memory:", "sqlite:" + filepath.Join(t.TempDir(), "hub.db")} {
		s := open(t, url, store.Options{QueueLimit: 3})
		storetest.Put(t, s, "q", storetest.Message("a", "1"))
		storetest.Put(t, s, "q", storetest.Message("b", "1"))
		two := &hub.Unit{Puts: []hub.Put{{Queue: "other", Msg: storetest.Message("x", "1")}, {Queue: "q", Msg: storetest.Message("c", "1")}, {Queue: "q", Msg: storetest.Message("d", "1")}}}
		if err := s.Commit(ctx, two); !errors.Is(err, hub.ErrFull) {
			t.Fatalf("%s: %v, want ErrFull", url, err)
		}
		if st, _ := s.Queues(ctx); len(st) != 1 || st[0].Ready != 2 {
			t.Fatalf("%s: queues %+v", url, st)
		}
		batch, _, _ := s.Claim(ctx, "q", 1, 0)
		if err := s.Commit(ctx, &hub.Unit{Input: batch[0]}); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(ctx, two); err != nil {
			t.Fatalf("%s: after it drained: %v", url, err)
		}
		s.Close()
	}
}

// What another file or another binary mends is told apart from a disk that fails.
func TestFault_R7_SetupOrDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, "sqlite:"+filepath.Join(dir, "a.db"), store.Options{})
	defer s.Close()
	foreign := filepath.Join(dir, "f.db")
	execSQLite(t, foreign, "CREATE TABLE x(y)")
	newer := filepath.Join(dir, "n.db")
	open(t, "sqlite:"+newer, store.Options{}).Close()
	execSQLite(t, newer, "PRAGMA user_version=99")
	damaged := filepath.Join(dir, "d.db")
	if err := os.WriteFile(damaged, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url, says string
		setup     bool
	}{
		{"sqlite:" + filepath.Join(dir, "a.db"), "in use by process", true},
		{"sqlite:" + foreign, "not made by the hub", true},
		{"sqlite:" + newer, "newer than this binary", true},
		{"mysql:x", "unknown kind", true},
		{"sqlite:" + damaged, "not a database", false},
		{"sqlite:" + filepath.Join(dir, "a.db", "deeper.db"), "not a directory", false},
	} {
		_, err := Open(ctx, c.url, store.Options{})
		if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, store.ErrSetup) != c.setup {
			t.Errorf("%s: setup %v: %v", c.url, errors.Is(err, store.ErrSetup), err)
		}
	}
}
