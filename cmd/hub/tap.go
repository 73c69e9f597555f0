package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
)

func (c *cli) tapVerb() *cobra.Command {
	var where, most string
	var limit int
	cmd := verb("tap PIPELINE|CHANNEL", "Show copies of messages as they pass; none is taken away", 1, 1, func(ctx context.Context, args []string) error {
		if limit < 0 {
			return exit.Usagef("--limit counts from 1; left out: no end")
		}
		return c.tap(ctx, api.GetTap.Of(args[0]), url.Values{"where": {where}, "for": {most}, "limit": {strconv.Itoa(limit)}})
	})
	cmd.Long = "Show copies of messages as they pass: of a pipeline those that it takes, of a channel (or another queue of hub channel list) those\n" +
		"that are put there. Each message is shown once, not again when it is retried. No message waits for it: what comes faster than it can be\n" +
		"shown is missed, and counted at the end. Without a limit it goes on until ^C. With -o json or ndjson each copy is one line."
	cmd.Example = "  hub tap web-orders\n  hub tap orders --where 'body.total > 100' --limit 10\n  hub tap orders --for 1m -o ndjson > orders.ndjson"
	cmd.Flags().StringVar(&where, "where", "", "only those that meet a condition over body, headers, id, key, correlation, such as 'body.total > 100'")
	cmd.Flags().IntVar(&limit, "limit", 0, "end after so many copies")
	cmd.Flags().StringVar(&most, "for", "", "end after this time, such as 1m")
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		names, _ := completePipelines(cmd, args, typed)
		channels, _ := c.completeChannels(cmd, args, typed)
		return slices.Concat(names, channels), cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// tap prints the copies, and in the end what was not shown.
func (c *cli) tap(ctx context.Context, call api.Call[api.TapLine], query url.Values) error {
	ctx, stop := exit.Interruptible(ctx)
	defer stop()
	answer, err := c.client().Open(ctx, call.Method, call.Path, query, nil)
	if err != nil {
		return c.problem(err)
	}
	defer answer.Close()
	shown, last := 0, api.TapLine{}
	for lines := json.NewDecoder(answer); !last.End; {
		last.Copy = nil
		if lines.Decode(&last) != nil {
			break
		}
		if last.Copy != nil {
			shown++
			c.showTapped(last.Copy)
		}
	}
	c.Say("%d shown, %d missed: they came faster than they were read", shown, last.Missed)
	if last.Unclear > 0 {
		c.Say("of %d more the condition could not be told; the first: %s", last.Unclear, words.OneLine(last.Why, 300))
	}
	if ended := exit.Ended(ctx); ended != nil || last.End {
		return ended
	}
	return exit.With(exit.Unreachable, errors.New("the hub ended, or the connection to it was lost"))
}

func (c *cli) showTapped(m *api.Tapped) {
	if c.IsJSON() {
		c.PrintLine(m)
		return
	}
	body := words.JSON(m.Body)
	if m.Body == nil {
		body = words.Plural(m.Size, "byte")
	}
	c.Print("%s  %s  %s  %s  %s", m.Time.Local().Format(time.TimeOnly), m.Place, cmp.Or(m.Correlation, "-"), m.ID, body)
}
