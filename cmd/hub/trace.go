package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/hub/store"
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
	var v traceView
	done, err := c.fetch(ctx, http.MethodGet, "/trace", url.Values{"id": {id}}, nil, &v)
	if gone, ok := errors.AsType[*errUnreachable](err); ok {
		found, err := traceFile(ctx, id, gone)
		if err != nil {
			return c.tellProblem(err)
		}
		if c.json() {
			return c.printJSON(found)
		}
		v = *found
	} else if err != nil || done {
		return err
	}
	c.printTrace(&v, time.Now())
	return nil
}

// traceFile reads the store's file, which no hub uses.
func traceFile(ctx context.Context, id string, gone *errUnreachable) (*traceView, error) {
	url := configuredStore()
	file := storeFile(url)
	if file == "" || !exists(file) {
		return nil, &exitError{exitUnreachable, gone}
	}
	st, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return nil, &exitError{exitUnreachable, fmt.Errorf("no hub answers at %s, and %w; name its socket with --hub or HUB_HOME", gone.socket, err)}
	}
	defer st.Close()
	return traceIn(ctx, st, id, nil)
}

func (c *cli) printTrace(v *traceView, now time.Time) {
	title := v.Roots
	if len(v.Correlations) > 0 {
		title = v.Correlations
	}
	if len(title) == 0 {
		title = []string{v.ID}
	}
	c.print("%s  %s", strings.Join(title[:min(len(title), 8)], ", "), v.State)
	rows := make([][]string, 0, len(v.Events))
	for _, e := range v.Events {
		what := e.What
		if e.Detail != "" {
			what = fmt.Sprintf("%-9s %s", e.What, e.Detail)
		}
		rows = append(rows, []string{"", e.Time.Local().Format("15:04:05.000"), fmt.Sprintf("%6s", took(e.Took)), e.Where, base(e.Line), oneLine(what, 160)})
	}
	c.table([]string{"", "TIME", "  TOOK", "WHERE", "", "WHAT"}, rows)
	for _, m := range v.Stored {
		c.print("%s", pendingLine(&m, now))
	}
}

// pendingLine says what a stored message waits for.
func pendingLine(m *storedMessage, now time.Time) string {
	text := fmt.Sprintf("  %s in %s", m.State, m.Queue)
	switch {
	case m.Error == nil && !m.Due.IsZero():
		text += ", due in " + short(m.Due.Sub(now))
	case m.Error != nil && m.State == "dead":
		text += fmt.Sprintf(" since %s: %s (hub dlq show %d, hub replay %d)", short(now.Sub(m.Error.Time)), oneLine(m.Error.Message, 120), m.Seq, m.Seq)
	case m.Error != nil:
		text += fmt.Sprintf(", try %d in %s, after %s", m.Attempts+1, short(m.Due.Sub(now)), oneLine(m.Error.Message, 120))
	}
	return text
}
