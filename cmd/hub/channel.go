package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/show"
	"orderhub/cmd/hub/internal/words"
)

func (c *cli) channelVerb() *cobra.Command {
	list := func(ctx context.Context, _ []string) error {
		return tell(ctx, c, api.GetChannels, nil, nil, show.Channels)
	}
	cmd := group("channel", "Show what lies in channels and queues, and move, mend or delete it",
		"  hub channel list                                    how much, how old, who reads it\n"+
			"  hub channel show orders.invalid                     the messages, and what each waits for\n"+
			"  hub channel show orders.invalid 4711                one, with headers and body\n"+
			"  hub channel move orders.invalid 4711 --to orders --set customer.email=ann@example.com --why 'a typo'\n"+
			"  hub channel purge audit --older 30d --why 'kept long enough'",
		list,
		verb("list", "List the channels, and all other queues with messages", 0, 0, list),
		c.channelShow(), c.channelMove(), c.channelPurge())
	for _, sub := range cmd.Commands() {
		if sub.Name() != "list" {
			sub.ValidArgsFunction = c.completeChannels
		}
	}
	return cmd
}

func (c *cli) channelShow() *cobra.Command {
	var s api.Selection
	most := 100
	cmd := verb("show NAME [ID]", "Show the messages of a channel, or one of them", 1, 2, func(ctx context.Context, args []string) error {
		query := url.Values{"match": {s.Match}, "older": {s.Older}, "after": {strconv.FormatInt(s.After, 10)}, "limit": {strconv.Itoa(most)}}
		call := api.GetMessages.Of(args[0])
		if len(args) == 1 {
			return tell(ctx, c, call, query, nil, show.Messages)
		}
		p, _, err := fetch(ctx, c, call, url.Values{"id": args[1:], "full": {"true"}}, nil)
		if err != nil {
			return err
		}
		return display(c, p.Messages[0], nil, show.Message)
	})
	cmd.Long = "Show the messages of a channel, the oldest first, with what each waits for. NAME is one that hub channel list shows,\n" +
		"ID a sequence number or the ID of a message. Nothing is taken away."
	selectFlags(cmd, &s)
	cmd.Flags().Int64Var(&s.After, "after", 0, "go on behind this sequence number")
	cmd.Flags().IntVar(&most, "limit", most, "how many are looked at, 1000 at most")
	return cmd
}

// selectFlags are the flags that say which messages are meant.
func selectFlags(cmd *cobra.Command, s *api.Selection) {
	cmd.Flags().StringVar(&s.Match, "match", "", "only those that meet a condition, such as 'body.total > 100'")
	cmd.Flags().StringVar(&s.Older, "older", "", "only those that are older than this, such as 2d or 90m")
}

// changeFlags are the flags of the verbs that change what lies in a channel.
func changeFlags(cmd *cobra.Command, q *api.ChannelChange, yes *bool) {
	selectFlags(cmd, &q.Selection)
	cmd.Flags().BoolVar(&q.All, "all", false, "all messages of the channel")
	cmd.Flags().BoolVar(&q.DryRun, "dry-run", false, "change nothing")
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask")
}

func (c *cli) channelMove() *cobra.Command {
	var q api.ChannelChange
	var m mending
	yes := false
	cmd := verb("move NAME [ID]...", "Move messages to another channel or pipeline, mended on the way", 1, -1, func(ctx context.Context, args []string) error {
		if q.To == "" {
			return exit.Usagef("--to is missing: name a channel or a pipeline")
		}
		var err error
		if q.Set, q.Body, err = m.read(c); err != nil {
			return err
		}
		q.IDs = args[1:]
		return c.changeChannel(ctx, api.PostTransfer, args[0], q, yes, "move")
	})
	cmd.Long = "Move messages: those named, or those that --all, --match and --older mean. Each leaves its channel and lies in the other one\n" +
		"in one commit: none is lost, none doubled. Their order stays. What is being handled just now is left alone.\n" +
		"With --set or --body a message is mended: it goes on as another message, with a derived ID. A schema of the channel is held."
	changeFlags(cmd, &q, &yes)
	cmd.Flags().StringVar(&q.To, "to", "", "the channel, or the pipeline whose steps they go through")
	m.flags(cmd)
	cmd.RegisterFlagCompletionFunc("to", func(cmd *cobra.Command, _ []string, to string) ([]string, cobra.ShellCompDirective) {
		return c.completeChannels(cmd, nil, to)
	})
	return cmd
}

