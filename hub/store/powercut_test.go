//go:build linux

package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A power cut takes away what was not flushed. The store lies on a file system in a file: what this has not been told to
// flush never reaches that file, so that a copy of it, taken while the writers are stopped, is what a power cut leaves.
func TestFault_R9_PowerCut(t *testing.T) {
	dir := t.TempDir()
	image, mount := filepath.Join(dir, "disk"), filepath.Join(dir, "mount")
	mounted(t, image, mount)
	for round := range 3 {
		path := filepath.Join(mount, fmt.Sprintf("%d.db", round))
		cmd := child(t, "write", path)
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
		cut := filepath.Join(dir, "cut")
		run(t, "cp", "--sparse=always", image, cut)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if len(acked) < 500 {
			t.Fatalf("only %d acked", len(acked))
		}
		after := filepath.Join(dir, "after")
		if err := os.MkdirAll(after, 0o700); err != nil {
			t.Fatal(err)
		}
		run(t, "mount", "-o", "loop", cut, after)
		func() {
			defer run(t, "umount", after)
			verify(t, filepath.Join(after, filepath.Base(path)), acked)
		}()
	}
}

// mounted makes a file system in image and mounts it, so that nothing but a flush writes to image for minutes.
func mounted(t *testing.T, image, mount string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a file system can be mounted by root alone")
	}
	if err := os.MkdirAll(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "truncate", "-s", "1G", image)
	run(t, "mkfs.ext4", "-q", image)
	if out, err := exec.Command("mount", "-o", "loop,commit=300", image, mount).CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %s", out)
	}
	t.Cleanup(func() { run(t, "umount", mount) })
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// A checkpoint that can't write ends the store: what is not in the file now must not be taken out of the log later.
func TestFault_R9_FailedCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	s := open(t, "sqlite:"+path, Options{}).(*SQLite)
	for i := range 50 {
		put(t, s, "q", msg(fmt.Sprint("m", i), strings.Repeat("x", 3000)))
	}
	readOnly(t, path)
	if err := s.submit(ctx, &job{alone: func() error { s.pages = walPages; return nil }}); err != nil {
		t.Fatal(err)
	}
	put(t, s, "q", msg("last", "it is durable in the log"))
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the store goes on after a failed checkpoint")
	}
	if err := s.submit(ctx, &job{run: func(*batch) error { return nil }}); err == nil {
		t.Fatal("a failed store takes commits")
	}
	_ = s.Close()
	again := open(t, "sqlite:"+path, Options{})
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
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), Options{}).(*SQLite)
	defer s.Close()
	var n int64
	if err := s.submit(ctx, &job{alone: func() (err error) { n, err = s.w.number("PRAGMA synchronous"); return err }}); err != nil || n != 2 {
		t.Fatalf("synchronous is %d, not 2 (FULL): %v", n, err)
	}
}
