package main

import (
	"context"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/show"
)

func (c *cli) configVerb() *cobra.Command {
	text := func(ctx context.Context, args []string) error {
		return tell(ctx, c, api.GetConfig, url.Values{"part": {strings.Join(args, "")}}, nil, show.Config)
	}
	showOne := verb("show [PIPELINE]", "Show the configuration that runs, or how one pipeline or process is written", 0, 1, text)
	showOne.ValidArgsFunction = completePipelines
	return group("config", "Show the configuration of the running hub",
		"  hub config show                          all files that it was read from\n"+
			"  hub config show billing                  one pipeline, with the numbers of its lines",
		text, showOne)
}
