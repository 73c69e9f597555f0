package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
)

type runFlags struct {
	noStubs, once bool
	verbose       int
	acceptLoss    int
	sets, stubs   []string
}

func (c *cli) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [CONFIG]",
		Short: "Run the hub until SIGTERM, or until its inputs are used up",
		Long: "Run the hub. CONFIG is a file or a folder; default config/pipelines.yaml.\n\n" +
			"While no partner has a URL, all are answered by stubs. As soon as one has, a missing URL is an error, unless --stubs asks for the stub by name;\n" +
			"--no-stubs makes it one in any case. SIGHUP or `hub reload` loads the file again.\n" +
			"Exit codes: 0 stopped, or all inputs used up; 1 invalid configuration, or inputs were refused or are dead letters; 74 the store failed or is damaged; 78 the store is in use, or not one of this version; 130 a second signal.",
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.runDaemon(cmd.Context(), configPath(args), f) },
	}
	cmd.Flags().BoolVar(&f.noStubs, "no-stubs", false, "a missing URL or secret is an error")
	cmd.Flags().BoolVar(&f.once, "once", false, "read the files that are there, leave them in place, and end when all is handled")
	cmd.Flags().CountVarP(&f.verbose, "verbose", "v", "log more: all that helps to find a fault")
	cmd.Flags().IntVar(&f.acceptLoss, "accept-loss", 0, "start although the store's log is damaged, without what it held from frame `N` on; the error of a damaged log names N")
	stubsFlag(cmd, &f.stubs)
	setFlag(cmd, &f.sets)
	return cmd
}

func (c *cli) runDaemon(ctx context.Context, config string, f runFlags) (err error) {
	began := time.Now()
	tuneMemory()
	log := c.Logger(f.verbose)
	s := &stubs{off: f.noStubs, asked: f.stubs, strict: true, real: true}
	reg := registry(c.Mask)
	if !f.noStubs {
		anyPort(reg)
	}
	if f.once {
		readOnce(reg)
	}
	l := load(config, reg, s, f.sets...)
	if !l.ok() {
		err := c.Explain(l.path, l.problems)
		s.close()
		if s.err != nil {
			return fmt.Errorf("stubs: %w", s.err)
		}
		return err
	}
	c.Talk.Problems(l.problems) // warnings
	d, err := newDaemon(ctx, l, reg, s, log, l.store(), f.acceptLoss)
	if err != nil {
		s.close()
		return err
	}
	d.once = f.once
	defer func() { err = errors.Join(err, d.close()) }()
	control, err := listenControl(socketPath(c.home, d.storage.url))
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
	admin := serveAdmin(d, control)
	defer admin.Close()
	c.banner(d, g, time.Since(began))
	return d.serve(ctx, hup)
}

// signals gives a context that SIGINT and SIGTERM end, and the SIGHUPs. A
// second SIGINT or SIGTERM ends the process at once.
func signals(ctx context.Context) (context.Context, <-chan os.Signal, func()) {
	ctx, cancel := context.WithCancel(ctx)
	end, hup, done := make(chan os.Signal, 2), make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(hup, syscall.SIGHUP)
	go func() {
		defer cancel()
		select {
		case <-end:
		case <-done:
			return
		}
		cancel()
		select {
		case <-end:
			os.Exit(exit.Interrupted)
		case <-done:
		}
	}()
	return ctx, hup, func() {
		signal.Stop(end)
		signal.Stop(hup)
		close(done)
	}
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
