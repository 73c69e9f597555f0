package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"orderhub/pipelines/yamlfile"
)

// run runs one command line and gives its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := newCLI(stdin, stdout, stderr)
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code, say := codeOf(err)
	if say {
		fmt.Fprintf(c.talk, "hub: %v\n", err)
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
		Args:              func(cmd *cobra.Command, args []string) error { return unknownVerb(cmd, args) },
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error { return c.checkFormat() },
	}
	root.SetIn(c.stdin)
	root.SetOut(c.out)
	root.SetErr(c.talk)
	root.SetFlagErrorFunc(flagError)
	f := root.PersistentFlags()
	f.StringVarP(&c.format, "output", "o", formatText, "text or json; validate also knows github")
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
	return usageError("unknown command %q%s", args[0], meant(args[0], known, "hub --help lists them"))
}

// flagError names the flag that was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	name, ok := strings.CutPrefix(text, "unknown flag: --")
	if !ok {
		return usageError("%s; hub %s --help lists the flags", text, verbPath(cmd))
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	near, found := yamlfile.Nearest(name, known)
	if !found {
		return usageError("unknown flag --%s; hub %s --help lists the flags", name, verbPath(cmd))
	}
	return usageError("unknown flag --%s. Did you mean --%s?", name, near)
}

func verbPath(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "hub"), " ")
}

func usageOf(cmd *cobra.Command) string { return strings.TrimSuffix(cmd.UseLine(), " [flags]") }

func meant(name string, known []string, otherwise string) string {
	if near, ok := yamlfile.Nearest(name, known); ok {
		return fmt.Sprintf(". Did you mean %q?", near)
	}
	if otherwise == "" {
		return ""
	}
	return "; " + otherwise
}

// between checks the number of arguments; most -1 is no limit.
func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usageError("%s is missing: %s", strings.Fields(cmd.Use)[1+len(args)], usageOf(cmd))
		case most >= 0 && len(args) > most:
			return usageError("%q is one argument too many: %s", args[most], usageOf(cmd))
		}
		return nil
	}
}
