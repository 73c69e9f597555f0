package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
)

const childEnv = "STORE_TEST_CHILD"

// asChild runs this test binary as another process of the hub: "mode path".
func asChild() bool {
	mode, path, found := strings.Cut(os.Getenv(childEnv), " ")
	if !found {
		return false
	}
	s, err := Open(context.Background(), path, store.Options{})
	if err != nil {
		fmt.Println(err)
		return true
	}
	switch mode {
	case "write":
		childWrites(s, 0)
	case "limit":
		childMeetsLimit(s)
	}
	return true
}

// childMeetsLimit writes until its files may not grow, and prints how the store takes that, and the end of it.
func childMeetsLimit(s store.Store) {
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		fmt.Println("getrlimit", err)
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: old.Max}); err != nil {
		fmt.Println("setrlimit", err)
		return
	}
	childWrites(s, 5000)
	u := &hub.Unit{Writes: []hub.Write{{Kind: "k", Key: "much", Value: make([]byte, 64<<10)}}}
	fmt.Println("full", errors.Is(s.Commit(context.Background(), u), hub.ErrNoSpace), errors.Is(s.Room(context.Background()), hub.ErrNoSpace), s.Err())
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		fmt.Println("setrlimit", err)
	}
	fmt.Println("then", s.Room(context.Background()), s.Commit(context.Background(), u), s.Close())
}

// childWrites commits from 8 goroutines and prints each ID once it is acked; n 0: for ever.
func childWrites(s store.Store, n int) {
	var wg sync.WaitGroup
	var out sync.Mutex
	for w := range 8 {
		wg.Go(func() {
			for i := 0; n == 0 || i < n; i++ {
				id := fmt.Sprint("m", w, "-", i)
				u := &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: &hub.Message{ID: id, Body: hub.NewBody([]byte(strings.Repeat(id, 50)))}}},
					Writes: []hub.Write{{Kind: "k", Key: id, Value: []byte(id)}}, Adds: []hub.Add{{Kind: "c", Key: "n", Delta: 1}}}
				if s.Commit(context.Background(), u) != nil {
					return
				}
				out.Lock()
				fmt.Println("acked", id)
				out.Unlock()
			}
		})
	}
	wg.Wait()
}

func child(t *testing.T, mode, path string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+mode+" "+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// verify opens the store and checks that all acked IDs are there, whole, and
// that units were all or nothing.
func verify(t *testing.T, path string, acked []string) {
	t.Helper()
	s := open(t, path, store.Options{})
	defer s.Close()
	stored := map[string]bool{}
	for after := int64(0); ; {
		page, err := s.Browse(context.Background(), store.BrowseQuery{Queue: "q", After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, d := range page {
			id := d.Msg.ID
			if string(d.Msg.Body.Bytes()) != strings.Repeat(id, 50) {
				t.Fatalf("message %s came back wrong", id)
			}
			if _, err := s.Get(context.Background(), "k", id); err != nil {
				t.Fatalf("message %s is there, its record is not: %v", id, err)
			}
			stored[id], after = true, d.Seq
		}
	}
	for _, id := range acked {
		if !stored[id] {
			t.Fatalf("acked message %s is lost", id)
		}
	}
	n, err := s.Counters(context.Background(), "c", "")
	if err != nil || n["n"] != int64(len(stored)) {
		t.Fatalf("the counter says %d, %d messages are stored: %v", n["n"], len(stored), err)
	}
}

func TestKill(t *testing.T) {
	for round := range 4 {
		path := filepath.Join(t.TempDir(), "hub.db")
		cmd := child(t, "write", path)
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var acked []string
		lines := bufio.NewScanner(pipe)
		for lines.Scan() {
			id, ok := strings.CutPrefix(lines.Text(), "acked ")
			if !ok {
				t.Fatal(lines.Text())
			}
			if acked = append(acked, id); len(acked) == 40+400*round {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		if len(acked) < 40 {
			t.Fatalf("only %d acked", len(acked))
		}
		verify(t, path, acked)
	}
}

// A write that fails stops the store for good, and what was acked stays.
func TestWriteErrorIsFatal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s := open(t, path, store.Options{})
	for i := range 20 {
		storetest.Put(t, s, "q", storetest.Message(fmt.Sprint("m", i), "body"))
	}
	readOnly(t, path+"-wal")
	err := s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: storetest.Message("lost", "body")}}})
	_, _, claim := s.Claim(ctx, "q", 1, 0)
	if err == nil || claim == nil || s.Err() == nil || errors.Is(err, hub.ErrNoSpace) {
		t.Fatalf("commit: %v, claim: %v, store: %v", err, claim, s.Err())
	}
	_ = s.Close()
	again := open(t, path, store.Options{})
	defer again.Close()
	if n := left(t, again); n != 20 {
		t.Fatalf("%d of 20 messages are left", n)
	}
}

// TestFault_V6_LimitOfFiles: what a quota or a limit of the process's files does not let the store write is a full disk,
// which SQLite calls an I/O error: nothing that was acked is lost, and it heals by itself.
func TestFault_V6_LimitOfFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	out, err := child(t, "limit", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	acked, said := lines[:max(len(lines)-2, 0)], lines[max(len(lines)-2, 0):]
	if got := strings.Join(said, "\n"); got != "full true true <nil>\nthen <nil> <nil> <nil>" {
		t.Fatalf("the child said %q", got)
	}
	for i, l := range acked {
		acked[i] = strings.TrimPrefix(l, "acked ")
	}
	verify(t, path, acked)
	if rest, _ := filepath.Glob(path + ".room*"); len(rest) > 0 {
		t.Errorf("left behind: %v", rest)
	}
}

func TestFault_V6_OutOfSpace(t *testing.T) {
	for err, want := range map[error]bool{syscall.ENOSPC: true, syscall.EDQUOT: true, syscall.EFBIG: true, syscall.EIO: false, syscall.EROFS: false, nil: false} {
		if got := outOfSpace(fmt.Errorf("write: %w", err)); got != want {
			t.Errorf("%v: %t, want %t", err, got, want)
		}
	}
}

func TestSecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s := open(t, path, store.Options{})
	out, err := child(t, "write", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "in use by process " + strconv.Itoa(os.Getpid()) + ": stop that hub"
	if !strings.Contains(string(out), want) {
		t.Fatalf("the second process said %q, want %q", out, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path, store.Options{})
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
