package main

import (
	"context"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/show"
)

func (c *cli) configVerb() *cobra.Command {
	revision := ""
	text := func(ctx context.Context, args []string) error {
		return tell(ctx, c, api.GetConfig, url.Values{"part": {strings.Join(args, "")}, "revision": {revision}}, nil, show.Config)
	}
	showOne := verb("show [PIPELINE]", "Show the configuration that runs, or how one pipeline or process is written", 0, 1, text)
	showOne.Flags().StringVar(&revision, "revision", "", "one that ran before, as hub config history lists them")
	showOne.ValidArgsFunction = completePipelines
	return group("config", "Show the configuration of the running hub, and take one that ran before",
		"  hub config show billing                  one pipeline, with the numbers of its lines\n"+
			"  hub config diff                          what a reload would change\n"+
			"  hub config history                       what ran when\n"+
			"  hub config rollback 8929596d --why 'the new mapping loses notes'",
		text, showOne,
		verb("diff [REVISION]", "Show what a reload, or a roll back, would change; a fault is exit 1", 0, 1, func(ctx context.Context, args []string) error {
			v, raw, err := fetch(ctx, c, api.GetConfigChange, url.Values{"revision": {strings.Join(args, "")}}, nil)
			if err == nil {
				err = display(c, v, raw, show.ConfigChange)
			}
			if err == nil && v.Problems != "" {
				return exit.Told()
			}
			return err
		}),
		verb("history", "List the configurations that ran, the last one first", 0, 0, func(ctx context.Context, _ []string) error {
			return tell(ctx, c, api.GetConfigs, nil, nil, show.ConfigRuns)
		}),
		verb("rollback REVISION", "Write the files as they were, and reload; if that is refused they are put back", 1, 1, func(ctx context.Context, args []string) error {
			if c.why == "" {
				return exit.Usagef("--why is missing: the audit log keeps the reason")
			}
			return c.reloaded(ctx, api.PostRollback, api.Rollback{Revision: args[0]})
		}))
}
