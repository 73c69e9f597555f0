package files

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderhub/hub"
)

func TestNotRegular(t *testing.T) { // row 52
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	in := newInbox(t, nil)
	for _, err := range []error{
		os.Symlink(outside, filepath.Join(in.dir, "symlink")),
		os.Symlink("/etc", filepath.Join(in.dir, "dirlink")),
		os.Symlink("good", filepath.Join(in.dir, "inner")),
		os.Link(outside, filepath.Join(in.dir, "hardlink")),
		syscall.Mkfifo(filepath.Join(in.dir, "fifo"), 0o600),
		os.Mkdir(filepath.Join(in.dir, "folder"), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"symlink", "dirlink", "inner", "hardlink", "fifo", "folder"}
	if err := syscall.Mknod(filepath.Join(in.dir, "device"), syscall.S_IFCHR|0o600, 1<<8|5); err == nil { // /dev/zero, needs root
		names = append(names, "device")
	}
	var got catch
	stop := in.start(&got)
	in.drop("good", "good")
	in.wait("done/good")
	in.drop("later", "later") // some rounds later
	in.wait("done/later")
	stop()
	wantStrings(t, got.bodies(), "good", "later")
	for _, name := range names {
		if !in.has(name) {
			t.Errorf("%s was taken away", name)
		}
		if n := strings.Count(in.log.String(), "event=not_regular_file file="+name+" "); n != 1 {
			t.Errorf("%s: %d log lines, expected 1:\n%s", name, n, in.log.String())
		}
	}
}

func TestWaitsUntilStable(t *testing.T) { // row 53
	in := newInbox(t, func(c *settings) { c.Parse = "lines"; c.Stable = time.Second })
	var got catch
	stop := in.start(&got)
	f := must(os.Create(filepath.Join(in.dir, "a")))
	for i := range 40 { // 2 s of writing
		fmt.Fprintf(f, "%d\n", i)
		time.Sleep(50 * time.Millisecond)
		if !in.has("a") {
			t.Fatal("claimed while it was written")
		}
	}
	f.Close()
	in.wait("done/a")
	stop()
	if n := len(got.taken()); n != 40 {
		t.Errorf("%d records of 40", n)
	}
}

func TestChangedWhileRead(t *testing.T) { // row 53
	for _, change := range []string{"append", "truncate"} {
		t.Run(change, func(t *testing.T) {
			in := newInbox(t, func(c *settings) { c.Parse = "lines"; c.Workers = 1; c.Stable = 20 * time.Millisecond })
			f := must(os.Create(filepath.Join(in.dir, "a")))
			defer f.Close()
			for i := range 100_000 {
				fmt.Fprintf(f, "%090d\n", i)
			}
			var once sync.Once
			var n atomic.Int64
			stop := in.start(hub.HandlerFunc(func(context.Context, *hub.Message) error {
				once.Do(func() {
					if change == "append" {
						fmt.Fprintf(f, "one more\n")
					} else if err := f.Truncate(910); err != nil {
						t.Error(err)
					}
					n.Store(0)
				})
				n.Add(1)
				return nil
			}))
			in.wait("done/a")
			stop()
			if !strings.Contains(in.log.String(), "event=file_changed") {
				t.Errorf("no file_changed: %s", in.log.String())
			}
			want := int64(100_001)
			if change == "truncate" {
				want = 10
			}
			if n.Load() < want {
				t.Errorf("%d records, expected at least %d", n.Load(), want)
			}
		})
	}
}

func TestEmptyAndTooLarge(t *testing.T) { // row 54
	for _, c := range []struct {
		empty, content, parse, to, list string
		bodies                          []string
	}{
		{empty: "skip", to: "done/a"},
		{empty: "deliver", to: "done/a", bodies: []string{""}},
		{empty: "fail", to: "failed/a", list: "line 1: empty_file: the file is empty\n"},
		{empty: "skip", content: "12345678901", parse: "none", to: "failed/a", list: "line 1: too_large: the file is larger than 10 bytes (max_record)\n"},
		{empty: "skip", content: "1234567890\n12345678901\r\n1234567890\r\n" + strings.Repeat("x", 1<<20) + "\nlast", parse: "lines", to: "failed/a",
			list: "line 2: too_large: the line is larger than 10 bytes\nline 4: too_large: the line is larger than 10 bytes\n", bodies: []string{"1234567890", "1234567890", "last"}},
	} {
		in := newInbox(t, func(cfg *settings) { cfg.Empty = c.empty; cfg.MaxRecord = 10; cfg.Parse = "none" })
		if c.parse != "" {
			in.cfg.Parse = c.parse
		}
		var got catch
		stop := in.start(&got)
		in.drop("a", c.content)
		in.wait(c.to)
		stop()
		wantStrings(t, got.bodies(), c.bodies...)
		if c.list != "" && in.read(c.to+".errors") != c.list {
			t.Errorf("list %q, expected %q", in.read(c.to+".errors"), c.list)
		}
	}
}
