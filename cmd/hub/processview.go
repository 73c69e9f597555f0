package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
)

// titleOf is an instance in one line:
//
//	W-1042  order process v3  state awaiting_card  (since 2d 4h, next: card-reminder in 4d 20h)
func titleOf(v *process.View, now time.Time) string {
	title := fmt.Sprintf("%s  %s process", v.ID, v.Process)
	switch {
	case v.Def == "":
		return title + fmt.Sprintf("  not started  (%s)", words.Plural(len(v.Early), "early event"))
	case !v.Closed.IsZero():
		return title + fmt.Sprintf(" v%d  ended in %s  (%s ago, after %s)", v.Version, v.State, words.Span(now.Sub(v.Closed)), words.Span(v.Closed.Sub(v.Started)))
	}
	more := "since " + words.Span(now.Sub(v.Places[0].Since))
	if t := nextTimer(v); t != nil {
		more += fmt.Sprintf(", next: %s in %s", timerText(t), words.Span(t.Due.Sub(now)))
	}
	for _, p := range v.Places {
		if p.Task != nil {
			more += ", asks " + p.Task.Group + dueOf(p.Task.Due, now)
		}
	}
	if v.Leaving != "" {
		more += ", on its way to " + v.Leaving
	}
	return title + fmt.Sprintf(" v%d  state %s  (%s)", v.Version, stateOf(v), more)
}

// stateOf is where the instance stands, with the places of its branches: fulfilling: picking, booking.
func stateOf(v *process.View) string {
	var inner []string
	for _, p := range v.Places[1:] {
		if p.Phase != process.Done && p.Phase != process.Forked && !slices.Contains(inner, p.State) {
			inner = append(inner, p.State)
		}
	}
	if len(inner) == 0 {
		return v.State
	}
	return v.State + ": " + strings.Join(inner, ", ")
}

func nextTimer(v *process.View) *process.TimerView {
	var next *process.TimerView
	for _, p := range v.Places {
		for i := range p.Timers {
			if next == nil || p.Timers[i].Due.Before(next.Due) {
				next = &p.Timers[i]
			}
		}
	}
	return next
}

// timerText is what the timer does, without its number: its line names it.
func timerText(t *process.TimerView) string {
	if rest, ok := strings.CutPrefix(t.What, "timer "); ok {
		if _, what, ok := strings.Cut(rest, " "); ok {
			return what
		}
	}
	return t.What
}

// phaseOf says what a place does.
func phaseOf(p *process.Place, now time.Time) string {
	switch {
	case p.Phase == process.Failed && p.Error != nil:
		return fmt.Sprintf("failed %s ago at %s: %s", words.Span(now.Sub(p.Error.Time)), p.Step, words.OneLine(p.Error.Message, 160))
	case !p.Due.IsZero() && p.Error != nil:
		return fmt.Sprintf("try %d of %s in %s, after %s", p.Tries+1, p.Step, words.Span(p.Due.Sub(now)), words.OneLine(p.Error.Message, 120))
	case p.Phase == process.Running && p.Step != "":
		return "runs " + p.Step
	}
	return string(p.Phase)
}

// printInstance shows all of an instance but its data.
func (c *cli) printInstance(v *process.View, now time.Time) {
	c.Print("%s", titleOf(v, now))
	var rows [][]string
	add := func(name string, cells ...string) {
		if len(rows) > 0 && lastName(rows) == name {
			name = ""
		}
		rows = append(rows, append([]string{"", name}, cells...))
	}
	for i := range v.Places {
		p := &v.Places[i]
		where := p.State
		if p.Branch != "" {
			where = p.Branch + "/" + p.State
		}
		add("place", where, phaseOf(p, now)+", since "+words.Span(now.Sub(p.Since)))
	}
	if len(v.Listens) > 0 {
		add("listens", strings.Join(v.Listens, ", "))
	}
	for _, p := range v.Places {
		for _, t := range p.Timers {
			add("timer", timerText(&t), fmt.Sprintf("in %s, %s  %s", words.Span(t.Due.Sub(now)), t.Due.Local().Format(time.DateTime), base(t.Line)))
		}
	}
	for _, p := range v.Places {
		if k := p.Task; k != nil {
			add("task", k.ID, "of "+k.Group+dueOf(k.Due, now)+"  hub task show "+k.ID)
		}
	}
	for _, where := range v.Undo {
		add("undo", where)
	}
	for _, e := range v.Early {
		add("early", e.Name, "came "+words.Span(now.Sub(e.Time))+" ago, no state takes it yet")
	}
	for _, s := range v.Seen {
		add("seen", s.State, s.Time.Local().Format(time.DateTime))
	}
	c.Table(nil, rows)
}

func lastName(rows [][]string) string {
	for _, r := range slices.Backward(rows) {
		if r[1] != "" {
			return r[1]
		}
	}
	return ""
}

func dueOf(due, now time.Time) string {
	switch {
	case due.IsZero():
		return ""
	case now.After(due):
		return ", late since " + words.Span(now.Sub(due))
	}
	return ", due in " + words.Span(due.Sub(now))
}

// instanceTable lists instances, one line each.
func (c *cli) instanceTable(list []*process.View, now time.Time) {
	rows := make([][]string, len(list))
	for i, v := range list {
		rows[i] = []string{v.Process, words.OneLine(v.ID, 60), fmt.Sprintf("v%d", v.Version), "not started", words.Age(v.Changed, now), noteOf(v, now)}
		if v.Def != "" {
			rows[i][3] = stateOf(v)
		}
	}
	c.Table([]string{"PROCESS", "ID", "VERSION", "STATE", "CHANGED", "NOTE"}, rows)
}

// noteOf is what matters most of an instance: what failed, what it waits for.
func noteOf(v *process.View, now time.Time) string {
	var waits string
	for i := range v.Places {
		p := &v.Places[i]
		switch {
		case p.Phase == process.Failed, p.Error != nil:
			return phaseOf(p, now)
		case p.Task != nil:
			waits = "task of " + p.Task.Group + dueOf(p.Task.Due, now)
		}
	}
	switch {
	case waits != "":
		return waits
	case len(v.Early) > 0:
		return words.Plural(len(v.Early), "early event")
	case v.Closed.IsZero() && len(v.Listens) > 0:
		return "waits for " + strings.Join(v.Listens, ", ")
	}
	return ""
}
