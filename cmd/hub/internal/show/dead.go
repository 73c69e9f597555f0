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
	"orderhub/hub"
	"orderhub/hub/store"
)

// DeadGroups prints the groups of dead letters.
func DeadGroups(s *screen.Screen, groups []api.DeadGroup) {
	if len(groups) == 0 {
		s.Say("no dead letters")
		return
	}
	screen.List(s, []string{"GROUP", "COUNT", "FIRST", "LAST", "WHERE", "CAUSE"}, groups, func(g api.DeadGroup) screen.Row {
		return screen.Row{g.Group, g.Count, words.Age(g.First), words.Age(g.Last), g.Where, words.OneLine(g.Cause, 120)}
	})
}

// DeadLetters prints dead letters, one line each.
func DeadLetters(s *screen.Screen, list []api.Stored) {
	screen.List(s, []string{"SEQ", "ORDER", "MESSAGE", "QUEUE", "TRIES", "AGE", "CAUSE"}, list, func(m api.Stored) screen.Row {
		since, cause := "-", ""
		if m.Error != nil {
			since, cause = words.Age(m.Error.Time), words.OneLine(m.Error.Text(), 120)
		}
		return screen.Row{m.Seq, words.OneLine(cmp.Or(m.Correlation, "-"), 40), m.ID, m.Queue, m.Attempts, since, cause}
	})
}

// DeadLetter prints one dead letter with its body.
func DeadLetter(s *screen.Screen, m api.Stored) {
	rows := []screen.Row{{"message", m.ID}, {"queue", m.Queue}, {"order", cmp.Or(m.Correlation, "-")}, {"tries", m.Attempts}}
	if e := m.Error; e != nil {
		rows = append(rows, screen.Row{"class", e.Class}, screen.Row{"reason", e.Reason}, screen.Row{"where", e.Where},
			screen.Row{"since", e.Time.Local().Format(time.DateTime)}, screen.Row{"group", e.Cause}, screen.Row{"config", e.Config},
			screen.Row{"cause", words.OneLine(e.Text(), 5000)})
	}
	s.Table(nil, headerRows(rows, m.Headers))
	s.Print("%s", words.JSON(m.Body))
}

// headerRows adds a row for each header.
func headerRows(rows []screen.Row, headers hub.Headers) []screen.Row {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		rows = append(rows, screen.Row{"header", words.OneLine(name+": "+headers[name], 200)})
	}
	return rows
}

// Replayed prints what a replay did, or with a dry run would do.
func Replayed(s *screen.Screen, a *api.Settled) {
	text := words.Plural(a.Count, "dead letter")
	if a.Unclear > 0 {
		s.Say("of %s the condition could not be told, so they are not meant: %s", words.Plural(a.Unclear, "dead letter"), a.Why)
	}
	if !a.DryRun {
		s.Print("%s replayed, %d left: hub dlq; hub audit --act replay tells who did it", text, a.Left)
		return
	}
	if !a.First.IsZero() {
		text += fmt.Sprintf(" from %s to %s ago", words.Age(a.First), words.Age(a.Last))
	}
	var then []string
	for _, version := range slices.Sorted(maps.Keys(a.Then)) {
		then = append(then, fmt.Sprintf("%s (%d)", version, a.Then[version]))
	}
	text += "; config then " + strings.Join(then, ", ") + ", now " + a.Now
	if len(a.Then) == 1 && a.Then[a.Now] > 0 {
		text += " (unchanged)"
	}
	s.Print("%s", text)
	for _, q := range slices.Sorted(maps.Keys(a.Queues)) {
		s.Print("  %d to %s", a.Queues[q], q)
	}
	if t := a.Trial; t != nil {
		trial(s, t, a)
	}
}

// trial prints what dead letters would lead to.
func trial(s *screen.Screen, t *api.Trial, a *api.Settled) {
	s.Print("would succeed %d, get to a call %d, still fail %d", t.Succeed, t.Ask, t.Failing())
	for _, f := range t.Fail {
		s.Print("  %d fail: %s (hub dlq show %d)", f.Count, words.OneLine(f.Why, 200), f.Seq)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Effects)) {
		s.Print("  %d to %s", t.Effects[name], name)
	}
	if t.Tried < a.Count {
		s.Say("the first %d of %d were tried", t.Tried, a.Count)
	}
	if t.Config != a.Now {
		s.Say("they were tried with %s, which the file has and which does not run yet: hub reload", t.Config)
	}
}

// RefusedCounts prints how many were refused, by source and reason.
func RefusedCounts(s *screen.Screen, counts []store.RefusalCount) {
	if len(counts) == 0 {
		s.Say("nothing was refused")
		return
	}
	screen.List(s, []string{"REFUSED BY", "REASON", "COUNT", "LAST", "ID", "WHY"}, counts, func(n store.RefusalCount) screen.Row {
		age, id, why := "-", "", ""
		if r := n.Last; r != nil {
			age, id, why = words.Age(r.Time), words.OneLine(r.ID, 60), words.OneLine(r.Text, 100)
		}
		return screen.Row{words.OneLine(n.Source, 60), words.OneLine(n.Reason, 40), n.Count, age, id, why}
	})
}

// Refusals prints what was refused, one line each.
func Refusals(s *screen.Screen, list []hub.Refusal) {
	screen.List(s, []string{"AGE", "ID", "REFUSED BY", "REASON", "ORDER", "WHY"}, list, func(r hub.Refusal) screen.Row {
		return screen.Row{words.Age(r.Time), words.OneLine(r.ID, 60), words.OneLine(r.Source, 60), words.OneLine(r.Reason, 40),
			words.OneLine(cmp.Or(r.Correlation, "-"), 40), words.OneLine(r.Text, 120)}
	})
}

// Refusal prints all that is kept of one refusal.
func Refusal(s *screen.Screen, r *hub.Refusal) {
	rows := []screen.Row{{"refused", words.OneLine(r.ID, 200)}, {"when", r.Time.Local().Format(time.DateTime)}, {"by", words.OneLine(r.Source, 200)},
		{"class", r.Class}, {"reason", words.OneLine(r.Reason, 64)}, {"why", words.OneLine(r.Text, 1000)}}
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, screen.Row{name, words.OneLine(text, 300)})
		}
	}
	for _, f := range r.Fields {
		if !strings.Contains(r.Text, f.Detail) {
			add("", f.Pointer+": "+f.Detail)
		}
	}
	add("where", strings.TrimSpace(r.Where+" "+r.Line))
	add("order", r.Correlation)
	add("type", r.ContentType)
	if r.Size > 0 {
		add("size", fmt.Sprintf("%d bytes", r.Size))
	}
	if r.Skipped > 0 {
		add("", fmt.Sprintf("%d more for this reason came since the one kept before, and were only counted", r.Skipped))
	}
	s.Table(nil, rows)
	if r.Begins == "" {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(r.Begins, "\n"), "\n") {
		s.Print("%s", words.OneLine(line, 1<<10))
	}
}
