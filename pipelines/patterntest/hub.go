// Package patterntest runs YAML snippets through the loader and the runtime,
// for the tests of patterns: over a store in memory (or a file), on virtual
// time, with fake adapters, and tells what happened.
package patterntest

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/figures"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// Config is what a test runs.
type Config struct {
	YAML     string             // the pipelines file
	Registry pipelines.Registry // its patterns and functions; the fake adapters are added
	Store    string             // default "memory:"; "sqlite:file" for tests of restarts
	Clock    *Clock             // default: a new one; give the same to a restarted hub
	Answers  map[string]Answer  // what the fake adapters answer, by "adapter.op"
	Refuses  func(*hub.Message) error
	Figures  func(now time.Time, to *figures.Set) // what a hub tells of itself, beside what its runtime knows
	Log      io.Writer                            // default: nothing is logged
}

// Answer is what a fake adapter's operation does.
type Answer func(ctx context.Context, m *hub.Message) (*hub.Message, error)

// Hub is a running hub. Start ends it with the test.
type Hub struct {
	Clock   *Clock
	Store   store.Store
	Runtime *engine.Runtime
	Plan    *pipelines.Plan

	t      testing.TB
	far    *farEnds
	opened *pipelines.Opened
	cancel context.CancelFunc
	done   chan error
}

// Start loads, opens and runs. A configuration with problems fails the test.
func Start(t testing.TB, c Config) *Hub {
	t.Helper()
	c.Clock = cmp.Or(c.Clock, NewClock())
	c.Store = cmp.Or(c.Store, "memory:")
	far := newFarEnds(c)
	plan, problems := load(t, &c, far)
	if problems.Errors() > 0 {
		problems.WriteText(t.Output(), true, false)
		t.Fatal("the configuration has problems")
	}
	return begin(t, c, plan, far)
}

// Twin is another hub with a store and a clock of its own, which has the same plan open at the same time.
func (h *Hub) Twin(t testing.TB) *Hub {
	t.Helper()
	return begin(t, Config{Store: "memory:", Clock: NewClock()}, h.Plan, h.far)
}

// begin opens the plan and runs it.
func begin(t testing.TB, c Config, plan *pipelines.Plan, far *farEnds) *Hub {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if c.Log != nil {
		log = slog.New(slog.NewTextHandler(c.Log, nil))
	}
	h := &Hub{t: t, Clock: c.Clock, Plan: plan, far: far, done: make(chan error, 1)}
	var err error
	if h.Store, err = drivers.Open(t.Context(), c.Store, store.Options{Clock: c.Clock, Log: log, MinFree: -1}); err != nil {
		t.Fatal(err)
	}
	if err := h.Store.Recover(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	h.Runtime = engine.NewRuntime(h.Store, c.Clock, log, nil)
	if c.Figures != nil {
		h.Runtime.Gathered(func(ctx context.Context) (figures.Snapshot, error) {
			own, err := h.Runtime.Figures(ctx)
			to := &figures.Set{}
			c.Figures(c.Clock.Now(), to)
			return append(own, to.Snapshot()...), err
		})
	}
	if h.opened, err = plan.Open(h.Runtime, c.Clock, log); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	go func() { h.done <- h.Runtime.Run(ctx) }()
	<-h.Runtime.Started()
	t.Cleanup(h.Stop)
	return h
}

// Stop ends the hub as SIGTERM does, and closes its store. A second Stop does nothing.
func (h *Hub) Stop() {
	h.t.Helper()
	if h.cancel == nil {
		return
	}
	h.cancel()
	h.cancel = nil
	select {
	case err := <-h.done:
		if err != nil {
			h.t.Errorf("run: %v", err)
		}
	case <-time.After(20 * time.Second):
		h.t.Error("the hub did not stop")
	}
	if err := h.opened.Close(context.Background()); err != nil {
		h.t.Errorf("close: %v", err)
	}
	if err := h.Store.Close(); err != nil {
		h.t.Errorf("close: %v", err)
	}
}

// Problems is what the loader says of a configuration, without the source lines.
func Problems(t testing.TB, c Config) string {
	t.Helper()
	_, problems := load(t, &c, newFarEnds(c))
	var w strings.Builder
	problems.WriteText(&w, false, false)
	return w.String()
}

func load(t testing.TB, c *Config, far *farEnds) (*pipelines.Plan, *yamlfile.Problems) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipelines.yaml")
	if err := os.WriteFile(path, []byte(c.YAML), 0o600); err != nil {
		t.Fatal(err)
	}
	reg := c.Registry
	reg.Components = append(far.components(), reg.Components...)
	return pipelines.Load(path, &reg, yamlfile.NewLoader())
}
