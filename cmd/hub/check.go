package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/drawing"
	"orderhub/cmd/hub/internal/eval"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/show"
	"orderhub/cmd/hub/internal/suite"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// connectTime is how long validate --connect waits for the far ends.
const connectTime = 10 * time.Second

func (c *cli) validateVerb() *cobra.Command {
	stubs := config.Stubs{Strict: true, Warn: true}
	var connect bool
	var sets []string
	cmd := verb("validate [CONFIG]", "Check the configuration and show every problem at once", 0, 1, func(ctx context.Context, args []string) error {
		l := config.Load(config.Path(args), c.registry(), &stubs, sets...)
		asked := ""
		if connect && l.OK() {
			asked = c.connect(ctx, l, &stubs)
		}
		return c.verdict(l, asked)
	})
	cmd.Aliases = []string{"lint"}
	cmd.Long = "Check the configuration and all it names. Output text shows each line with a caret, json is an array of problems,\n" +
		"github is for workflows. Missing URLs and secrets are warnings where `hub run` answers them by stubs: while no partner has a URL,\n" +
		"or for those that --stubs names. Else, and with --no-stubs, they are errors.\n" +
		"With --connect the adapters' far ends are asked as well whether they are there and fit what the configuration says. It changes nothing there."
	cmd.Flags().BoolVar(&connect, "connect", false, "ask the far ends of the adapters, each for 10s at most")
	stubFlags(cmd, &stubs)
	setFlag(cmd, &sets)
	return cmd
}

// verdict prints the problems, and whether the configuration is valid; asked is what is told besides.
func (c *cli) verdict(l *config.Loaded, asked string) error {
	say := c.Say
	switch c.Format {
	case screen.JSON, screen.NDJSON:
		l.Problems.WriteJSON(c.Out)
	case screen.GitHub:
		l.Problems.WriteGitHub(c.Out)
	default:
		c.Out.Problems(l.Problems)
		say = c.Print
	}
	warnings := ""
	if n := l.Problems.Warnings(); n > 0 {
		warnings = words.Plural(n, "warning")
	}
	if !l.OK() {
		c.Say("%s: %s", l.Path, strings.TrimSuffix(words.Plural(l.Problems.Errors(), "error")+", "+warnings, ", "))
		return exit.Told()
	}
	say("%s", strings.TrimSuffix("valid in "+words.Took(l.Took)+": "+l.Sizes()+asked+"; "+warnings, "; "))
	return nil
}

// connect asks the far ends of the adapters, but for those that a stub stands
// in for. What it finds is added to the problems; it tells how many answered.
func (c *cli) connect(ctx context.Context, l *config.Loaded, s *config.Stubs) string {
	list, err := l.Plan.Inspect(ctx, pipelines.Inspection{
		Clock: hub.RealClock{}, Log: slog.New(slog.DiscardHandler), Limit: connectTime,
		Skip: func(adapter string) bool { return slices.Contains(s.Stubbed, adapter) },
	})
	if err != nil {
		l.Problems.Add(yamlfile.Problem{File: l.Path, Code: "E291", Message: "the configuration can't be opened: " + err.Error()})
	}
	answered := slices.DeleteFunc(list, func(a pipelines.Inspected) bool { return a.Err != nil })
	return fmt.Sprintf("; %s asked", words.Plural(len(answered), "far end"))
}

func (c *cli) diffVerb() *cobra.Command {
	cmd := verb("diff FILE", "Show what a new configuration would do to the running processes", 1, 1, func(ctx context.Context, args []string) error {
		path := config.Path(args)
		if abs, err := filepath.Abs(path); err == nil { // the hub has a working directory of its own
			path = abs
		}
		v, raw, err := look(ctx, c, api.PostDiff, nil, api.DiffRequest{Config: path}, func(st store.Store) (*api.Diff, error) {
			ran, err := config.StoredProcesses(ctx, st)
			if err != nil {
				return nil, err
			}
			return config.Load(path, c.registry(), &config.Stubs{}).Diff(ctx, st, ran)
		})
		if err == nil {
			err = display(c, v, raw, show.Diff)
		}
		if err == nil && !v.OK {
			return exit.Told()
		}
		return err
	})
	cmd.Long = "Compare FILE with the running hub: which processes are added, removed or changed, and what becomes of the instances that\n" +
		"have not ended. They stay, finish on their version, move, or would be stranded: then exit is 1, and each is told with what\n" +
		"to write. hub reload and hub run refuse such a file. Without a running hub the store's file is read. Nothing is changed."
	return cmd
}

