package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
)

type sandboxFlags struct {
	keep    bool
	wait    time.Duration
	verbose int
	sets    []string
}

func (c *cli) sandboxCommand() *cobra.Command {
	var f sandboxFlags
	cmd := &cobra.Command{
		Use:   "sandbox [CONFIG]",
		Short: "Play the samples on a fresh store with stubs, and show each one's timeline",
		Long: "Run the configuration on a temporary store, with stubs for all partners and temporary folders, and play its samples:\n" +
			"samples/PIPELINE.*.json is posted to the pipeline's route, a file for a files adapter is put into its folder.\n" +
			"Nothing leaves the sandbox. With --keep it runs on until SIGTERM.",
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.sandbox(cmd.Context(), configPath(args), f) },
	}
	cmd.Flags().BoolVar(&f.keep, "keep", false, "run on when the samples are played")
	cmd.Flags().DurationVar(&f.wait, "wait", 30*time.Second, "how long to wait until all is quiet")
	cmd.Flags().CountVarP(&f.verbose, "verbose", "v", "log more")
	setFlag(cmd, &f.sets)
	return cmd
}

func (c *cli) sandbox(ctx context.Context, config string, f sandboxFlags) (err error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "hub-sandbox-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &box{dir: dir, stubs: &stubs{real: true, boxed: true}}
	reg := registry(c.Mask)
	b.contain(reg)
	l := load(config, reg, b.stubs, f.sets...)
	if !l.ok() {
		b.stubs.close()
		return c.Explain(l.path, l.problems)
	}
	d, err := newDaemon(ctx, l, reg, b.stubs, c.Logger(f.verbose), "sqlite:"+filepath.Join(dir, "hub.db"), 0)
	if err != nil {
		b.stubs.close()
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	control, err := listenControl(filepath.Join(dir, socketName))
	if err != nil {
		return err
	}
	d.socket = control.path
	ctx, hup, stop := signals(ctx)
	defer stop()
	g, err := d.begin(ctx, l)
	if err != nil {
		control.Close()
		return err
	}
	d.current.Store(g)
	api := serveAdmin(d, control)
	defer api.Close()
	served, end := context.WithCancel(ctx)
	defer end()
	result := make(chan error, 1)
	go func() { result <- d.serve(served, hup) }()
	p := &player{box: b, daemon: d, g: g}
	missing, err := p.play(ctx, f.wait)
	if err == nil {
		err = c.showPlayed(ctx, p, missing, time.Since(began))
	}
	if f.keep && ctx.Err() == nil {
		c.Say("the sandbox runs on: %s  (hub trace last --hub %s; ^C ends it)", strings.Join(p.addresses(), " "), control.path)
	} else {
		end()
	}
	ended := <-result
	if ctx.Err() != nil && !f.keep {
		return exit.With(exit.Interrupted, nil)
	}
	return errors.Join(err, ended)
}

// showPlayed prints the timelines and what the partners were asked.
func (c *cli) showPlayed(ctx context.Context, p *player, missing string, took time.Duration) error {
	views, err := p.views(ctx)
	if err != nil {
		return err
	}
	dead := 0
	for _, v := range views {
		if v.Trace != nil && v.Trace.State == stateDead {
			dead++
		}
	}
	effects := p.effects()
	if c.IsJSON() {
		if err := c.PrintJSON(map[string]any{"samples": views, "quiet": missing == "", "effects": effects, "took_ms": took.Milliseconds()}); err != nil {
			return err
		}
	} else {
		for _, v := range views {
			c.Print("== %s  %s", v.Sample, v.Result)
			if v.Trace != nil {
				c.printTrace(v.Trace, time.Now())
			}
			c.Print("")
		}
		c.Print("%s in %.1f s; %s", words.Plural(len(p.played), "sample"), took.Seconds(), strings.Join(effects, ", "))
	}
	switch {
	case missing != "":
		return exit.With(exit.Timeout, fmt.Errorf("%s in time: hub sandbox --keep, then hub status", missing))
	case dead > 0:
		return fmt.Errorf("%s left", words.Plural(dead, "dead letter"))
	}
	return nil
}
