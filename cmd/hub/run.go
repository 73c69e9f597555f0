package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/daemon"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/sandbox"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

type runFlags struct {
	stubs      config.Stubs
	once       bool
	verbose    int
	log        string // text, json
	acceptLoss int
	sets       []string
}

func (c *cli) runVerb() *cobra.Command {
	f := runFlags{stubs: config.Stubs{Strict: true, Real: true}}
	cmd := verb("run [CONFIG]", "Run the hub until SIGTERM, or until its inputs are used up", 0, 1, func(ctx context.Context, args []string) error {
		if f.log != screen.Text && f.log != screen.JSON {
			return exit.Usagef("--log %s is no form of the log: write text or json", f.log)
		}
		return c.runDaemon(ctx, config.Path(args), &f)
	})
	cmd.Long = "Run the hub. CONFIG is a file or a folder; default config/pipelines.yaml.\n\n" +
		"While no partner has a URL, all are answered by stubs. As soon as one has, a missing URL is an error, unless --stubs asks for the stub by name;\n" +
		"--no-stubs makes it one in any case. SIGHUP or `hub reload` loads the file again.\n" +
		"Exit codes: 0 stopped, or all inputs used up; 1 invalid configuration, or inputs were refused or are dead letters; " +
		"74 the store failed or is damaged; 78 the store is in use, or not one of this version; 130 a second signal."
	cmd.Flags().BoolVar(&f.once, "once", false, "read the files that are there, leave them in place, and end when all is handled")
	cmd.Flags().CountVarP(&f.verbose, "verbose", "v", "log more: all that helps to find a fault")
	cmd.Flags().StringVar(&f.log, "log", screen.Text, "form of the log: text, or json, one object a line; then problems of the configuration and what is told at the start are lines of it, too")
	cmd.Flags().IntVar(&f.acceptLoss, "accept-loss", 0,
		"start although the store's log is damaged, without what it held from frame `N` on; the error of a damaged log names N")
	stubFlags(cmd, &f.stubs)
	setFlag(cmd, &f.sets)
	return cmd
}

func (c *cli) runDaemon(ctx context.Context, path string, f *runFlags) (err error) {
	began := time.Now()
	tuneMemory()
	reg := c.registry()
	openWith(reg, func(env *hub.Env) { env.AnyPort, env.Once = !f.stubs.Off, f.once })
	l := config.Load(path, reg, &f.stubs, f.sets...)
	log := c.Logger(f.log, f.verbose)
	if f.log == screen.JSON {
		logProblems(log, l.Problems)
	}
	if !l.OK() {
		err := exit.Told()
		if f.log != screen.JSON {
			err = c.Explain(l.Path, l.Problems)
		}
		f.stubs.Close()
		if f.stubs.Err != nil {
			return fmt.Errorf("stubs: %w", f.stubs.Err)
		}
		return err
	}
	if f.log != screen.JSON {
		c.Talk.Problems(l.Problems) // warnings
	}
	d, err := daemon.Open(ctx, daemon.Options{Config: l, Registry: reg, Fresh: c.registry, Stubs: &f.stubs, Log: log,
		Version: *buildVersion(), Store: l.Store(), Socket: c.home, AcceptLoss: f.acceptLoss, Once: f.once})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	ctx, hup, stop := exit.Signals(ctx)
	defer stop()
	if err := d.Begin(ctx); err != nil {
		return err
	}
	if f.log == screen.JSON {
		logReady(log, d.Ready(), time.Since(began))
	} else {
		c.banner(d, l, time.Since(began))
	}
	return d.Serve(ctx, hup)
}

// logProblems writes what is wrong with the configuration to the log.
func logProblems(log *slog.Logger, problems *yamlfile.Problems) {
	for _, p := range problems.All() {
		level := slog.LevelWarn
		if p.Severity == yamlfile.Error {
			level = slog.LevelError
		}
		log.With("code", p.Code, "file", p.File, "line", p.Line, "column", p.Col, "help", p.Help).Log(context.Background(), level, p.Message)
	}
}

// logReady writes to the log that the hub answers, and where.
func logReady(log *slog.Logger, r *api.Ready, after time.Duration) {
	log.Info("ready", "config", r.Config, "revision", r.Revision, "store", r.Store, "control", r.Control, "urls", r.URLs, "metrics", r.Ops, "console", r.Console, "console_wanted", r.Moved,
		"stubs", r.Stubs, "stored", r.Stored, "ready_ms", after.Milliseconds())
}

// tuneMemory trades a little memory for less collecting, with a soft limit, unless the environment says otherwise.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(256 << 20)
	}
}

// banner tells that the hub is ready, where, and what to try.
func (c *cli) banner(d *daemon.Daemon, l *config.Loaded, after time.Duration) {
	ready := d.Ready()
	if ready.Took = after.Milliseconds(); c.IsJSON() {
		c.PrintLine(ready)
		return
	}
	c.Say("hub %s  %s (%s)  valid in %s", release, l.Path, l.Sizes(), words.Took(l.Took))
	state := ""
	if ready.Fresh {
		state = " (new)"
	}
	c.Say("store     %s%s", ready.Store, state)
	if len(ready.Stubs) > 0 {
		page := d.Stubs.Page()
		if page != "" {
			page = "  what they got: " + page
		}
		c.Say("stubs     %s (no URL set)%s", strings.Join(ready.Stubs, ", "), page)
	}
	if len(ready.Stored) > 0 {
		c.Say("brokers   %s (no URL set): the store carries their channels", strings.Join(ready.Stored, ", "))
	}
	for _, a := range l.Plan.Adapters {
		if addr := ready.URLs[a.Name]; addr != "" {
			c.Say("%-9s %s", a.Name, addr)
		}
	}
	c.Say("control   %s", ready.Control)
	if ready.Ops != "" {
		c.Say("metrics   %s/metrics", ready.Ops)
	}
	if ready.Console != "" {
		elsewhere := ""
		if ready.Moved != "" {
			elsewhere = "  (another program uses " + ready.Moved + ")"
		}
		c.Say("console   %s%s", ready.Console, elsewhere)
	}
	for name := range d.Paused() {
		c.Say("paused    %s (hub resume %s)", name, name)
	}
	try := sandbox.TryIt(l.Plan, ready.URLs)
	if try == "" {
		c.Say("ready in %s", words.Took(after))
		return
	}
	c.Say("ready in %s. Try it:\n  %s\n  hub trace last", words.Took(after), try)
}

func (c *cli) sandboxVerb() *cobra.Command {
	var verbose int
	o := sandbox.Options{Registry: c.registry}
	cmd := verb("sandbox [CONFIG]", "Play the samples on a fresh store with stubs, and show each one's timeline", 0, 1,
		func(ctx context.Context, args []string) error {
			o.Config, o.Log = config.Path(args), c.Logger(screen.Text, verbose)
			return sandbox.Run(ctx, c.Screen, o)
		})
	cmd.Long = "Run the configuration on a temporary store, with stubs for all partners and temporary folders, and play its samples:\n" +
		"samples/PIPELINE.*.json is posted to the pipeline's route, a file for a files adapter is put into its folder.\n" +
		"Nothing leaves the sandbox. With --keep it runs on until SIGTERM."
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "run on when the samples are played")
	cmd.Flags().DurationVar(&o.Wait, "wait", 30*time.Second, "how long to wait until all is quiet")
	cmd.Flags().CountVarP(&verbose, "verbose", "v", "log more")
	setFlag(cmd, &o.Sets)
	return cmd
}