func (c *cli) graphVerb() *cobra.Command {
	var format string
	var sets []string
	cmd := verb("graph [CONFIG]", "Draw the pipelines and what is between them", 0, 1, func(_ context.Context, args []string) error {
		if !slices.Contains(drawing.Formats, format) {
			return exit.Usagef("unknown format %q%s", format, words.Meant(format, drawing.Formats, "write text, svg, mermaid or dot"))
		}
		l := config.Load(config.Path(args), c.registry(), &config.Stubs{}, sets...)
		if !l.OK() {
			return c.Explain(l.Path, l.Problems)
		}
		g := drawing.Of(l.Plan)
		if c.IsJSON() {
			return c.PrintJSON(g)
		}
		return drawing.Write(c.Out, g, format)
	})
	cmd.Flags().StringVarP(&format, "format", "f", "text", "text, svg, mermaid or dot")
	setFlag(cmd, &sets)
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(drawing.Formats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *cli) evalVerb() *cobra.Command {
	var body, schema string
	cmd := verb("eval FORMULA", "Try a formula on a body", 1, 1, func(_ context.Context, args []string) error {
		return eval.Run(c.Screen, args[0], body, schema, c.registry().Funcs)
	})
	cmd.Example = "  hub eval '3 * 5.20'\n  hub eval 'sum(body.lines, .price * .qty) == body.total' --body config/samples/web-orders.1-approved.json\n" +
		"  hub eval 'body.totl' --schema config/schemas/web-order.json"
	cmd.Flags().StringVar(&body, "body", "", "file with the body, - for stdin")
	cmd.Flags().StringVar(&schema, "schema", "", "JSON Schema of the body: fields it does not have are errors")
	return cmd
}

func (c *cli) testVerb() *cobra.Command {
	o := suite.Options{Registry: c.registry}
	var names string
	var watch bool
	cmd := verb("test [FILE|FOLDER]", "Run the tests of the configuration: virtual time, no network, milliseconds", 0, 1, nil)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		o.Path, o.Plain = config.Path(args), cmd.Flags().Changed("chaos") && !o.Chaos
		return c.test(cmd.Context(), o, names, watch)
	}
	cmd.Long = "Run the tests that stand under `tests:` in the configuration, and in *.test.yaml beside it and in its folder tests.\n" +
		"All that is outside of the hub is played; a call that a test has no mock for fails it. Nothing is written.\n\n" +
		"Under chaos (--chaos, or chaos: in a test) a test runs again with the hub killed at each place, with everything twice,\n" +
		"and in other orders: the end must be the same. Exit codes: 0 all passed; 1 a test failed, or the configuration is invalid."
	cmd.Example = "  hub test                                 all tests\n" +
		"  hub test --run 'card' --chaos            those with card in their names, under chaos\n" +
		"  hub test -o junit > report.xml           for a build server"
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		return c.CheckFormat("write text, json or junit", screen.Text, screen.JSON, screen.JUnit)
	}
	cmd.Flags().StringVar(&names, "run", "", "run the tests whose names match this regular expression")
	cmd.Flags().BoolVar(&o.Chaos, "chaos", false, "every test under every kind of chaos; --chaos=false: no test under any")
	cmd.Flags().IntVar(&o.Seeds, "seeds", 3, "how many orders reorder tries")
	cmd.Flags().Int64Var(&o.Seed, "seed", 0, "try this order alone: it shows a failure again")
	cmd.Flags().IntVar(&o.Kill, "kill", 0, "kill at this point alone: it shows a failure again")
	cmd.Flags().BoolVar(&watch, "watch", false, "run again whenever a file of the configuration changes, until ^C")
	setFlag(cmd, &o.Sets)
	return cmd
}

// test runs the tests whose names match.
func (c *cli) test(ctx context.Context, o suite.Options, names string, watch bool) error {
	if names != "" {
		var err error
		if o.Run, err = regexp.Compile(names); err != nil {
			return exit.Usagef("--run %s: %v", names, err)
		}
	}
	if o.Seeds < 1 || o.Kill < 0 {
		return exit.Usagef("--seeds and --kill count from 1")
	}
	tuneMemory()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // parallel parts of a pipeline then take turns
	if watch {
		return suite.Watch(ctx, c.Screen, o)
	}
	return suite.Run(ctx, c.Screen, o)
}
