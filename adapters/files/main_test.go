package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/units"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// settings are a Config, and the format of the source's files, one of formats; "" and none: what their names say.
type settings struct {
	Config
	Parse string
	Whole bool
}

// inbox is a folder with a source on it.
type inbox struct {
	t   *testing.T
	dir string
	cfg settings
	log syncBuffer
}

func newInbox(t *testing.T, change func(*settings)) *inbox {
	t.Helper()
	in := &inbox{t: t, dir: t.TempDir(), cfg: settings{Config: *defaultConfig()}}
	in.cfg.Dir, in.cfg.Stable, in.cfg.Poll = in.dir, 0, 10*time.Millisecond
	if change != nil {
		change(&in.cfg)
	}
	return in
}

func (in *inbox) open(arg string) hub.Source {
	in.t.Helper()
	env := &hub.Env{Name: "in", Dir: in.dir, Log: slog.New(slog.NewTextHandler(&in.log, nil)), Clock: hub.RealClock{}}
	cfg := in.cfg.Config
	a, err := Component().Open(&cfg, env)
	if err != nil {
		in.t.Fatal(err)
	}
	s, err := a.Source(arg, &SourceConfig{Whole: in.cfg.Whole})
	if err != nil {
		in.t.Fatal(err)
	}
	hub.Describe(s, hub.Description{Format: formats[in.cfg.Parse]})
	return s
}

// start runs the source until the returned stop.
func (in *inbox) start(h hub.Handler) (stop func() error) {
	in.t.Helper()
	src := in.open("")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- src.Run(ctx, h) }()
	return sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(10 * time.Second):
			in.t.Error("Run did not return")
			return nil
		}
	})
}

// drop puts a file there at once, as a mover does.
func (in *inbox) drop(name, content string) {
	in.t.Helper()
	temp := filepath.Join(in.dir, ".drop-"+name)
	if err := os.WriteFile(temp, []byte(content), 0o644); err != nil {
		in.t.Fatal(err)
	}
	if err := os.Rename(temp, filepath.Join(in.dir, name)); err != nil {
		in.t.Fatal(err)
	}
}

func (in *inbox) read(name string) string {
	in.t.Helper()
	raw, err := os.ReadFile(filepath.Join(in.dir, name))
	if err != nil {
		in.t.Fatal(err)
	}
	return string(raw)
}

func (in *inbox) has(name string) bool {
	_, err := os.Lstat(filepath.Join(in.dir, name))
	return err == nil
}

func (in *inbox) wait(name string) {
	in.t.Helper()
	until(in.t, "no "+name, func() bool { return in.has(name) })
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// catch is a handler that keeps what it took. refuse may say no.
type catch struct {
	mu     sync.Mutex
	msgs   []*hub.Message
	refuse func(m *hub.Message, try int) error
	tries  map[string]int
}

func (c *catch) Handle(_ context.Context, m *hub.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tries == nil {
		c.tries = map[string]int{}
	}
	c.tries[m.ID]++
	if c.refuse != nil {
		if err := c.refuse(m, c.tries[m.ID]); err != nil {
			return err
		}
	}
	c.msgs = append(c.msgs, m)
	return nil
}

// taken are the messages in the order of their files and lines.
func (c *catch) taken() []*hub.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := slices.Clone(c.msgs)
	slices.SortStableFunc(out, func(a, b *hub.Message) int {
		if d := strings.Compare(a.Headers[headerName], b.Headers[headerName]); d != 0 {
			return d
		}
		return atoi(a.Headers[headerLine]) - atoi(b.Headers[headerLine])
	})
	return out
}

func (c *catch) bodies() []string {
	var out []string
	for _, m := range c.taken() {
		out = append(out, string(m.Body.Bytes()))
	}
	return out
}

func (c *catch) ids() []string {
	var out []string
	for _, m := range c.taken() {
		out = append(out, m.ID)
	}
	return out
}

func wantStrings(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func reason(err error) string {
	if e, ok := errors.AsType[*hub.Error](err); ok {
		return fmt.Sprintf("%s %s", e.Class, e.Reason)
	}
	return fmt.Sprint(err)
}

func defaultConfig() *Config { return units.Defaults[Config]() }