func (c *cli) channelPurge() *cobra.Command {
	var q api.ChannelChange
	yes := false
	cmd := verb("purge NAME [ID]...", "Delete messages for good", 1, -1, func(ctx context.Context, args []string) error {
		q.IDs = args[1:]
		return c.changeChannel(ctx, api.PostPurge, args[0], q, yes, "delete")
	})
	cmd.Long = "Delete messages: those named, or those that --all, --match and --older mean. First it tells how many. On a terminal the\n" +
		"channel's name is asked for; else say --yes. What waited behind a deleted message of its key goes on."
	changeFlags(cmd, &q, &yes)
	return cmd
}

// changeChannel tells what a change would do, asks, and does it in portions. What comes meanwhile is not meant.
func (c *cli) changeChannel(ctx context.Context, call api.Call[*api.ChannelChanged], name string, q api.ChannelChange, yes bool, what string) error {
	switch {
	case !q.IsOne():
		return exit.Usagef("give IDs of messages, or say which ones: --all, --match, --older")
	case c.why == "" && (what == "delete" || len(q.Set) > 0 || q.Body != nil):
		return exit.Usagef("--why is missing: the reason is kept in the history")
	}
	call = call.Of(name)
	dry := q
	dry.DryRun = true
	would, err := c.portions(ctx, call, dry, 0)
	if err != nil {
		return err
	}
	ask := !q.DryRun && !yes && (what == "delete" || len(q.IDs) == 0) && would.Count > 0
	if ask && !c.Typed(fmt.Sprintf("%s %s of %s? Type its name:", what, words.Plural(would.Count, "message"), name), name) {
		return exit.Usagef("%s of %s; nothing was done: say --yes", words.Plural(would.Count, "message"), name)
	}
	done := would
	if q.DryRun || would.Count == 0 {
		return display(c, done, nil, func(s *screen.Screen, a *api.ChannelChanged) { show.ChannelChanged(s, a, what) })
	}
	q.Until = would.Last
	if done, err = c.portions(ctx, call, q, would.Count); err != nil {
		return err
	}
	return display(c, done, nil, func(s *screen.Screen, a *api.ChannelChanged) { show.ChannelChanged(s, a, what) })
}

// portions makes the call for one portion after the other, and adds up what they did, of most messages; 0: nobody knows how many.
func (c *cli) portions(ctx context.Context, call api.Call[*api.ChannelChanged], q api.ChannelChange, most int) (*api.ChannelChanged, error) {
	ctx, progress := c.Track(ctx, most)
	defer progress.End()
	sum := &api.ChannelChanged{DryRun: q.DryRun}
	for {
		a, _, err := fetch(context.WithoutCancel(ctx), c, call, nil, q) // a portion is done or not: ^C waits for its end
		if err == nil {
			sum.Add(a)
			progress.At(sum.Count)
			if q.After = a.Next; a.Next == 0 {
				return sum, nil
			}
			err = exit.Ended(ctx)
		}
		if err != nil {
			progress.End()
			if sum.Count > 0 && !q.DryRun {
				c.Say("%s done before that", words.Plural(sum.Count, "message"))
			}
			return nil, err
		}
	}
}

// completeChannels gives the channels of the running hub to the shell.
func (c *cli) completeChannels(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, _, err := api.GetChannels.Ask(cmd.Context(), c.client(), nil, nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := make([]string, len(list))
	for i, ch := range list {
		names[i] = ch.Queue.Queue
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
