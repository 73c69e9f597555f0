package main

import "github.com/spf13/cobra"

func (c *cli) validateCommand() *cobra.Command {
	var noStubs bool
	cmd := &cobra.Command{
		Use:     "validate [CONFIG]",
		Aliases: []string{"lint"},
		Short:   "Check the configuration and show every problem at once",
		Long: "Check the configuration and all it names. Output text shows each line with a caret, json is an array of problems,\n" +
			"github is for workflows. Missing URLs and secrets are warnings, because `hub run` answers them by stubs; with --no-stubs errors.",
		Args: between(0, 1),
		RunE: func(_ *cobra.Command, args []string) error { return c.validate(configPath(args), noStubs) },
	}
	cmd.Flags().BoolVar(&noStubs, "no-stubs", false, "a missing URL or secret is an error")
	return cmd
}

func (c *cli) validate(path string, noStubs bool) error {
	l := load(path, registry(), &stubs{off: noStubs, warn: true})
	switch c.format {
	case formatJSON:
		l.problems.WriteJSON(c.out)
	case formatGitHub:
		l.problems.WriteGitHub(c.out)
	default:
		l.problems.WriteText(c.out, true, c.color && terminal(c.out))
	}
	summary := plural(l.problems.Errors(), "error")
	if n := l.problems.Warnings(); n > 0 {
		summary += ", " + plural(n, "warning")
	}
	if !l.ok() {
		c.say("%s: %s", path, summary)
		return problems()
	}
	verdict := "valid in " + took(l.took) + ": " + sizes(l.plan)
	if n := l.problems.Warnings(); n > 0 {
		verdict += "; " + plural(n, "warning")
	}
	if c.format == formatText {
		c.print("%s", verdict)
	} else {
		c.say("%s", verdict)
	}
	return nil
}
