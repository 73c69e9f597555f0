package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/words"
)

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what the hub does: stages, queues, counters", Args: between(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.status(cmd.Context()) },
	}
}

func (c *cli) status(ctx context.Context) error {
	var v statusView
	if done, err := c.fetch(ctx, http.MethodGet, "/status", nil, nil, &v); err != nil || done {
		return err
	}
	now := time.Now()
	c.Print("%s  %s  config %s  up %s  store %s", v.Name, v.Config, v.Revision, words.Age(v.Since, now), v.Store)
	for _, name := range slices.Sorted(maps.Keys(v.URLs)) {
		c.Print("%s  %s", name, v.URLs[name])
	}
	if len(v.Stubs) > 0 {
		c.Print("stubs  %s", strings.Join(v.Stubs, ", "))
	}
	c.Print("")
	if len(v.Attention) > 0 {
		c.attentionLines(v.Attention, now)
		c.Print("")
	}
	c.stageTable(&v, now)
	if unread := v.unread(); len(unread) > 0 {
		c.Print("")
		c.queueTable(unread, now)
	}
	if len(v.Processes) > 0 {
		c.Print("")
		c.processTable(v.Processes)
	}
	if len(v.Refused) > 0 {
		c.Print("")
		c.refusedTable(v.Refused, now)
	}
	if len(v.Counters) > 0 {
		c.Print("")
		rows := [][]string{}
		for _, name := range slices.Sorted(maps.Keys(v.Counters)) {
			for _, key := range slices.Sorted(maps.Keys(v.Counters[name])) {
				rows = append(rows, []string{name, key, strconv.FormatInt(v.Counters[name][key], 10)})
			}
		}
		c.Table([]string{"COUNTER", "KEY", "VALUE"}, rows)
	}
	return nil
}

// stageTable has a row for each stage with its queue. Outboxes and timers without anything to tell are left out.
func (c *cli) stageTable(v *statusView, now time.Time) {
	queues := map[string]queueView{}
	for _, q := range v.Queues {
		queues[q.Queue] = q
	}
	rows := [][]string{}
	for _, s := range v.Stages {
		q := queues[s.Queue]
		busy := s.Done+s.Failed > 0 || s.Running+q.Ready+q.Waiting+q.Held+q.Dead > 0
		if (strings.HasPrefix(s.Name, "@") || strings.HasSuffix(s.Name, " timer")) && !busy {
			continue
		}
		rows = append(rows, []string{s.Name, rate(s.Rate), strconv.FormatInt(s.Done, 10), strconv.FormatInt(s.Failed, 10), strconv.Itoa(s.Running),
			strconv.Itoa(q.Ready + q.Held), strconv.Itoa(q.Waiting), strconv.Itoa(q.Dead), words.Age(q.Oldest, now), note(&s, &q, v.Paused, now)})
	}
	c.Table([]string{"STAGE", "RATE", "DONE", "FAILED", "RUNNING", "READY", "WAITING", "DEAD", "OLDEST", "NOTE"}, rows)
}

func rate(perSecond float64) string {
	switch {
	case perSecond >= 10:
		return fmt.Sprintf("%.0f/s", perSecond)
	case perSecond >= 0.1 || perSecond == 0:
		return fmt.Sprintf("%.1f/s", perSecond)
	}
	return fmt.Sprintf("%.1f/m", perSecond*60)
}

func note(s *stageView, q *queueView, paused []pauseRecord, now time.Time) string {
	switch {
	case s.Paused:
		for _, p := range paused {
			if p.Pipeline == pipelineOf(s.Name) && p.Reason != "" {
				return "paused: " + words.OneLine(p.Reason, 80)
			}
		}
		return "paused"
	case s.Source == "degraded":
		return strings.TrimSuffix("source degraded: "+words.OneLine(s.Error, 100)+"; "+awaitingText(q, now), "; ")
	case s.Source == "ended":
		return "source used up"
	}
	return awaitingText(q, now)
}

func (c *cli) queueTable(queues []queueView, now time.Time) {
	rows := make([][]string, len(queues))
	for i, q := range queues {
		rows[i] = []string{q.Queue, strconv.Itoa(q.Ready + q.Held), strconv.Itoa(q.Waiting), strconv.Itoa(q.Dead), words.Age(q.Oldest, now)}
	}
	c.Table([]string{"QUEUE (NO READER)", "READY", "WAITING", "DEAD", "OLDEST"}, rows)
}
