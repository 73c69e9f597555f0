package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func openTarget(t *testing.T, dir, arg string) hub.Target {
	t.Helper()
	cfg := defaultConfig()
	cfg.Dir = dir
	a, err := Component().Open(cfg, &hub.Env{Name: "out", Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	target, err := a.Target(arg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	return target
}

func message(id, body string, headers hub.Headers) *hub.Message {
	return &hub.Message{ID: id, Headers: headers, Body: hub.NewBody([]byte(body))}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	for _, e := range must(os.ReadDir(dir)) {
		out = append(out, e.Name())
	}
	return out
}

func TestTarget(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	target := openTarget(t, dir, "order-{order}.json")
	ctx := context.Background()
	for range 2 { // the second time it is there already
		if err := target.Send(ctx, message("m1", `{"a":1}`, hub.Headers{"order": "W-1"})); err != nil {
			t.Fatal(err)
		}
	}
	err := target.Send(ctx, message("m2", `{"a":2}`, hub.Headers{"order": "W-1"})) // row 57
	if reason(err) != "rejected target_exists" || !strings.Contains(err.Error(), `"order-W-1.json"`) {
		t.Errorf("got %v", err)
	}
	if raw := must(os.ReadFile(filepath.Join(dir, "order-W-1.json"))); string(raw) != `{"a":1}` {
		t.Errorf("written over: %s", raw)
	}
	if err := openTarget(t, dir, "").Send(ctx, message("parent/1", "x", nil)); err != nil {
		t.Fatal(err)
	}
	if err := openTarget(t, dir, "").Send(ctx, message("m3", "x", hub.Headers{"file_name": "own.txt"})); err != nil {
		t.Fatal(err)
	}
	wantStrings(t, names(t, dir), "order-W-1.json", "own.txt", "parent_1")
}

func TestTargetBesideLinksAndFolders(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	if err := errors.Join(os.Symlink(outside, filepath.Join(dir, "link")), os.Mkdir(filepath.Join(dir, "folder"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link", "folder"} {
		if err := openTarget(t, dir, name).Send(context.Background(), message("m", "x", nil)); reason(err) != "rejected target_exists" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("wrote through a link")
	}
}

func TestTargetTogether(t *testing.T) {
	dir := t.TempDir()
	target := openTarget(t, dir, "one")
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() { errs[i] = target.Send(context.Background(), message("m", fmt.Sprint(i%2), nil)) })
	}
	wg.Wait()
	kept := string(must(os.ReadFile(filepath.Join(dir, "one"))))
	for i, err := range errs {
		if (err == nil) != (fmt.Sprint(i%2) == kept) {
			t.Errorf("sender of %d, kept is %s: %v", i%2, kept, err)
		}
	}
	wantStrings(t, names(t, dir), "one")
}

func TestBadFileNames(t *testing.T) { // row 51
	dir := t.TempDir()
	target := openTarget(t, dir, "{name}")
	for _, name := range []string{"../../etc/passwd", "/etc/passwd", "a\x00b", "CON", "con.txt", "nul", "COM1", "LPT9.csv", strings.Repeat("x", 300),
		"a\nb", "a\rb", "..", ".", ".hidden", `a\b`, "a.", "a ", "", "\xff", "CLOCK$"} {
		err := target.Send(context.Background(), message("m", "x", hub.Headers{"name": name}))
		if reason(err) != "invalid bad_file_name" {
			t.Errorf("%.40q: %v", name, err)
		} else if strings.ContainsAny(err.Error(), "\n\r\x00") || len(err.Error()) > 300 {
			t.Errorf("%.40q: the error repeats it raw: %q", name, err)
		}
	}
	for _, name := range []string{"a b", "Ümläut.txt", "CONTROL", "COM", "COM10", strings.Repeat("x", 200), "a..b"} {
		if err := target.Send(context.Background(), message("m", "x", hub.Headers{"name": name})); err != nil {
			t.Errorf("%.40q: %v", name, err)
		}
	}
	if above := names(t, filepath.Dir(dir)); !slices.Contains(above, filepath.Base(dir)) || len(above) != 1 {
		t.Errorf("files outside: %q", above)
	}
}

func TestBadPatterns(t *testing.T) {
	a := &Adapter{cfg: *defaultConfig(), env: &hub.Env{Name: "out", Clock: hub.RealClock{}}}
	if _, err := a.OpenTarget("x"); err == nil {
		t.Error("dir is needed")
	}
	a.cfg.Dir = t.TempDir()
	for _, arg := range []string{"{", "a}", "{}", "a/{id}", "{a{b}", "a\nb"} {
		if _, err := a.OpenTarget(arg); err == nil {
			t.Errorf("%q: no error", arg)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{syscall.ENOSPC, "unavailable disk_full"}, {syscall.EDQUOT, "unavailable disk_full"}, {syscall.EACCES, "rejected permission"},
		{syscall.EPERM, "rejected permission"}, {syscall.EROFS, "rejected permission"}, {syscall.EIO, "unavailable file_system"},
	} {
		if got := reason(classify(&os.PathError{Op: "open", Path: "x", Err: c.err}, "/out")); got != c.want {
			t.Errorf("%v: %s, expected %s", c.err, got, c.want)
		}
	}
}

func TestTidy(t *testing.T) {
	dir := t.TempDir()
	old, fresh := filepath.Join(dir, ".hub-old.tmp"), filepath.Join(dir, ".hub-new.tmp")
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.WriteFile(fresh, nil, 0o600),
		os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour))); err != nil {
		t.Fatal(err)
	}
	if err := openTarget(t, dir, "").Send(context.Background(), message("m", "x", nil)); err != nil {
		t.Fatal(err)
	}
	wantStrings(t, names(t, dir), ".hub-new.tmp", "m")
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) {}, ""},
		{func(c *Config) { c.Path = "x" }, "dir"},
		{func(c *Config) { c.Dir = "" }, "dir"},
		{func(c *Config) { c.Match = "[" }, "match"},
		{func(c *Config) { c.Match = "../*" }, "match"},
		{func(c *Config) { c.Marker = "{name}.done" }, ""},
		{func(c *Config) { c.Marker = "{base}.ok" }, ""},
		{func(c *Config) { c.Marker = "done" }, "marker"},
		{func(c *Config) { c.Marker = "{name}" }, "marker"},
		{func(c *Config) { c.Marker = "../{name}.done" }, "marker"},
		{func(c *Config) { c.Marker, c.Match = "{base}.csv", "*.csv" }, "marker"},
		{func(c *Config) { c.Done = "../done" }, "done"},
		{func(c *Config) { c.Processing = ".." }, "processing"},
		{func(c *Config) { c.Failed = "done" }, "done"},
		{func(c *Config) { c.Key = "call_id" }, "key"},
		{func(c *Config) { c.Key = "body..call_id" }, "key"},
	} {
		cfg := defaultConfig()
		cfg.Dir = "in"
		c.change(cfg)
		var got []string
		for _, f := range Component().Check(cfg, &hub.Env{}) {
			got = append(got, f.Path)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("faults at %q, expected %q", got, c.want)
		}
	}
}

// TestPowerCut: a file that was confirmed is there after a power cut, with all of its content.
func TestPowerCut(t *testing.T) {
	disk := hubtest.NewDisk(t)
	target := openTarget(t, filepath.Join(disk.Dir, "out"), "{id}.json")
	body := strings.Repeat(`{"order":"W-1"}`, 1000)
	for i := range 5 {
		if err := target.Send(t.Context(), message(fmt.Sprint("m", i), body, nil)); err != nil {
			t.Fatal(err)
		}
	}
	disk.Cut(func(dir string) {
		for i := range 5 {
			raw, err := os.ReadFile(filepath.Join(dir, "out", fmt.Sprintf("m%d.json", i)))
			if err != nil || string(raw) != body {
				t.Errorf("file %d has %d bytes of %d after the cut: %v", i, len(raw), len(body), err)
			}
		}
	})
}
