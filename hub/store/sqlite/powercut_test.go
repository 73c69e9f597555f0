//go:build linux

package sqlite

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"orderhub/hub/hubtest"
	"orderhub/hub/store"
	"orderhub/hub/store/storetest"
)

// A power cut takes away what was not flushed: all that was acknowledged is there after it.
func TestFault_R9_PowerCut(t *testing.T) {
	disk := hubtest.NewDisk(t)
	for round := range 2 {
		file := fmt.Sprintf("%d.db", round)
		cmd := child(t, "write", filepath.Join(disk.Dir, file))
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var acked []string
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			if acked = append(acked, strings.TrimPrefix(lines.Text(), "acked ")); len(acked) == 500+700*round {
				break
			}
		}
		if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond) // a signal stops the threads of a process one after another
		disk.Cut(func(dir string) {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if len(acked) < 500 {
				t.Fatalf("only %d acked", len(acked))
			}
			verify(t, filepath.Join(dir, file), acked)
		})
	}
}

// A checkpoint that can't write ends the store: what is not in the file now must not be taken out of the log later.
func TestFault_R9_FailedCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s := open(t, path, store.Options{})
	for i := range 50 {
		storetest.Put(t, s, "q", storetest.Message(fmt.Sprint("m", i), strings.Repeat("x", 3000)))
	}
	readOnly(t, path)
	if err := s.alone(ctx, func() error { s.pages = walPages; return nil }); err != nil {
		t.Fatal(err)
	}
	storetest.Put(t, s, "q", storetest.Message("last", "it is durable in the log"))
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the store goes on after a failed checkpoint")
	}
	if err := s.do(ctx, 0, func(*batch) error { return nil }); err == nil {
		t.Fatal("a failed store takes commits")
	}
	_ = s.Close()
	again := open(t, path, store.Options{})
	defer again.Close()
	if n := left(t, again); n != 51 {
		t.Fatalf("%d of 51 messages are left", n)
	}
}

// readOnly makes every write to the file at path, by descriptors that are open, fail.
func readOnly(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not list the descriptors of a process")
	}
	for _, e := range entries {
		var fd int
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == path {
			if fmt.Sscan(e.Name(), &fd); fd != int(f.Fd()) {
				if err := syscall.Dup3(int(f.Fd()), fd, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// Each commit is flushed to the disk before it is acknowledged.
func TestFault_R9_Synchronous(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "hub.db"), store.Options{})
	defer s.Close()
	var n int64
	if err := s.alone(ctx, func() (err error) { n, err = s.w.number("PRAGMA synchronous"); return err }); err != nil || n != 2 {
		t.Fatalf("synchronous is %d, not 2 (FULL): %v", n, err)
	}
}
