package main

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/show"
)

func (c *cli) findVerb() *cobra.Command {
	var order, failed, since, until, field string
	var scan bool
	var before int64
	most := 50
	cmd := verb("find [VALUE|FIELD=VALUE]", "Find orders and messages, wherever they are", 0, 1, func(ctx context.Context, args []string) error {
		value := strings.Join(args, "")
		if name, v, ok := strings.Cut(value, "="); ok && !strings.ContainsAny(name, " @:/") {
			field, value = name, v
		}
		if value == "" && order == "" && failed == "" {
			return exit.Usagef("say what to look for: hub find jane@example.com, hub find --order W-1042, or hub find --error timeout")
		}
		query := url.Values{"value": {value}, "field": {field}, "order": {order}, "error": {failed}, "since": {since}, "until": {until},
			"scan": {strconv.FormatBool(scan)}, "before": {strconv.FormatInt(before, 10)}, "limit": {strconv.Itoa(most)}}
		a, raw, err := fetch(ctx, c, api.GetFound, query, nil)
		if err != nil {
			return err
		}
		if err := display(c, a, raw, show.Found); err != nil || len(a.Hits) > 0 {
			return err
		}
		c.Say("nothing of %s is found", cmp.Or(value, order, failed))
		return exit.Told()
	})
	cmd.Example = "  hub find --order W-1042                      where it is: process, queue, dead letter, refusal\n" +
		"  hub find jane@example.com --since 2d         by what is indexed: hub: {index: [customer.email, …]}\n" +
		"  hub find items.sku=SKU-1                     at one path\n  hub find --error timeout --since 1h          by what failed"
	cmd.Long = "Find orders and messages by order number or ID, and by the values that the configuration has indexed. What is not indexed is\n" +
		"looked for in so many messages, refusals, rows of the history, instances and rows of tables; it says how far it looked.\n" +
		"What schemas mark as secret is found by its whole value, if it is indexed, and in no other way."
	f := cmd.Flags()
	f.StringVar(&order, "order", "", "an order number, or the ID of a message")
	f.StringVar(&failed, "error", "", "a text in what failed")
	f.StringVar(&since, "since", "", "not older than this, such as 2d or 90m")
	f.StringVar(&until, "until", "", "older than this")
	f.BoolVar(&scan, "scan", false, "look through what is not indexed, too, though the index finds something")
	f.Int64Var(&before, "before", 0, "go on behind this, as the last page says")
	f.IntVar(&most, "limit", most, "how many, 1000 at most")
	return cmd
}
