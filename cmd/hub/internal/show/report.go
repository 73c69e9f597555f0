package show

import (
	"fmt"
	"slices"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
)

// Reports prints what became of the instances of processes.
func Reports(s *screen.Screen, list []api.Report) {
	for i := range list {
		if i > 0 {
			s.Print("")
		}
		report(s, &list[i])
	}
}

func report(s *screen.Screen, v *api.Report) {
	s.Print("%s  v%d  %d open, %d ended, %d stuck, %s (%d late)",
		v.Process, v.Version, v.Open, v.Ended, len(v.Stuck), words.Plural(v.Tasks.Open, "task"), v.Tasks.Late)
	if len(v.States) > 0 {
		screen.List(s, []string{"", "STATE", "VERSION", "PLACES", ""}, v.States, func(c api.StateCount) screen.Row {
			return screen.Row{"", c.State, fmt.Sprintf("v%d", c.Version), c.Count, countNote(&c, v)}
		})
	}
	if len(v.Leads) > 0 {
		screen.List(s, []string{"", "LEAD TIME", "COUNT", "P50", "P95", "MAX"}, v.Leads, func(l process.Lead) screen.Row {
			return screen.Row{"", l.From + " -> " + l.To, l.Count, words.Span(l.P50), words.Span(l.P95), words.Span(l.Max)}
		})
	}
	if len(v.Stuck) > 0 {
		screen.List(s, []string{"", "STUCK", "STATE", "SINCE", "CAUSE"}, v.Stuck, func(p process.Stuck) screen.Row {
			return screen.Row{"", words.OneLine(p.Instance, 60), p.State, words.Age(p.Since), words.OneLine(p.Problem.Class+": "+p.Problem.Message, 140)}
		})
	}
}

// countNote says of a count that its instances have ended, stand in a branch, or
// run on another definition of the same version.
func countNote(c *api.StateCount, v *api.Report) string {
	switch {
	case c.Final:
		return "ended"
	case c.Branch:
		return "in a branch"
	case slices.ContainsFunc(v.States, func(o api.StateCount) bool { return o.Version == c.Version && o.State == c.State && o.Def != c.Def }):
		return "definition " + c.Def
	}
	return ""
}

// Diff prints what a configuration would do to the processes.
func Diff(s *screen.Screen, v *api.Diff) {
	if v.Problems != "" {
		fmt.Fprint(s.Talk, v.Problems)
		return
	}
	screen.List(s, []string{"PROCESS", "CHANGE", "FROM", "TO"}, v.Processes, func(p api.ProcessChange) screen.Row {
		return screen.Row{p.Process, p.Change, version(p.From), version(p.To)}
	})
	section(s, []string{"INSTANCES OF", "VERSION", "DEFINITION", "STATE", "PLACES", "FATE"}, v.Fates, func(f process.Fate) screen.Row {
		return screen.Row{f.Process, version(f.Version), f.Def, f.State, f.Count, fate(&f)}
	})
	for _, f := range api.Stranded(v.Fates) {
		s.Say("%s v%d %s: %s\n  help: %s", f.Process, f.Version, f.State, f.Why, f.Help)
	}
}

func fate(f *process.Fate) string {
	switch f.Fate {
	case process.Moves:
		return "moves to " + f.To
	case process.Strands:
		return "STRANDED"
	}
	return f.Fate
}

// Reloaded prints what a reload did.
func Reloaded(s *screen.Screen, a *api.Reloaded) {
	for _, w := range a.Warnings {
		s.Say("warning: %s", w)
	}
	fmt.Fprint(s.Talk, a.Problems)
	s.Print("%s", a.Summary)
}
