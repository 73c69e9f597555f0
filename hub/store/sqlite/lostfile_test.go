package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/store"
)

// TestFault_R2_FileGone: a log without the file that it belongs to is told, not deleted: what it holds was acknowledged.
func TestFault_R2_FileGone(t *testing.T) {
	files := killed(t, 20)
	for name, lose := range map[string]func(path string) error{
		"removed":   os.Remove,
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"cut short": func(path string) error { return os.Truncate(path, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			path := lay(t, files)
			if err := lose(path); err != nil {
				t.Fatal(err)
			}
			s, err := Open(ctx, path, store.Options{})
			if err == nil {
				s.Close()
				t.Fatal("it opens")
			}
			if errors.Is(err, store.ErrSetup) || !strings.Contains(err.Error(), path+"-wal holds acknowledged commits") {
				t.Error(err)
			}
			if b, err := os.ReadFile(path + "-wal"); err != nil || !bytes.Equal(b, files["-wal"]) {
				t.Errorf("the log was changed: %d bytes of %d, %v", len(b), len(files["-wal"]), err)
			}
			if err := os.WriteFile(path, files[""], 0o600); err != nil {
				t.Fatal(err)
			}
			again := open(t, path, store.Options{})
			defer again.Close()
			if n := left(t, again); n != 20 {
				t.Errorf("%d of 20 messages", n)
			}
		})
	}
}

// TestFault_R2_FileCut: a store whose last page is not whole is told, whatever is missing of it, and not changed.
func TestFault_R2_FileCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s := open(t, path, store.Options{})
	for i := range 20 {
		if err := s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: &hub.Message{ID: strconv.Itoa(i), Body: hub.NewBody([]byte("{}"))}}}}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 100, 4095, 4096, 5000} {
		if err := os.WriteFile(path, whole[:len(whole)-n], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(ctx, path, store.Options{})
		if err == nil {
			s.Close()
			t.Errorf("it opens without its last %d bytes", n)
		} else if errors.Is(err, store.ErrSetup) || n%4096 != 0 && !strings.Contains(err.Error(), "was cut") {
			t.Error(err)
		}
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, whole[:len(whole)-n]) {
			t.Errorf("it was changed: %v", err)
		}
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, path, store.Options{})
	defer again.Close()
	if n := left(t, again); n != 20 {
		t.Errorf("%d of 20 messages", n)
	}
}
