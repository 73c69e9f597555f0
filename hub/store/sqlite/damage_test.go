package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/hub/store"
	"orderhub/hub/store/sqlite/wal"
	"orderhub/hub/store/storetest"
)

// killed copies the files of a store that has n messages in its log, as a kill -9 leaves them.
func killed(t *testing.T, n int) map[string][]byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hub.db")
	s := open(t, path, store.Options{})
	defer s.Close()
	for i := range n {
		storetest.Put(t, s, "q", storetest.Message(fmt.Sprint("m", i), strings.Repeat("x", 500)))
	}
	files := map[string][]byte{}
	for _, end := range []string{"", "-wal", "-shm"} {
		b, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		files[end] = b
	}
	return files
}

func lay(t *testing.T, files map[string][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hub.db")
	for end, b := range files {
		if err := os.WriteFile(path+end, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// left is how many messages the store holds.
func left(t *testing.T, s store.Store) int {
	t.Helper()
	qs, err := s.Queues(ctx)
	if err != nil || len(qs) != 1 {
		t.Fatalf("queues %v: %v", qs, err)
	}
	return qs[0].Ready + qs[0].Dead
}

// No flipped bit of the log takes an acknowledged message away without a word.
func TestFault_R2_NoSilentLoss(t *testing.T) {
	const n = 60
	files, random := killed(t, n), rand.New(rand.NewPCG(2, 2))
	whole := files["-wal"]
	corrected, told := 0, 0
	const tries = 25
	for range tries {
		log := bytes.Clone(whole)
		log[random.IntN(len(log))] ^= 1 << random.IntN(8)
		files["-wal"] = log
		path := lay(t, files)
		s, err := Open(ctx, path, store.Options{})
		if damage, ok := errors.AsType[*wal.Damage](err); ok && damage.Commits > 0 && !errors.Is(err, store.ErrSetup) {
			told++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := left(t, s); got != n {
			t.Fatalf("%d of %d messages are left, and nothing was said", got, n)
		}
		corrected++
		s.Close()
	}
	t.Logf("%d flipped bits: %d without loss, %d told", tries, corrected, told)
}

// A damaged log stops the start until somebody gives up what it held, by the number that the error names.
func TestFault_R2_AcceptLoss(t *testing.T) {
	files := killed(t, 60)
	log := bytes.Clone(files["-wal"])
	for i := range 512 { // whatever lies there, it is another
		log[len(log)/2+i] ^= 0xff
	}
	files["-wal"] = log
	path := lay(t, files)
	_, err := Open(ctx, path, store.Options{})
	damage, ok := errors.AsType[*wal.Damage](err)
	if !ok || !strings.Contains(err.Error(), fmt.Sprintf("--accept-loss %d", damage.Frame)) {
		t.Fatal(err)
	}
	if _, err := Open(ctx, path, store.Options{AcceptLoss: damage.Frame + 1}); err == nil {
		t.Fatal("another number is taken")
	}
	var said bytes.Buffer
	s, err := Open(ctx, path, store.Options{AcceptLoss: damage.Frame, Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := left(t, s); n == 0 || n >= 60 || !strings.Contains(said.String(), "goes on without") {
		t.Fatalf("%d messages; log: %s", n, &said)
	}
	kept, _ := filepath.Glob(path + "-wal.damaged-*")
	if len(kept) != 1 {
		t.Fatalf("copies %v", kept)
	}
	if b, _ := os.ReadFile(kept[0]); !bytes.Equal(b, log) {
		t.Fatal("the copy is not the log that was damaged")
	}
}

// TestFault_R2_Check: a page that was overwritten is found beside a store that is in use, and a search through a whole file finds nothing.
func TestFault_R2_Check(t *testing.T) {
	path := lay(t, killed(t, 60))
	s := open(t, path, store.Options{})
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
	s.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(b[len(b)-4096:], make([]byte, 64)) // the last page is of the messages
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, store.Options{})
	defer s.Close()
	if err := s.Check(ctx); err == nil || !strings.Contains(err.Error(), "store "+path+" is damaged: ") {
		t.Errorf("%v", err)
	}
}
