package main

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/pipelines/scenario"
)

type testFlags struct {
	run   string
	chaos bool
	plain bool // --chaos=false
	seeds int
	seed  int64
	kill  int
	watch bool
	sets  []string
}

func (c *cli) testCommand() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test [FILE|FOLDER]",
		Short: "Run the tests of the configuration: virtual time, no network, milliseconds",
		Long: "Run the tests that stand under `tests:` in the configuration, and in *.test.yaml beside it and in its folder tests.\n" +
			"All that is outside of the hub is played; a call that a test has no mock for fails it. Nothing is written.\n\n" +
			"Under chaos (--chaos, or chaos: in a test) a test runs again with the hub killed at each place, with everything twice,\n" +
			"and in other orders: the end must be the same. Exit codes: 0 all passed; 1 a test failed, or the configuration is invalid.",
		Example: "  hub test                                 all tests\n" +
			"  hub test --run 'card' --chaos            those with card in their names, under chaos\n" +
			"  hub test -o junit > report.xml           for a build server",
		Args: between(0, 1),
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return c.CheckFormat("write text, json or junit", screen.Text, screen.JSON, screen.JUnit)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.plain = cmd.Flags().Changed("chaos") && !f.chaos
			return c.test(cmd.Context(), args, f)
		},
	}
	cmd.Flags().StringVar(&f.run, "run", "", "run the tests whose names match this regular expression")
	cmd.Flags().BoolVar(&f.chaos, "chaos", false, "every test under every kind of chaos; --chaos=false: no test under any")
	cmd.Flags().IntVar(&f.seeds, "seeds", 3, "how many orders reorder tries")
	cmd.Flags().Int64Var(&f.seed, "seed", 0, "try this order alone: it shows a failure again")
	cmd.Flags().IntVar(&f.kill, "kill", 0, "kill at this point alone: it shows a failure again")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "run again whenever a file of the configuration changes, until ^C")
	setFlag(cmd, &f.sets)
	return cmd
}

func (c *cli) test(ctx context.Context, args []string, f testFlags) error {
	o := scenario.Options{Chaos: f.chaos, Plain: f.plain, Seeds: f.seeds, Seed: f.seed, Kill: f.kill}
	if f.run != "" {
		var err error
		if o.Run, err = regexp.Compile(f.run); err != nil {
			return exit.Usagef("--run %s: %v", f.run, err)
		}
	}
	if f.seeds < 1 || f.kill < 0 {
		return exit.Usagef("--seeds and --kill count from 1")
	}
	tuneMemory()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // parallel parts of a pipeline then take turns
	if f.watch {
		return c.testAgain(ctx, args, f, o)
	}
	_, err := c.testOnce(ctx, args, f, o)
	return err
}

// testOnce runs the tests. It gives the folders that what was tested lies in.
func (c *cli) testOnce(ctx context.Context, args []string, f testFlags, o scenario.Options) (folders []string, err error) {
	began := time.Now()
	s := loadTests(configPath(args), f.sets, c.Mask)
	folders = s.folders()
	if !s.ok() {
		return folders, c.Explain(s.path, s.problems)
	}
	report := c.testReport()
	if err := s.lab.Tests(ctx, s.plan, s.tests, o, report.add); err != nil {
		return folders, err
	}
	failed := report.end(time.Since(began))
	switch {
	case failed > 0:
		return folders, exit.Told()
	case report.count() == 0 && o.Run != nil:
		return folders, exit.With(exit.Problems, fmt.Errorf("%s: no test's name matches %q", s.path, o.Run))
	case report.count() == 0:
		return folders, exit.With(exit.Problems, fmt.Errorf("%s: there are no tests: write some under the key tests", s.path))
	}
	return folders, nil
}
