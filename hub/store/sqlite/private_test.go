package sqlite

import (
	"bytes"
	"log/slog"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A database is its owner's alone, also one that was restored with other rights; that is said once.
func TestFault_S9_RestoredDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "hub.db")
	s := open(t, path, store.Options{})
	storetest.Put(t, s, "q", storetest.Message("a", "1"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	alone := func() {
		t.Helper()
		for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
			if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has %v", name, info.Mode().Perm())
			}
		}
	}
	alone()
	for _, mode := range []os.FileMode{0o644, 0o664, 0o604, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		s := open(t, path, store.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		storetest.Put(t, s, "q", storetest.Message("b"+mode.String(), "1"))
		alone()
		if n := strings.Count(log.String(), "open to others"); n != 1 {
			t.Errorf("%v: told %d times: %s", mode, n, &log)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has %v, %v", info.Mode().Perm(), err)
	}
}
