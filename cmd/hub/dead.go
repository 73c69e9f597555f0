package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/daemon"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/show"
	"orderhub/hub"
	"orderhub/hub/store"
)

func (c *cli) dlqVerb() *cobra.Command {
	var s api.DeadSelection
	var only string
	list := func(ctx context.Context, _ []string) error {
		if only != "" {
			return c.deadLetters(ctx, only)
		}
		return tell(ctx, c, api.GetDeadGroups, nil, nil, show.DeadGroups)
	}
	var yes bool
	drop := verb("drop [SEQ]...", "Delete dead letters for good", 0, -1, func(ctx context.Context, args []string) error {
		return c.drop(ctx, args, s, yes)
	})
	deadFlags(drop, &s)
	drop.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	ls := verb("list", "List the groups, or the dead letters of one", 0, 0, list)
	cmd := group("dlq", "Show dead letters, grouped by cause; list, show or drop them",
		"  hub dlq                   the groups\n  hub dlq --group g1a2b3    the dead letters of one\n"+
			"  hub dlq show 42           one, with its body\n  hub dlq drop --group g1a2b3",
		list,
		ls,
		verb("show SEQ", "Show one dead letter with its body", 1, 1, func(ctx context.Context, args []string) error { return c.deadLetter(ctx, args[0]) }),
		drop)
	for _, flags := range []*cobra.Command{cmd, ls} {
		flags.Flags().StringVar(&only, "group", "", "only this group")
	}
	return cmd
}

func (c *cli) deadLetters(ctx context.Context, group string) error {
	const most = 1000
	list, raw, err := fetch(ctx, c, api.GetDead, url.Values{"group": {group}, "limit": {strconv.Itoa(most)}}, nil)
	if err != nil {
		return err
	}
	if len(list) == 0 && !c.IsJSON() {
		return fmt.Errorf("no dead letters in group %s", group)
	}
	return display(c, list, raw, func(s *screen.Screen, list []api.Stored) {
		show.DeadLetters(s, list)
		if len(list) == most {
			s.Say("these are the oldest %d; GET /dead?after=%d has more", most, list[most-1].Seq)
		}
	})
}

func (c *cli) deadLetter(ctx context.Context, seq string) error {
	if _, err := seqOf(seq); err != nil {
		return err
	}
	list, _, err := fetch(ctx, c, api.GetDead, url.Values{"seq": {seq}, "full": {"true"}}, nil)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return c.problem(api.NotFoundf("no dead letter %s", seq))
	}
	return display(c, list[0], nil, show.DeadLetter)
}

func (c *cli) refusedVerb() *cobra.Command {
	var q store.RefusalQuery
	list := verb("list", "List what was refused, newest first", 0, 0, func(ctx context.Context, _ []string) error { return c.refusals(ctx, q) })
	list.Flags().StringVar(&q.Source, "source", "", "only of this source, as hub refused shows it")
	list.Flags().StringVar(&q.Reason, "reason", "", "only for this reason")
	list.Flags().IntVar(&q.Limit, "limit", 50, "how many at most")
	cmd := group("refused", "Show what was refused: counted by source and reason, listed, or one",
		"  hub refused                          how many, by source and reason\n"+
			"  hub refused list --reason bad_json   the newest for a reason\n  hub refused show ID                  one, with the beginning of what came",
		func(ctx context.Context, _ []string) error {
			counts, raw, err := look(ctx, c, api.GetRefusedCounts, nil, nil, func(st store.Store) ([]store.RefusalCount, error) {
				return store.CountRefused(ctx, st)
			})
			if err != nil {
				return err
			}
			return display(c, counts, raw, show.RefusedCounts)
		},
		list,
		verb("show ID", "Show one: why, and the beginning of what came", 1, 1, func(ctx context.Context, args []string) error {
			return c.refusal(ctx, args[0])
		}))
	cmd.Long = "Show what the hub did not take: what never became a message of a pipeline, and requests that were answered with an error.\n" +
		"The counts are exact. Of a flood a sample is kept: 100 a second of one source and reason, 500 of them, 5000 in all.\n" +
		"Without a running hub the store's file is read."
	return cmd
}

func (c *cli) refusals(ctx context.Context, q store.RefusalQuery) error {
	list, raw, err := c.lookRefused(ctx, url.Values{"source": {q.Source}, "reason": {q.Reason}, "limit": {strconv.Itoa(q.Limit)}})
	if err != nil {
		return err
	}
	return display(c, list, raw, func(s *screen.Screen, list []hub.Refusal) {
		if len(list) == 0 {
			s.Say("nothing of it was refused; hub refused shows what was")
			return
		}
		show.Refusals(s, list)
		if len(list) == q.Limit {
			s.Say("these are the newest %d; --limit shows more, GET /refused?before=%d pages on", q.Limit, list[len(list)-1].Seq)
		}
	})
}

func (c *cli) refusal(ctx context.Context, id string) error {
	list, _, err := c.lookRefused(ctx, url.Values{"id": {id}, "full": {"true"}})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return c.problem(api.NotFoundf("no refusal %s is kept: hub refused list shows those that are", id))
	}
	return display(c, &list[0], nil, show.Refusal)
}

func (c *cli) lookRefused(ctx context.Context, query url.Values) ([]hub.Refusal, []byte, error) {
	return look(ctx, c, api.GetRefused, query, nil, func(st store.Store) ([]hub.Refusal, error) { return daemon.Refusals(ctx, st, query) })
}
