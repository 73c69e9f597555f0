package show

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
)

// Trace prints the timeline of a message or an order, what of it is still in the store, and what was refused.
func Trace(s *screen.Screen, v *api.Trace) {
	traceTitle(s, v)
	if v.State != api.Refused {
		header := []string{"", "TIME", "  TOOK", "WHERE", "", "WHAT"}
		several := slices.ContainsFunc(v.Events, func(e api.TraceEvent) bool { return e.Hub != "" })
		if several {
			header = slices.Insert(header, 2, "HUB")
		}
		screen.List(s, header, v.Events, func(e api.TraceEvent) screen.Row {
			what := e.What
			if e.Detail != "" {
				what = fmt.Sprintf("%-9s %s", e.What, e.Detail)
			}
			row := screen.Row{"", e.Time.Local().Format("15:04:05.000"), fmt.Sprintf("%6s", words.Took(e.Took)), e.Where,
				words.Base(e.Line), words.OneLine(what, 160)}
			if several {
				row = slices.Insert(row, 2, any(e.Hub))
			}
			return row
		})
	}
	for _, m := range v.Stored {
		s.Print("%s", pending(&m))
	}
	for _, u := range v.Unasked {
		s.Print("  not asked: %s", strings.TrimPrefix(u.Hub+": "+words.OneLine(u.Why, 200), ": "))
	}
	for i := range v.Refused {
		s.Print("")
		Refusal(s, &v.Refused[i])
	}
}

// traceTitle names what the trace is of: each instance of a process with a
// line of its own, else the correlations, else the messages from outside.
func traceTitle(s *screen.Screen, v *api.Trace) {
	title := v.Roots
	if len(v.Correlations) > 0 {
		title = v.Correlations
	}
	rest := slices.DeleteFunc(slices.Clone(title), func(id string) bool {
		return slices.ContainsFunc(v.Instances, func(i *process.View) bool { return i.ID == id })
	})
	for _, i := range v.Instances {
		text := titleOf(i)
		if v.State == api.Moving || v.State == api.Dead {
			text += "  " + v.State
		}
		s.Print("%s", text)
	}
	switch {
	case len(rest) > 0:
		s.Print("%s  %s", strings.Join(rest[:min(len(rest), 8)], ", "), v.State)
	case len(v.Instances) == 0:
		s.Print("%s  %s", v.ID, v.State)
	}
}

// pending says what a stored message waits for.
func pending(m *api.Stored) string {
	text := fmt.Sprintf("  %s in %s", m.State, m.Queue)
	if m.Hub != "" {
		text += " at " + m.Hub
	}
	switch {
	case m.Error == nil && !m.Due.IsZero():
		text += ", due in " + words.Short(time.Until(m.Due))
	case m.Error != nil && m.State == "dead":
		text += fmt.Sprintf(" since %s: %s (hub dlq show %d, hub replay %d)",
			words.Short(time.Since(m.Error.Time)), words.OneLine(m.Error.Text(), 200), m.Seq, m.Seq)
	case m.Error != nil:
		text += fmt.Sprintf(", try %d in %s, after %s", m.Attempts+1, words.Short(time.Until(m.Due)), words.OneLine(m.Error.Text(), 200))
		if m.Error.Times > 1 {
			text += fmt.Sprintf(" (the last of %d tries since %s)", m.Error.Times, m.Error.Since.Local().Format(time.TimeOnly))
		}
	}
	return text
}

// Sent prints what became of a message that was sent by hand.
func Sent(s *screen.Screen, a *api.Sent) {
	if a.Trace != nil {
		Trace(s, a.Trace)
		return
	}
	text := a.ID
	if a.Reply != nil {
		if status := a.Reply.Headers.Get("status"); status != "" {
			text += "  " + status
		}
		if a.Reply.Body != nil {
			text += "  " + words.OneLine(words.JSON(a.Reply.Body), 200)
		}
	}
	s.Print("%s", text)
}
