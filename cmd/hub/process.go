package main

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/show"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
)

type listFlags struct {
	state, after string
	stuck, early bool
	limit        int
}

func (c *cli) processVerb() *cobra.Command {
	var f listFlags
	list := func(ctx context.Context, args []string) error { return c.instances(ctx, args, f) }
	ls := verb("list [PROCESS]", "List instances that have not ended; with --state those in a state", 0, 1, list)
	var data bool
	showOne := verb("show ID", "Show where an instance stands and what it waits for", 1, 1, func(ctx context.Context, args []string) error {
		return tell(ctx, c, api.GetInstance, url.Values{"id": {args[0]}, "full": {strconv.FormatBool(data)}}, nil, func(s *screen.Screen, v *process.View) {
			show.Instance(s, v)
			if data {
				s.Print("%s", words.JSON(v.Data))
			}
		})
	})
	showOne.Flags().BoolVar(&data, "data", false, "its data and results as well")
	var with string
	signal := verb("signal ID EVENT", "Tell an instance of an event", 2, 2, func(ctx context.Context, args []string) error {
		q := api.ActRequest{Instance: args[0], Event: args[1]}
		if with != "" {
			if q.With = json.RawMessage(with); !json.Valid(q.With) {
				return exit.Usagef("--with is no JSON: %s", words.OneLine(with, 80))
			}
		}
		return c.act(ctx, api.PostSignal, q)
	})
	signal.Flags().StringVar(&with, "with", "", "what formulas call `event`, JSON")
	cmd := group("process", "Show the instances of processes, and steer them",
		"  hub process list order --stuck           what failed and waits for somebody\n"+
			"  hub process show W-1042                  where it stands, what it waits for\n"+
			"  hub process signal W-1042 card_updated --with '{\"card\":\"tok_2\"}'\n"+
			"  hub process retry W-1042                 its failed steps run again now\n"+
			"  hub process retry --state awaiting_card --older 2d\n"+
			"  hub process set W-1042 customer.address.zip=01069 --why 'the customer called'\n"+
			"  hub process call W-1042 billing.refund --body refund.json --why 'goodwill'",
		list, ls, showOne, signal,
		c.steerVerb("retry", "Run failed and waiting steps now; their dead letters are dropped", api.PostRetry),
		c.steerVerb("cancel", "End an instance: what was done is undone; --why says why", api.PostCancel),
		c.steerVerb("move", "Take an instance to the newest version, as in_flight says", api.PostMove),
		c.setVerb(), c.callVerb())
	for _, flags := range []*cobra.Command{cmd, ls} {
		flags.Flags().StringVar(&f.state, "state", "", "only those in this state")
		flags.Flags().BoolVar(&f.stuck, "stuck", false, "only those with a step that failed")
		flags.Flags().BoolVar(&f.early, "early", false, "only those with events that no state took yet")
		flags.Flags().IntVar(&f.limit, "limit", 100, "how many, 1000 at most")
		flags.Flags().StringVar(&f.after, "after", "", "go on behind this ID")
	}
	return cmd
}

func (c *cli) instances(ctx context.Context, args []string, f listFlags) error {
	query := url.Values{"state": {f.state}, "after": {f.after}, "limit": {strconv.Itoa(f.limit)},
		"stuck": {strconv.FormatBool(f.stuck)}, "early": {strconv.FormatBool(f.early)}}
	if len(args) > 0 {
		query.Set("process", args[0])
	}
	return tell(ctx, c, api.GetInstances, query, nil, show.Instances)
}

// act asks something of an instance, and prints its state afterwards.
func (c *cli) act(ctx context.Context, call api.Call[*api.Acted], q api.ActRequest) error {
	return tell(ctx, c, call, nil, q, func(s *screen.Screen, a *api.Acted) { show.Acted(s, a, "it", q.Event) })
}

func (c *cli) taskVerb() *cobra.Command {
	var who, late = "", false
	list := func(ctx context.Context, _ []string) error {
		return tell(ctx, c, api.GetTasks, url.Values{"group": {who}, "late": {strconv.FormatBool(late)}}, nil, show.Tasks)
	}
	ls := verb("list", "List the open tasks, those due first at the top", 0, 0, list)
	var to string
	handOver := verb("hand-over ID", "Give a task to somebody else, or back to a group", 1, 1, func(ctx context.Context, args []string) error {
		if to == "" {
			return exit.Usagef("--to is missing: a name, or a group")
		}
		return tell(ctx, c, api.PostHandOver, nil, api.TaskRequest{ID: args[0], To: to}, show.TaskChanged)
	})
	handOver.Flags().StringVar(&to, "to", "", "a name, or a group: then anybody of it may claim it")
	cmd := group("task", "Show the questions that processes ask people, and answer them",
		"  hub task list --late                     what nobody answered in time\n"+
			"  hub task claim order:W-1/3 --by ann      nobody else may answer it\n"+
			"  hub task answer order:W-1/3 approve=true note='checked' --by ann",
		list, ls,
		verb("show ID", "Show a task with its form", 1, 1, func(ctx context.Context, args []string) error {
			return tell(ctx, c, api.GetTask, url.Values{"id": {args[0]}}, nil, show.Task)
		}),
		verb("claim ID", "Make a task yours, or that of --by: nobody else may answer it", 1, 1, func(ctx context.Context, args []string) error {
			return tell(ctx, c, api.PostClaim, nil, api.TaskRequest{ID: args[0]}, show.TaskChanged)
		}),
		verb("answer ID FIELD=VALUE...", "Answer a task, as --by; the values are read by its form", 1, -1, c.answer), handOver)
	for _, flags := range []*cobra.Command{cmd, ls} {
		flags.Flags().StringVar(&who, "group", "", "only those of this group")
		flags.Flags().BoolVar(&late, "late", false, "only those that nobody answered in time")
	}
	return cmd
}

func (c *cli) answer(ctx context.Context, args []string) error {
	answer, err := pairs(args[1:], "approve=true")
	if err != nil {
		return err
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return tell(ctx, c, api.PostTaskAnswer, nil, api.TaskRequest{ID: args[0], Answer: raw},
		func(s *screen.Screen, a *api.Acted) { show.Acted(s, a, "the answer", "") })
}
