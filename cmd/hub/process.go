package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
)

type listFlags struct {
	state, after string
	stuck, early bool
	limit        int
}

func (c *cli) processCommand() *cobra.Command {
	var f listFlags
	list := func(cmd *cobra.Command, args []string) error { return c.processList(cmd.Context(), args, f) }
	cmd := &cobra.Command{
		Use:   "process",
		Short: "Show the instances of processes, and steer them",
		Example: "  hub process list order --stuck           what failed and waits for somebody\n" +
			"  hub process show W-1042                  where it stands, what it waits for\n" +
			"  hub process signal W-1042 card_updated --with '{\"card\":\"tok_2\"}'\n" +
			"  hub process retry W-1042                 its failed steps run again now",
		Args: func(cmd *cobra.Command, args []string) error { return unknownVerb(cmd, args) },
		RunE: list,
	}
	ls := &cobra.Command{Use: "list [PROCESS]", Short: "List instances that have not ended; with --state those in a state", Args: between(0, 1), RunE: list}
	for _, flags := range []*cobra.Command{cmd, ls} {
		flags.Flags().StringVar(&f.state, "state", "", "only those in this state")
		flags.Flags().BoolVar(&f.stuck, "stuck", false, "only those with a step that failed")
		flags.Flags().BoolVar(&f.early, "early", false, "only those with events that no state took yet")
		flags.Flags().IntVar(&f.limit, "limit", 100, "how many, 1000 at most")
		flags.Flags().StringVar(&f.after, "after", "", "go on behind this ID")
	}
	var data bool
	show := &cobra.Command{Use: "show ID", Short: "Show where an instance stands and what it waits for", Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.processShow(cmd.Context(), args[0], data) }}
	show.Flags().BoolVar(&data, "data", false, "its data and results as well")
	cmd.AddCommand(ls, show, c.signalVerb(),
		&cobra.Command{Use: "retry ID", Short: "Run failed and waiting steps now; their dead letters are dropped", Args: between(1, 1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return c.act(cmd.Context(), "retry", actRequest{Instance: args[0]})
			}},
		c.cancelVerb(),
		&cobra.Command{Use: "move ID", Short: "Take an instance to the newest version, as in_flight says", Args: between(1, 1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return c.act(cmd.Context(), "move", actRequest{Instance: args[0]})
			}})
	return cmd
}

func (c *cli) signalVerb() *cobra.Command {
	var with string
	cmd := &cobra.Command{Use: "signal ID EVENT", Short: "Tell an instance of an event", Args: between(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := actRequest{Instance: args[0], Event: args[1]}
			if with != "" {
				if q.With = json.RawMessage(with); !json.Valid(q.With) {
					return exit.Usagef("--with is no JSON: %s", words.OneLine(with, 80))
				}
			}
			return c.act(cmd.Context(), "signal", q)
		}}
	cmd.Flags().StringVar(&with, "with", "", "what formulas call `event`, JSON")
	return cmd
}

func (c *cli) cancelVerb() *cobra.Command {
	var why string
	cmd := &cobra.Command{Use: "cancel ID", Short: "End an instance: what was done is undone", Args: between(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if why == "" {
				return exit.Usagef("--why is missing: the reason is kept in the history")
			}
			return c.act(cmd.Context(), "cancel", actRequest{Instance: args[0], Why: why})
		}}
	cmd.Flags().StringVar(&why, "why", "", "the reason")
	return cmd
}

func (c *cli) processList(ctx context.Context, args []string, f listFlags) error {
	query := url.Values{"state": {f.state}, "after": {f.after}, "limit": {strconv.Itoa(f.limit)},
		"stuck": {strconv.FormatBool(f.stuck)}, "early": {strconv.FormatBool(f.early)}}
	if len(args) > 0 {
		query.Set("process", args[0])
	}
	var l instanceList
	if done, err := c.fetch(ctx, http.MethodGet, "/instances", query, nil, &l); err != nil || done {
		return err
	}
	if len(l.Instances) == 0 && !l.More {
		c.Say("no instances")
		return nil
	}
	c.instanceTable(l.Instances, time.Now())
	switch {
	case l.Next != "":
		c.Say("there are more: --after %s", l.Next)
	case l.More:
		c.Say("there are more: name the process, or give --limit")
	}
	return nil
}

func (c *cli) processShow(ctx context.Context, id string, data bool) error {
	var v process.View
	if done, err := c.fetch(ctx, http.MethodGet, "/instance", url.Values{"id": {id}}, nil, &v); err != nil || done {
		return err
	}
	c.printInstance(&v, time.Now())
	if data {
		c.Print("%s", words.JSON(v.Data))
	}
	return nil
}

// act asks something of an instance, and prints its state afterwards.
func (c *cli) act(ctx context.Context, verb string, q actRequest) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	var a actAnswer
	if done, err := c.fetch(ctx, http.MethodPost, "/instances/"+verb, nil, body, &a); err != nil || done {
		return err
	}
	c.Print("%s", titleOf(a.Instance, time.Now()))
	switch {
	case !a.Done:
		c.Say("it is stored, and the process has not taken it yet: hub trace %s", a.Instance.ID)
	case a.Kept:
		c.Say("it is kept: no state takes %s yet", q.Event)
	case a.Dropped > 0:
		c.Say("%s dropped", words.Plural(a.Dropped, "dead letter"))
	}
	if a.Left > 0 {
		c.Say("%s of it left, of events and timers: hub dlq", words.Plural(a.Left, "dead letter"))
	}
	return nil
}
