package store

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
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
			s, err := Open(ctx, "sqlite:"+path, Options{})
			if err == nil {
				s.Close()
				t.Fatal("it opens")
			}
			if errors.Is(err, ErrSetup) || !strings.Contains(err.Error(), path+"-wal holds acknowledged commits") {
				t.Error(err)
			}
			if b, err := os.ReadFile(path + "-wal"); err != nil || !bytes.Equal(b, files["-wal"]) {
				t.Errorf("the log was changed: %d bytes of %d, %v", len(b), len(files["-wal"]), err)
			}
			if err := os.WriteFile(path, files[""], 0o600); err != nil {
				t.Fatal(err)
			}
			again := open(t, "sqlite:"+path, Options{})
			defer again.Close()
			if n := left(t, again); n != 20 {
				t.Errorf("%d of 20 messages", n)
			}
		})
	}
}
