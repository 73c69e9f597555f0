package show

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
)

// titleOf is an instance in one line:
//
//	W-1042  order process v3  state awaiting_card  (since 2d 4h, next: card-reminder in 4d 20h)
func titleOf(v *process.View) string {
	title := fmt.Sprintf("%s  %s process", v.ID, v.Process)
	switch {
	case v.Def == "":
		return title + fmt.Sprintf("  not started  (%s)", words.Plural(len(v.Early), "early event"))
	case !v.Closed.IsZero():
		return title + fmt.Sprintf(" v%d  ended in %s  (%s ago, after %s)", v.Version, v.State,
			words.Span(time.Since(v.Closed)), words.Span(v.Closed.Sub(v.Started)))
	}
	more := "since " + words.Span(time.Since(v.Places[0].Since))
	if t := nextTimer(v); t != nil {
		more += fmt.Sprintf(", next: %s in %s", timerText(t), words.Span(time.Until(t.Due)))
	}
	for _, p := range v.Places {
		if p.Task != nil {
			more += ", asks " + p.Task.Group + dueOf(p.Task.Due)
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
func phaseOf(p *process.Place) string {
	switch {
	case p.Phase == process.Failed && p.Error != nil:
		return fmt.Sprintf("failed %s ago at %s: %s", words.Span(time.Since(p.Error.Time)), p.Step, words.OneLine(p.Error.Message, 160))
	case !p.Due.IsZero() && p.Error != nil:
		return fmt.Sprintf("try %d of %s in %s, after %s", p.Tries+1, p.Step, words.Span(time.Until(p.Due)), words.OneLine(p.Error.Message, 120))
	case p.Phase == process.Running && p.Step != "":
		return "runs " + p.Step
	}
	return string(p.Phase)
}

// Instance prints all of an instance but its data.
func Instance(s *screen.Screen, v *process.View) {
	s.Print("%s", titleOf(v))
	var rows []screen.Row
	before := ""
	add := func(name string, cells ...any) {
		shown := name
		if name == before {
			shown = ""
		}
		before = name
		rows = append(rows, append(screen.Row{"", shown}, cells...))
	}
	for i := range v.Places {
		p := &v.Places[i]
		where := p.State
		if p.Branch != "" {
			where = p.Branch + "/" + p.State
		}
		add("place", where, phaseOf(p)+", since "+words.Span(time.Since(p.Since)))
	}
	if len(v.Listens) > 0 {
		add("listens", strings.Join(v.Listens, ", "))
	}
	for _, p := range v.Places {
		for _, t := range p.Timers {
			add("timer", timerText(&t), fmt.Sprintf("in %s, %s  %s", words.Span(time.Until(t.Due)), t.Due.Local().Format(time.DateTime), words.Base(t.Line)))
		}
	}
	for _, p := range v.Places {
		if k := p.Task; k != nil {
			add("task", k.ID, "of "+k.Group+dueOf(k.Due)+"  hub task show "+k.ID)
		}
	}
	for _, where := range v.Undo {
		add("undo", where)
	}
	for _, e := range v.Early {
		add("early", e.Name, "came "+words.Span(time.Since(e.Time))+" ago, no state takes it yet")
	}
	for _, s := range v.Seen {
		add("seen", s.State, s.Time.Local().Format(time.DateTime))
	}
	s.Table(nil, rows)
}

// dueOf says when something is due, or that it is late.
func dueOf(due time.Time) string {
	switch {
	case due.IsZero():
		return ""
	case time.Since(due) > 0:
		return ", late since " + words.Span(time.Since(due))
	}
	return ", due in " + words.Span(time.Until(due))
}

// Instances prints a page of instances, one line each.
func Instances(s *screen.Screen, l *api.Instances) {
	if len(l.Instances) == 0 && !l.More {
		s.Say("no instances")
		return
	}
	screen.List(s, []string{"PROCESS", "ID", "VERSION", "STATE", "CHANGED", "NOTE"}, l.Instances, func(v *process.View) screen.Row {
		state := "not started"
		if v.Def != "" {
			state = stateOf(v)
		}
		return screen.Row{v.Process, words.OneLine(v.ID, 60), fmt.Sprintf("v%d", v.Version), state, words.Age(v.Changed), noteOf(v)}
	})
	switch {
	case l.Next != "":
		s.Say("there are more: --after %s", l.Next)
	case l.More:
		s.Say("there are more: name the process, or give --limit")
	}
}

// noteOf is what matters most of an instance: what failed, what it waits for.
func noteOf(v *process.View) string {
	var waits string
	for i := range v.Places {
		p := &v.Places[i]
		switch {
		case p.Phase == process.Failed, p.Error != nil:
			return phaseOf(p)
		case p.Task != nil:
			waits = "task of " + p.Task.Group + dueOf(p.Task.Due)
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

// Acted prints an instance after somebody asked something of it: what, such as "the answer"; event is the event that it was told of.
func Acted(s *screen.Screen, a *api.Acted, what, event string) {
	s.Print("%s", titleOf(a.Instance))
	if a.Change != nil {
		for _, change := range Changes(a.Change) {
			s.Print("  %s", words.OneLine(change, 160))
		}
		return
	}
	switch {
	case !a.Done:
		s.Say("%s is stored, and the process has not taken it yet: hub trace %s", what, a.Instance.ID)
	case a.Kept:
		s.Say("it is kept: no state takes %s yet", event)
	case a.Dropped > 0:
		s.Say("%s dropped", words.Plural(a.Dropped, "dead letter"))
	}
	if a.Left > 0 {
		s.Say("%s of it left, of events and timers: hub dlq", words.Plural(a.Left, "dead letter"))
	}
	if a.Done && a.Instance.ID != "" {
		s.Say("hub trace %s tells what came of it, hub audit --on %[1]s who did it", a.Instance.ID)
	}
}

// Steered prints what a batch did: how many were asked the act, and how many were refused it, by reason.
func Steered(s *screen.Screen, act string, done int, refused map[string]int, more bool) {
	s.Print("%s: %s done", act, words.Plural(done, "instance"))
	for _, reason := range slices.Sorted(maps.Keys(refused)) {
		s.Print("  %d refused: %s", refused[reason], reason)
	}
	if more {
		s.Say("there are more: the same command goes on with them")
	}
	s.Say("hub process list shows where they are, hub audit --act %s who did it", act)
}

// Called prints the answer of a call by hand.
func Called(s *screen.Screen, c *api.Called) {
	if c.Before {
		s.Say("%s was called so before, at %s by %s; nobody was asked again. Its answer then:", c.Operation, c.Time.Local().Format(time.DateTime), c.By)
	}
	s.Print("%s %s  %s", c.Operation, c.Status, words.JSON(c.Body))
	s.Say("it is kept: hub trace %s", c.Instance[strings.Index(c.Instance, "/")+1:])
}

// Tasks prints the open tasks, one line each.
func Tasks(s *screen.Screen, list []process.OpenTask) {
	if len(list) == 0 {
		s.Say("no open tasks")
		return
	}
	screen.List(s, []string{"TASK", "GROUP", "CLAIMED", "OF", "STATE", "AGE", "DUE"}, list, func(k process.OpenTask) screen.Row {
		due := strings.TrimPrefix(dueOf(k.Due), ", ")
		return screen.Row{k.ID, k.Group, cmp.Or(k.Claimed, "-"), k.Process + " " + words.OneLine(k.Instance, 40), k.State,
			words.Age(k.Since), cmp.Or(due, "-")}
	})
}

// TaskChanged prints a task in one line, after somebody claimed it or handed it over.
func TaskChanged(s *screen.Screen, k *process.OpenTask) { s.Print("%s", taskTitle(k)) }

// taskTitle is a task in one line.
func taskTitle(k *process.OpenTask) string {
	who := "nobody claimed it"
	if k.Claimed != "" {
		who = "claimed by " + k.Claimed
	}
	return fmt.Sprintf("%s  task of %s  %s%s", k.ID, k.Group, who, dueOf(k.Due))
}

// Task prints a task with its form.
func Task(s *screen.Screen, k *process.OpenTask) {
	s.Print("%s", taskTitle(k))
	asked := fmt.Sprintf("%s %s in %s, %s ago", k.Process, words.OneLine(k.Instance, 60), k.State, words.Span(time.Since(k.Since)))
	rows := []screen.Row{{"", "asked by", asked}}
	if k.Why != "" {
		rows = append(rows, screen.Row{"", "why", words.OneLine(k.Why, 400)})
	}
	for i, f := range k.Ask {
		name := "form"
		if i > 0 {
			name = ""
		}
		rows = append(rows, screen.Row{"", name, f.String()})
	}
	s.Table(nil, rows)
	if len(k.Show) > 0 {
		s.Print("%s", words.JSON(k.Show))
	}
}
