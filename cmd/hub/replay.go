package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/words"
)

func (c *cli) replayCommand() *cobra.Command {
	var s deadSelection
	cmd := &cobra.Command{
		Use:   "replay [SEQ]...",
		Short: "Run dead letters again, with the configuration that runs now",
		Long: "Run dead letters again: by their sequence numbers, a --group, or --all. Their attempts start anew.\n" +
			"With --dry-run it only tells how many, and whether the configuration has changed since they failed.",
		Args: between(0, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.replay(cmd.Context(), args, s) },
	}
	cmd.Flags().StringVar(&s.Group, "group", "", "all of this group")
	cmd.Flags().BoolVar(&s.All, "all", false, "all dead letters")
	cmd.Flags().BoolVar(&s.DryRun, "dry-run", false, "change nothing")
	return cmd
}

func (c *cli) replay(ctx context.Context, args []string, s deadSelection) error {
	s, err := selection(args, s)
	if err != nil {
		return err
	}
	a, err := c.settle(ctx, "/dead/replay", s)
	if err != nil {
		return err
	}
	switch {
	case c.IsJSON():
		return c.PrintJSON(a)
	case a.DryRun:
		c.Print("%s", a.describe(time.Now()))
	default:
		c.Print("%s replayed: hub status, hub dlq", words.Plural(a.Count, "dead letter"))
	}
	return nil
}

// describe is the dry run in words.
func (a *deadAnswer) describe(now time.Time) string {
	text := words.Plural(a.Count, "dead letter")
	if !a.First.IsZero() {
		text += fmt.Sprintf(" from %s to %s ago", words.Age(a.First, now), words.Age(a.Last, now))
	}
	var then []string
	for _, version := range slices.Sorted(maps.Keys(a.Then)) {
		then = append(then, fmt.Sprintf("%s (%d)", version, a.Then[version]))
	}
	text += "; config then " + strings.Join(then, ", ") + ", now " + a.Now
	if len(a.Then) == 1 && a.Then[a.Now] > 0 {
		text += " (unchanged)"
	}
	for _, q := range slices.Sorted(maps.Keys(a.Queues)) {
		text += fmt.Sprintf("\n  %d to %s", a.Queues[q], q)
	}
	return text
}
