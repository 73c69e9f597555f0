// Package sandbox plays the samples of a configuration on a temporary store, with
// stubs for all partners and temporary folders. Nothing leaves it.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/daemon"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/show"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/console"
)

// Options say what is played.
type Options struct {
	Config   string
	Sets     []string
	Registry func() *pipelines.Registry // makes a fresh one
	Log      *slog.Logger
	Wait     time.Duration // until all is quiet
	Keep     bool          // run on when the samples are played
}

// Run plays the samples, prints what came of each, and with Keep runs on until a signal ends it.
func Run(ctx context.Context, s *screen.Screen, o Options) (err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "hub-sandbox-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &box{dir: dir, stubs: &config.Stubs{Real: true, Boxed: true}}
	reg := o.Registry()
	b.contain(reg)
	l := config.Load(o.Config, reg, b.stubs, o.Sets...)
	if !l.OK() {
		b.stubs.Close()
		return s.Explain(l.Path, l.Problems)
	}
	if l.Plan.Console = (console.Config{Address: console.None}); o.Keep {
		l.Plan.Console.Address = "127.0.0.1:0"
	}
	d, err := daemon.Open(ctx, daemon.Options{Config: l, Registry: reg, Fresh: o.Registry, Stubs: b.stubs, Log: o.Log,
		Store: "sqlite:" + filepath.Join(dir, "hub.db"), Socket: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	ctx, hup, stop := exit.Signals(ctx)
	defer stop()
	if err := d.Begin(ctx); err != nil {
		return err
	}
	served, end := context.WithCancel(ctx)
	defer end()
	result := make(chan error, 1)
	go func() { result <- d.Serve(served, hup) }()
	p := &player{box: b, daemon: d, plan: l.Plan}
	missing, err := p.play(ctx, o.Wait)
	if err == nil {
		err = p.print(ctx, s, missing, time.Since(began))
	}
	if o.Keep && ctx.Err() == nil {
		addresses := slices.Sorted(maps.Values(d.Addresses()))
		s.Say("the sandbox runs on: %s  console: %s  (hub trace last --hub %s; ^C ends it)", strings.Join(addresses, " "), d.Ready().Console, d.Socket)
	} else {
		end()
	}
	ended := <-result
	if ctx.Err() != nil && !o.Keep {
		return exit.With(exit.Interrupted, nil)
	}
	return errors.Join(err, ended)
}

// print prints the timelines and what the partners were asked.
func (p *player) print(ctx context.Context, s *screen.Screen, missing string, took time.Duration) error {
	views := p.views(ctx)
	dead := 0
	for _, v := range views {
		if v.Trace != nil && v.Trace.State == api.Dead {
			dead++
		}
	}
	effects := p.effects()
	if s.IsJSON() {
		if err := s.PrintJSON(map[string]any{"samples": views, "quiet": missing == "", "effects": effects, "took_ms": took.Milliseconds()}); err != nil {
			return err
		}
	} else {
		for _, v := range views {
			s.Print("== %s  %s", v.Sample, v.Result)
			if v.Trace != nil {
				show.Trace(s, v.Trace)
			}
			s.Print("")
		}
		s.Print("%s in %.1f s; %s", words.Plural(len(p.played), "sample"), took.Seconds(), strings.Join(effects, ", "))
	}
	switch {
	case missing != "":
		return exit.With(exit.Timeout, fmt.Errorf("%s in time: hub sandbox --keep, then hub status", missing))
	case dead > 0:
		return fmt.Errorf("%s left", words.Plural(dead, "dead letter"))
	}
	return nil
}

// box changes the components so that nothing leaves the sandbox: folders are
// temporary, servers take any free port, partners are stubs whatever the
// configuration says. It notes the messages that files brought.
type box struct {
	dir   string
	stubs *config.Stubs

	mu    sync.Mutex
	roots []string
}

func (b *box) contain(reg *pipelines.Registry) {
	for i := range reg.Components {
		c := &reg.Components[i]
		open := c.Open
		c.Open = func(cfg any, env *hub.Env) (*hub.Adapter, error) {
			if c.Confine != nil {
				c.Confine(cfg, b.stubs.Partner(env.Name, c), b.folder(env.Name))
			}
			a, err := open(cfg, env)
			if err == nil && c.Finite {
				a.Source = b.noted(a.Source)
			}
			return a, err
		}
	}
}

// folder is the temporary folder of an adapter of files.
func (b *box) folder(adapter string) string { return filepath.Join(b.dir, "files", adapter) }

// noted makes sources whose messages are noted.
func (b *box) noted(open func(arg string, options any) (hub.Source, error)) func(arg string, options any) (hub.Source, error) {
	return func(arg string, options any) (hub.Source, error) {
		src, err := open(arg, options)
		if err != nil {
			return nil, err
		}
		return &notedSource{src, b}, nil
	}
}

type notedSource struct {
	hub.Source
	box *box
}

// Describe hands on what the configuration knows of its messages.
func (s *notedSource) Describe(d hub.Description) { hub.Describe(s.Source, d) }

func (s *notedSource) Run(ctx context.Context, h hub.Handler) error {
	return s.Source.Run(ctx, hub.HandlerFunc(func(ctx context.Context, m *hub.Message) error {
		err := h.Handle(ctx, m)
		if err == nil {
			s.box.note(m.Root())
		}
		return err
	}))
}

func (b *box) note(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.roots, id) {
		b.roots = append(b.roots, id)
	}
}

// brought are the messages that files brought so far.
func (b *box) brought() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.roots)
}
