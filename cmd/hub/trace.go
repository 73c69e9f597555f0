package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/daemon"
	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/show"
	"orderhub/hub/store"
)

func (c *cli) traceVerb() *cobra.Command {
	var full bool
	cmd := verb("trace [ID|last]", "Show what became of a message or an order, over all pipelines", 0, 1,
		func(ctx context.Context, args []string) error {
			id := api.Last
			if len(args) > 0 {
				id = args[0]
			}
			query := url.Values{"id": {id}}
			if full {
				query.Set("full", "true")
			}
			v, raw, err := look(ctx, c, api.GetTrace, query, nil, func(st store.Store) (*api.Trace, error) {
				return daemon.TraceFile(ctx, st, id)
			})
			if err != nil {
				return err
			}
			return display(c, v, raw, show.Trace)
		})
	cmd.Flags().BoolVar(&full, "bodies", false, "show what each step changed in the body, where that is kept (keep_bodies)")
	cmd.Long = "Show the timeline of a message ID, an order ID (correlation) or a trace ID (W3C Trace Context); last is the newest message from outside.\n" +
		"Without a running hub the store's file is read."
	return cmd
}

type sendFlags struct {
	wait           bool
	timeout        time.Duration
	key            string
	headers, param []string
}

func (c *cli) sendVerb() *cobra.Command {
	var f sendFlags
	cmd := verb("send PIPELINE [@FILE|-|JSON]", "Send a message into a pipeline, as if it came from its source", 1, 2,
		func(ctx context.Context, args []string) error { return c.send(ctx, args, f) })
	cmd.Long = "Send a message into a pipeline of the running hub. The body is a file (@order.json), stdin (-) or the text itself.\n" +
		"With --wait it waits until all of it is handled and prints the trace: 1 when it left a dead letter, 4 when it took too long."
	cmd.ValidArgsFunction = completePipelines
	cmd.Flags().BoolVar(&f.wait, "wait", false, "wait until it is handled, and print the trace")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "how long --wait waits")
	cmd.Flags().StringVar(&f.key, "key", "", "ordering key of the message")
	cmd.Flags().StringArrayVar(&f.headers, "header", nil, "header of the message, name=value")
	cmd.Flags().StringArrayVar(&f.param, "param", nil, "parameter of the route, name=value")
	return cmd
}

func (c *cli) send(ctx context.Context, args []string, f sendFlags) error {
	body, err := c.bodyArgument(args[1:])
	if err != nil {
		return err
	}
	query := url.Values{}
	for prefix, list := range map[string][]string{"header.": f.headers, "param.": f.param} {
		for _, pair := range list {
			name, value, ok := strings.Cut(pair, "=")
			if !ok {
				return exit.Usagef("%q is no name=value", pair)
			}
			query.Set(prefix+name, value)
		}
	}
	if f.key != "" {
		query.Set("key", f.key)
	}
	if f.wait {
		query.Set("wait", f.timeout.String())
	}
	a, raw, err := fetch(ctx, c, api.PostMessage.Of(args[0]), query, body)
	if err != nil {
		return err
	}
	if err := display(c, a, raw, show.Sent); err != nil {
		return err
	}
	switch {
	case !f.wait || a.Trace == nil:
		return nil
	case !*a.Quiet:
		return exit.With(exit.Timeout, fmt.Errorf("%s is not through after %s: hub trace %s", a.ID, f.timeout, a.ID))
	case a.Trace.State == api.Dead:
		return fmt.Errorf("%s left a dead letter: hub dlq", a.ID)
	}
	return nil
}

func (c *cli) tryVerb() *cobra.Command {
	var q api.TryRequest
	cmd := verb("try PIPELINE [@FILE|-|JSON]", "Run a message through a pipeline on a copy: nothing is stored, nobody is asked or told", 1, 2, func(ctx context.Context, args []string) error {
		body, err := c.bodyArgument(args[1:])
		if err != nil {
			return err
		}
		q.Pipeline, q.Body = args[0], string(body)
		a, raw, err := fetch(ctx, c, api.PostTry, nil, q)
		if err != nil {
			return err
		}
		if a.Problems != "" {
			c.Say("%s", strings.TrimSuffix(a.Problems, "\n"))
			return exit.Told()
		}
		if err := display(c, a, raw, show.Tried); err != nil || a.Refused == nil && a.Asks == "" && a.Trace.State != api.Dead {
			return err
		}
		return exit.Told()
	})
	cmd.Long = "Run a message through a pipeline and all behind it, with the configuration in the hub's file, on a copy in memory. Tables and instances are\n" +
		"those of the hub. Where somebody is asked, --answers says what they answer, as mock: of a test. Exit is 1 if it would fail."
	cmd.Example = "  hub try web-orders @order.json\n  hub try billing --seq 4711 --answers '{billing.charge: {result: approved}}'"
	cmd.Flags().Int64Var(&q.Seq, "seq", 0, "a message in the store, by its number, instead of a body")
	cmd.Flags().StringVar(&q.Answers, "answers", "", "what those answer who are asked")
	cmd.ValidArgsFunction = completePipelines
	return cmd
}

// bodyArgument is @file, - for stdin, or the text itself.
func (c *cli) bodyArgument(args []string) ([]byte, error) {
	if len(args) == 0 {
		return nil, nil
	}
	if file, ok := strings.CutPrefix(args[0], "@"); ok || args[0] == "-" {
		return c.ReadFile(file)
	}
	return []byte(args[0]), nil
}
