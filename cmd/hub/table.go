package main

import (
	"context"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/show"
)

func (c *cli) tableVerb() *cobra.Command {
	list := func(ctx context.Context, _ []string) error { return tell(ctx, c, api.GetTables, nil, nil, show.Tables) }
	var match, after string
	most := 100
	rows := verb("show NAME [KEY]", "Show the rows of a table, or one of them", 1, 2, func(ctx context.Context, args []string) error {
		query := url.Values{"match": {match}, "after": {after}, "limit": {strconv.Itoa(most)}}
		if len(args) > 1 {
			query = url.Values{"key": args[1:]}
		}
		return tell(ctx, c, api.GetRows.Of(args[0]), query, nil, show.Rows)
	})
	rows.Flags().StringVar(&match, "match", "", "only those that meet a condition, such as 'row.price > 100'")
	rows.Flags().StringVar(&after, "after", "", "go on behind this key")
	rows.Flags().IntVar(&most, "limit", most, "how many are looked at, 1000 at most")
	rows.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		if list, _, err := api.GetTables.Ask(cmd.Context(), c.client(), nil, nil); err == nil && len(args) == 0 {
			for _, t := range list {
				names = append(names, t.Table)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return group("table", "Show the tables that pipelines keep in the store",
		"  hub table list                             how many rows each has\n"+
			"  hub table show products --match 'row.price > 100'\n  hub table show products SKU-1              one row",
		list, verb("list", "List the tables", 0, 0, list), rows)
}
