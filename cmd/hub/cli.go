package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/daemon"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// cli is what all verbs share.
type cli struct {
	*screen.Screen
	home     string // --hub
	personal bool   // --personal
	by, why  string // --by, --why
	elsewhere
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
		Args: unknownVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.find(cmd, c.home, c.common()); err != nil {
				return err
			}
			if c.Format == "table" {
				c.Format = screen.Text
			}
			return c.CheckFormat("write table, json or ndjson", screen.Text, screen.JSON, screen.NDJSON, screen.GitHub)
		},
	}
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Talk)
	root.SetFlagErrorFunc(flagError)
	f := root.PersistentFlags()
	f.StringVarP(&c.Format, "output", "o", screen.Text, "text (or table), json, or ndjson: one line of JSON for each of a list; validate also knows github")
	f.StringVar(&c.home, "hub", "", "control socket of the running hub, or its folder (default: $HUB_HOME, else beside the store); or https://hub.example.com, with a token")
	c.elsewhere.flags(root)
	f.BoolVar(&c.personal, "personal", false, "show what schemas mark as personal (x-pii) in documents")
	c.actFlags(root)
	root.AddCommand(c.runVerb(), c.sandboxVerb(), c.validateVerb(), c.sendVerb(), c.traceVerb(), c.dlqVerb(),
		c.refusedVerb(), c.replayVerb(), c.statusVerb(), c.adaptersVerb(), c.topVerb(), c.tapVerb(), c.pauseVerb(), c.resumeVerb(), c.reloadVerb(), c.configVerb(), c.tryVerb(), c.graphVerb(),
		c.findVerb(), c.channelVerb(), c.tableVerb(), c.processVerb(), c.taskVerb(), c.auditVerb(), c.tokenVerb(), c.reportVerb(), c.alertsVerb(), c.doctorVerb(), c.diffVerb(), c.evalVerb(), c.testVerb(),
		c.backupVerb(), c.restoreVerb(), c.verifyVerb(), c.forgetVerb(), c.versionVerb())
	return root
}

// action is what a verb does.
type action = func(ctx context.Context, args []string) error

// verb is a command that takes least to most arguments; most -1 is no limit.
func verb(use, short string, least, most int, run action) *cobra.Command {
	return &cobra.Command{Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			usage := strings.TrimSuffix(cmd.UseLine(), " [flags]")
			switch {
			case len(args) < least:
				return exit.Usagef("%s is missing: %s", strings.Fields(cmd.Use)[1+len(args)], usage)
			case most >= 0 && len(args) > most:
				return exit.Usagef("%q is one argument too many: %s", args[most], usage)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) }}
}

// group is a command with subcommands; run is what it does without one.
func group(use, short, example string, run action, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: unknownVerb,
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), args) }}
	cmd.AddCommand(subs...)
	return cmd
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
	path := strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), "hub"), " ")
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return exit.Usagef("%s; hub %s --help lists the flags", err.Error(), path)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	near, found := shape.Nearest(name, known)
	if !found {
		return exit.Usagef("unknown flag --%s; hub %s --help lists the flags", name, path)
	}
	return exit.Usagef("unknown flag --%s. Did you mean --%s?", name, near)
}

// setFlag is --set of the verbs that load a configuration.
func setFlag(cmd *cobra.Command, sets *[]string) {
	cmd.Flags().StringArrayVar(sets, "set", nil, "change one value before the file is read, such as adapters.web.listen=:8081; repeatable")
}

// stubFlags are --stubs and --no-stubs of the verbs that check as `hub run` does.
func stubFlags(cmd *cobra.Command, s *config.Stubs) {
	cmd.Flags().BoolVar(&s.Off, "no-stubs", false, "a missing URL or secret is an error")
	cmd.Flags().StringSliceVar(&s.Asked, "stubs", nil, "answer these adapters without a URL by stubs beside real partners: billing,shipping, or all")
	cmd.MarkFlagsMutuallyExclusive("stubs", "no-stubs")
}

// registry makes a registry whose configuration keeps its secrets in the screen's mask.
func (c *cli) registry() *pipelines.Registry { return registry(c.Mask) }

// client calls the running hub. It does not connect yet.
func (c *cli) client() *api.Client { return c.clientOf(config.DefaultStore()) }

// clientOf calls the hub that runs on the store, unless --hub or $HUB_HOME names another one.
func (c *cli) clientOf(store string) *api.Client {
	if c.elsewhere.client != nil {
		return c.elsewhere.client
	}
	return api.NewClient(api.Socket(c.home, config.StoreFolder(store)), c.common())
}

// fetch makes a call of the running hub. With -o json a problem is printed as JSON.
func fetch[A any](ctx context.Context, c *cli, call api.Call[A], query url.Values, body any) (answer A, raw []byte, err error) {
	return fetchFrom(ctx, c, c.client(), call, query, body)
}

func fetchFrom[A any](ctx context.Context, c *cli, client *api.Client, call api.Call[A], query url.Values, body any) (answer A, raw []byte, err error) {
	answer, raw, err = call.Ask(ctx, client, query, body)
	return answer, raw, c.problem(err)
}

// tell makes a call and prints its answer.
func tell[A any](ctx context.Context, c *cli, call api.Call[A], query url.Values, body any, show func(s *screen.Screen, answer A)) error {
	answer, raw, err := fetch(ctx, c, call, query, body)
	if err != nil {
		return err
	}
	return display(c, answer, raw, show)
}

// look makes a call that changes nothing; without a running hub it reads the store's file.
func look[A any](ctx context.Context, c *cli, call api.Call[A], query url.Values, body any, read func(store.Store) (A, error)) (A, []byte, error) {
	answer, raw, err := fetch(ctx, c, call, query, body)
	gone, ok := errors.AsType[*api.Unreachable](err)
	if !ok {
		return answer, raw, err
	}
	st, err := daemon.OpenFile(ctx, gone)
	if err != nil {
		return answer, nil, err
	}
	defer st.Close()
	answer, err = read(st)
	return answer, nil, c.problem(err)
}

// display shows an answer, or prints it as JSON: raw, as it came, if it came from the hub.
func display[A any](c *cli, answer A, raw []byte, show func(s *screen.Screen, answer A)) error {
	switch {
	case !c.IsJSON():
		show(c.Screen, answer)
		return nil
	case raw != nil && c.Format == screen.JSON:
		_, err := c.Out.Write(raw)
		return err
	}
	return c.PrintJSON(answer)
}

// problem prints a problem as JSON when JSON was asked for.
func (c *cli) problem(err error) error {
	if p, ok := errors.AsType[*api.Problem](err); ok && c.IsJSON() {
		if err := c.PrintJSON(p); err != nil {
			return err
		}
		return exit.Told()
	}
	return err
}

// completePipelines gives the pipelines of the default configuration to the shell.
func completePipelines(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	root, ok := yamlfile.NewLoader().ReadFile(config.Path(nil))
	if !ok {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return root.Get("pipelines").Keys(), cobra.ShellCompDirectiveNoFileComp
}
