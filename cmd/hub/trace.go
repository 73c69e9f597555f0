package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines/process"
)

func (c *cli) traceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "trace [ID|last]",
		Short: "Show what became of a message or an order, over all pipelines",
		Long: "Show the timeline of a message ID or an order ID (correlation); last is the newest message from outside.\n" +
			"Without a running hub the store's file is read.",
		Args: between(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := "last"
			if len(args) > 0 {
				id = args[0]
			}
			return c.trace(cmd.Context(), id)
		},
	}
}

func (c *cli) trace(ctx context.Context, id string) error {
	v, done, err := fetchOrRead(ctx, c, "/trace", url.Values{"id": {id}}, func(st hub.Store) (*traceView, error) { return traceFile(ctx, st, id) })
	if err != nil || done {
		return err
	}
	c.printTrace(v, time.Now())
	return nil
}

// traceFile is a trace in a store that no hub uses: without data, since no schema says what of it is secret.
func traceFile(ctx context.Context, st hub.Store, id string) (*traceView, error) {
	v, err := traceIn(ctx, st, id, nil, nil)
	if err == nil {
		for _, i := range v.Instances {
			i.Data = nil
		}
	}
	return v, err
}

func (c *cli) printTrace(v *traceView, now time.Time) {
	c.printTitle(v, now)
	rows := make([][]string, 0, len(v.Events))
	for _, e := range v.Events {
		what := e.What
		if e.Detail != "" {
			what = fmt.Sprintf("%-9s %s", e.What, e.Detail)
		}
		rows = append(rows, []string{"", e.Time.Local().Format("15:04:05.000"), fmt.Sprintf("%6s", words.Took(e.Took)), e.Where, base(e.Line), words.OneLine(what, 160)})
	}
	if v.State != stateRefused {
		c.Table([]string{"", "TIME", "  TOOK", "WHERE", "", "WHAT"}, rows)
	}
	for _, m := range v.Stored {
		c.Print("%s", pendingLine(&m, now))
	}
	for i := range v.Refused {
		c.Print("")
		c.printRefusal(&v.Refused[i])
	}
}

// printTitle names what the trace is of: each instance of a process with a
// line of its own, else the correlations, else the messages from outside.
func (c *cli) printTitle(v *traceView, now time.Time) {
	title := v.Roots
	if len(v.Correlations) > 0 {
		title = v.Correlations
	}
	rest := slices.DeleteFunc(slices.Clone(title), func(id string) bool {
		return slices.ContainsFunc(v.Instances, func(i *process.View) bool { return i.ID == id })
	})
	for _, i := range v.Instances {
		text := titleOf(i, now)
		if v.State == stateMoving || v.State == stateDead {
			text += "  " + v.State
		}
		c.Print("%s", text)
	}
	switch {
	case len(rest) > 0:
		c.Print("%s  %s", strings.Join(rest[:min(len(rest), 8)], ", "), v.State)
	case len(v.Instances) == 0:
		c.Print("%s  %s", v.ID, v.State)
	}
}

// pendingLine says what a stored message waits for.
func pendingLine(m *storedMessage, now time.Time) string {
	text := fmt.Sprintf("  %s in %s", m.State, m.Queue)
	switch {
	case m.Error == nil && !m.Due.IsZero():
		text += ", due in " + words.Short(m.Due.Sub(now))
	case m.Error != nil && m.State == "dead":
		text += fmt.Sprintf(" since %s: %s (hub dlq show %d, hub replay %d)", words.Short(now.Sub(m.Error.Time)), words.OneLine(m.Error.Text(), 200), m.Seq, m.Seq)
	case m.Error != nil:
		text += fmt.Sprintf(", try %d in %s, after %s", m.Attempts+1, words.Short(m.Due.Sub(now)), words.OneLine(m.Error.Text(), 200))
		if m.Error.Times > 1 {
			text += fmt.Sprintf(" (the last of %d tries since %s)", m.Error.Times, m.Error.Since.Local().Format(time.TimeOnly))
		}
	}
	return text
}
