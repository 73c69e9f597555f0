package store

import (
	"bufio"
	"context"
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
)

const childEnv = "STORE_TEST_CHILD"

// asChild runs this test binary as another process of the hub: "mode path".
func asChild() bool {
	mode, path, found := strings.Cut(os.Getenv(childEnv), " ")
	if !found {
		return false
	}
	s, err := Open(context.Background(), "sqlite:"+path, Options{})
	if err != nil {
		fmt.Println(err)
		return true
	}
	switch mode {
	case "write":
		childWrites(s, 0)
	case "limit":
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
			fmt.Println("setrlimit", err)
			return true
		}
		childWrites(s, 5000)
		<-s.(Health).Done()
		_, _, claim := s.Claim(context.Background(), "q", 1, 0)
		fmt.Println("failed", s.(Health).Err() != nil, s.Commit(context.Background(), &hub.Unit{}) != nil, claim != nil)
		s.Close()
	}
	return true
}

// childWrites commits from 8 goroutines and prints each ID once it is acked; n 0: for ever.
func childWrites(s hub.Store, n int) {
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
	s := open(t, "sqlite:"+path, Options{})
	defer s.Close()
	stored := map[string]bool{}
	for after := int64(0); ; {
		page, err := s.Browse(context.Background(), hub.BrowseQuery{Queue: "q", After: after, Limit: 1000})
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
	for round := range 10 {
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
			if acked = append(acked, id); len(acked) == 40+150*round {
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
	out, err := child(t, "limit", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var acked []string
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if last := lines[len(lines)-1]; last != "failed true true true" {
		t.Fatalf("the child said %q", last)
	}
	for _, l := range lines[:len(lines)-1] {
		acked = append(acked, strings.TrimPrefix(l, "acked "))
	}
	verify(t, path, acked)
}

func TestSecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s := open(t, "sqlite:"+path, Options{})
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
	again := open(t, "sqlite:"+path, Options{})
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
