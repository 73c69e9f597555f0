package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// connectTime is how long validate --connect waits for the far ends.
const connectTime = 10 * time.Second

type validateFlags struct {
	noStubs, connect bool
	sets, stubs      []string
}

func (c *cli) validateCommand() *cobra.Command {
	var f validateFlags
	cmd := &cobra.Command{
		Use:     "validate [CONFIG]",
		Aliases: []string{"lint"},
		Short:   "Check the configuration and show every problem at once",
		Long: "Check the configuration and all it names. Output text shows each line with a caret, json is an array of problems,\n" +
			"github is for workflows. Missing URLs and secrets are warnings where `hub run` answers them by stubs: while no partner has a URL,\n" +
			"or for those that --stubs names. Else, and with --no-stubs, they are errors.\n" +
			"With --connect the adapters' far ends are asked as well whether they are there and fit what the configuration says. It changes nothing there.",
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.validate(cmd.Context(), configPath(args), f) },
	}
	cmd.Flags().BoolVar(&f.noStubs, "no-stubs", false, "a missing URL or secret is an error")
	cmd.Flags().BoolVar(&f.connect, "connect", false, "ask the far ends of the adapters, each for 10s at most")
	stubsFlag(cmd, &f.stubs)
	setFlag(cmd, &f.sets)
	return cmd
}

func (c *cli) validate(ctx context.Context, path string, f validateFlags) error {
	s := &stubs{off: f.noStubs, asked: f.stubs, strict: true, warn: true}
	l := load(path, registry(c.Mask), s, f.sets...)
	asked := ""
	if f.connect && l.ok() {
		asked = l.connect(ctx, s)
	}
	switch c.Format {
	case screen.JSON:
		l.problems.WriteJSON(c.Out)
	case screen.GitHub:
		l.problems.WriteGitHub(c.Out)
	default:
		c.Out.Problems(l.problems)
	}
	summary := words.Plural(l.problems.Errors(), "error")
	if n := l.problems.Warnings(); n > 0 {
		summary += ", " + words.Plural(n, "warning")
	}
	if !l.ok() {
		c.Say("%s: %s", path, summary)
		return exit.Told()
	}
	verdict := "valid in " + words.Took(l.took) + ": " + sizes(l.plan) + asked
	if n := l.problems.Warnings(); n > 0 {
		verdict += "; " + words.Plural(n, "warning")
	}
	if c.Format == screen.Text {
		c.Print("%s", verdict)
	} else {
		c.Say("%s", verdict)
	}
	return nil
}

// connect asks the far ends of the adapters, but for those that a stub stands
// in for. What it finds is added to the problems; it tells how many answered.
func (l *loaded) connect(ctx context.Context, s *stubs) string {
	n, err := l.plan.Inspect(ctx, pipelines.Inspection{
		Clock: hub.RealClock{}, Log: slog.New(slog.DiscardHandler), Limit: connectTime,
		Skip: func(adapter string) bool { return slices.Contains(s.stubbed, adapter) },
	})
	if err != nil {
		l.problems.Add(yamlfile.Problem{File: l.path, Code: "E291", Message: "the configuration can't be opened: " + err.Error()})
	}
	return fmt.Sprintf("; %s asked", words.Plural(n, "far end"))
}
