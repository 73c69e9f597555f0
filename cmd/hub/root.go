package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/transforms/shape"
)

// cli is what all verbs share.
type cli struct {
	*screen.Screen
	home     string // --hub
	personal bool   // --personal
}

// run runs one command line and gives its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &cli{Screen: screen.New(stdin, stdout, stderr)}
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code, say := exit.CodeOf(err)
	if say {
		fmt.Fprintf(c.Talk, "hub: %v\n", err)
	}
	return code
}

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "hub VERB",
		Short: "The order hub: pipelines of Enterprise Integration Patterns, durable, in one binary",
		Example: "  hub run                            run config/pipelines.yaml; partners without a URL are stubs\n" +
			"  hub validate                       all problems of the configuration at once\n" +
			"  hub trace last                     what became of the newest message",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(cmd *cobra.Command, args []string) error { return unknownVerb(cmd, args) },
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return c.CheckFormat("write text or json", screen.Text, screen.JSON, screen.GitHub)
		},
	}
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Talk)
	root.SetFlagErrorFunc(flagError)
	f := root.PersistentFlags()
	f.StringVarP(&c.Format, "output", "o", screen.Text, "text or json; validate also knows github")
	f.StringVar(&c.home, "hub", "", "control socket of the running hub, or its folder (default: $HUB_HOME, else beside the store)")
	f.BoolVar(&c.personal, "personal", false, "show what schemas mark as personal (x-pii) in documents")
	root.AddCommand(c.runCommand(), c.sandboxCommand(), c.validateCommand(), c.sendCommand(), c.traceCommand(), c.dlqCommand(),
		c.refusedCommand(), c.replayCommand(), c.statusCommand(), c.pauseCommand(), c.resumeCommand(), c.reloadCommand(), c.graphCommand(),
		c.processCommand(), c.taskCommand(), c.reportCommand(), c.diffCommand(), c.evalCommand(), c.testCommand(), c.versionCommand())
	return root
}

// unknownVerb names the verb that was probably meant.
func unknownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, v := range cmd.Commands() {
		known = append(append(known, v.Name()), v.Aliases...)
	}
	return exit.Usagef("unknown command %q%s", args[0], words.Meant(args[0], known, "hub --help lists them"))
}

// flagError names the flag that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	name, ok := strings.CutPrefix(text, "unknown flag: --")
	if !ok {
		return exit.Usagef("%s; hub %s --help lists the flags", text, verbPath(cmd))
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	near, found := shape.Nearest(name, known)
	if !found {
		return exit.Usagef("unknown flag --%s; hub %s --help lists the flags", name, verbPath(cmd))
	}
	return exit.Usagef("unknown flag --%s. Did you mean --%s?", name, near)
}

func verbPath(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "hub"), " ")
}

func usageOf(cmd *cobra.Command) string { return strings.TrimSuffix(cmd.UseLine(), " [flags]") }

// between checks the number of arguments; most -1 is no limit.
func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return exit.Usagef("%s is missing: %s", strings.Fields(cmd.Use)[1+len(args)], usageOf(cmd))
		case most >= 0 && len(args) > most:
			return exit.Usagef("%q is one argument too many: %s", args[most], usageOf(cmd))
		}
		return nil
	}
}
