// Package show prints the answers of the admin API for people.
package show

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub/engine"
	"orderhub/pipelines/alert"
)

// Status prints the state of the hub: what needs attention first, then the parts of it that have something to tell.
func Status(s *screen.Screen, v *api.Status) {
	s.Print("%s  %s  config %s  up %s  store %s", v.Name, v.Config, v.Revision, words.Age(v.Since), v.Store)
	for _, name := range slices.Sorted(maps.Keys(v.URLs)) {
		s.Print("%s  %s", name, v.URLs[name])
	}
	if len(v.Stubs) > 0 {
		s.Print("stubs  %s", strings.Join(v.Stubs, ", "))
	}
	s.Print("")
	if len(v.Attention) > 0 {
		attention(s, v.Attention)
		s.Print("")
	}
	stages(s, v)
	section(s, []string{"QUEUE (NO READER)", "READY", "WAITING", "DEAD", "OLDEST"}, v.Unread(), func(q api.Queue) screen.Row {
		return screen.Row{q.Queue, q.Ready + q.Held, q.Waiting, q.Dead, words.Age(q.Oldest)}
	})
	section(s, []string{"HUB", "VERSION", "CONFIG", "QUEUES", ""}, v.Hubs, func(h api.Hub) screen.Row {
		if h.This {
			h.Hub += " (this one)"
		}
		return screen.Row{h.Hub, h.Version, h.Revision, len(h.Queues), words.OneLine(strings.Join(h.Queues, ", "), 100)}
	})
	section(s, []string{"PROCESS", "VERSION", "OPEN", "ENDED", "STUCK", "TASKS", "LATE"}, v.Processes, func(p api.ProcessStatus) screen.Row {
		return screen.Row{p.Process, version(p.Version), p.Open, p.Ended, p.Stuck, p.Tasks, p.Late}
	})
	if len(v.Refused) > 0 {
		s.Print("")
		RefusedCounts(s, v.Refused)
	}
	section(s, []string{"KEPT", "OF", "FOR"}, v.Retention, func(k api.Retention) screen.Row { return screen.Row{k.What, k.Of, k.For} })
	if v.Unkept > 0 {
		s.Print("")
		s.Print("history of %s is not kept: they pass through faster than the store writes (history: failures)", words.Plural(int(v.Unkept), "message"))
	}
	if len(v.Counters) > 0 {
		s.Print("")
		var rows []screen.Row
		for _, name := range slices.Sorted(maps.Keys(v.Counters)) {
			for _, key := range slices.Sorted(maps.Keys(v.Counters[name])) {
				rows = append(rows, screen.Row{name, key, v.Counters[name][key]})
			}
		}
		s.Table([]string{"COUNTER", "KEY", "VALUE"}, rows)
	}
}

// section prints a table below a blank line, unless the list is empty.
func section[T any](s *screen.Screen, header []string, list []T, row func(T) screen.Row) {
	if len(list) > 0 {
		s.Print("")
		screen.List(s, header, list, row)
	}
}

// attention prints what somebody should look at, one line each.
func attention(s *screen.Screen, list []api.Attention) {
	s.Print("NEEDS ATTENTION")
	screen.List(s, nil, list, func(n api.Attention) screen.Row {
		text := words.OneLine(n.Text, 120)
		if n.Waiting > 0 {
			text += ", " + words.Plural(n.Waiting, "message") + " wait"
			if n.Waiting == 1 {
				text += "s"
			}
		}
		if time.Until(n.Next) > 0 {
			text += ", next try in " + words.Short(time.Until(n.Next))
		}
		return screen.Row{"", n.What, words.OneLine(n.Of, 60), "since " + words.Age(n.Since), text, n.Do}
	})
}

// stages prints a row for each stage with its queue. Outboxes and timers without anything to tell are left out, and so is the clock of the alerts,
// which is no pipeline of the configuration: what it finds is on top, and why it can't look is in its row.
func stages(s *screen.Screen, v *api.Status) {
	queues := map[string]api.Queue{}
	for _, q := range v.Queues {
		queues[q.Queue] = q
	}
	rows := []screen.Row{}
	for _, g := range v.Stages {
		q := queues[g.Queue]
		busy := g.Done+g.Failed > 0 || g.Running+q.Live()+q.Dead > 0
		if (strings.HasPrefix(g.Name, "@") || strings.HasSuffix(g.Name, " timer")) && !busy || g.Queue == alert.Queue && !g.Paused && len(q.Awaiting) == 0 {
			continue
		}
		rows = append(rows, screen.Row{g.Name, words.Rate(g.Rate), g.Done, g.Failed, g.Running,
			q.Ready + q.Held, q.Waiting, q.Dead, words.Age(q.Oldest), stageNote(&g, &q, v.Paused)})
	}
	s.Table([]string{"STAGE", "RATE", "DONE", "FAILED", "RUNNING", "READY", "WAITING", "DEAD", "OLDEST", "NOTE"}, rows)
}

// stageNote says why nothing goes on.
func stageNote(g *api.Stage, q *api.Queue, paused []api.Pause) string {
	switch {
	case g.Paused:
		for _, p := range paused {
			if p.Pipeline == engine.PipelineOf(g.Name) && p.Reason != "" {
				return "paused: " + words.OneLine(p.Reason, 80)
			}
		}
		return "paused"
	case g.Source == "degraded":
		return strings.TrimSuffix("source degraded: "+words.OneLine(g.Error, 100)+"; "+awaiting(q), "; ")
	case g.Source == "ended":
		return "source used up"
	case g.Clock && len(q.Awaiting) == 0 && !q.NextDue.IsZero():
		return "next at " + q.NextDue.UTC().Format(time.DateTime) + "Z"
	}
	return awaiting(q)
}

// awaiting says what a queue's messages wait for.
func awaiting(q *api.Queue) string {
	parts := make([]string, 0, len(q.Awaiting))
	for _, w := range q.Awaiting {
		text := strconv.Itoa(w.Count) + " wait"
		if !w.Since.IsZero() {
			text += " since " + words.Age(w.Since)
		}
		parts = append(parts, text+": "+words.OneLine(w.Error, 100))
	}
	return strings.Join(parts, "; ")
}

// version is the version of a process; "-" for none.
func version(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("v%d", n)
}

// Paused prints whether a pipeline is paused.
func Paused(s *screen.Screen, p *api.PauseState) {
	if p.Paused {
		s.Print("%s is paused: hub resume %s", p.Pipeline, p.Pipeline)
	} else {
		s.Print("%s runs", p.Pipeline)
	}
}

// Adapters prints the adapters, one line each.
func Adapters(s *screen.Screen, all []api.Adapter) {
	screen.List(s, []string{"ADAPTER", "TYPE", "STATE", "RATE", "DONE", "FAILED", "P95", "BREAKER", "BEHIND", "CERTIFICATE", "NOTE"}, all, func(a api.Adapter) screen.Row {
		state, note := "works", a.URL
		if a.Stub {
			note = "a stub answers"
		}
		if o := a.Outage; o != nil {
			state, note = "fails since "+words.Age(o.Since), words.OneLine(o.Error, 100)
		}
		ends := "-"
		if !a.Certificate.IsZero() {
			ends = "ends in " + words.Span(time.Until(a.Certificate))
		}
		return screen.Row{a.Adapter, a.Type, state, words.Rate(a.Rate), a.Done, a.Failed, words.Took(time.Duration(a.P95 * float64(time.Second))), a.Breaker, a.Lag, ends, note}
	})
}
