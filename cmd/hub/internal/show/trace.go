package show

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub/doc"
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
		var rows []screen.Row
		line := func(hub string, row ...any) {
			if several {
				row = slices.Insert(row, 2, any(hub))
			}
			rows = append(rows, row)
		}
		for _, e := range v.Events {
			what := e.What
			if e.Detail != "" {
				what = fmt.Sprintf("%-9s %s", e.What, e.Detail)
			}
			line(e.Hub, "", e.Time.Local().Format("15:04:05.000"), fmt.Sprintf("%6s", words.Took(e.Took)), e.Where, words.Base(e.Line), words.OneLine(what, 160))
			for _, a := range e.Answers {
				line("", "", "", "", "", "", words.OneLine(strings.TrimSpace("answered "+a.Status)+" "+words.JSON(a.Body), 160))
			}
			for _, change := range Changes(e.Body) {
				line("", "", "", "", "", "", words.OneLine(change, 160))
			}
		}
		s.Table(header, rows)
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

const maxChanges = 40 // lines of one step

// Changes are the values that a step changed, a line for each: - total: "12.9", + total: "12.90". Of a step that failed it is the whole body.
func Changes(b *api.StepBody) (out []string) {
	if b == nil {
		return nil
	}
	var before, after json.RawMessage
	minus := "- "
	switch {
	case b.Changes != nil:
		before, after = b.Changes.Before, b.Changes.After
	case b.After == nil:
		before, minus = b.Before, "  "
	}
	was, old := leaves(before)
	is, new := leaves(after)
	for _, path := range was {
		out = append(out, minus+path+old[path])
		if text, there := new[path]; there {
			out = append(out, "+ "+path+text)
		}
	}
	for _, path := range is {
		if _, there := old[path]; !there {
			out = append(out, "+ "+path+new[path])
		}
	}
	if n := len(out) - maxChanges; n > 0 {
		out = append(out[:maxChanges], fmt.Sprintf("… %d more: -o json", n))
	}
	return out
}

// leaves are the values of a document that hold no others, by their paths, in their order.
func leaves(raw json.RawMessage) (paths []string, texts map[string]string) {
	texts = map[string]string{}
	var walk func(at string, v doc.Value)
	walk = func(at string, v doc.Value) {
		name := strings.TrimPrefix(at, ".")
		switch {
		case v.Kind() == doc.Object && v.Len() > 0:
			for field, f := range v.Fields() {
				walk(at+"."+field, f)
			}
		case v.Kind() == doc.Array && v.Len() > 0:
			for i, e := range v.Elems() {
				walk(fmt.Sprintf("%s.%d", at, i), e)
			}
		case v.Kind() != doc.Missing:
			if name != "" {
				name += ": "
			}
			paths, texts[name] = append(paths, name), string(v.JSON())
		}
	}
	if v, err := doc.Parse(raw); err == nil {
		walk("", v)
	}
	return paths, texts
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

// Tried prints what a try came to.
func Tried(s *screen.Screen, t *api.Tried) {
	if t.Refused != nil {
		s.Print("it would be refused: %s", t.Refused.Error())
		return
	}
	if t.Trace != nil {
		Trace(s, t.Trace)
	}
	if t.Asks != "" {
		s.Print("  %s is asked, and nobody answers here: --answers '{%[1]s: {…}}'", t.Asks)
	}
	if t.Reply != nil {
		s.Print("  replies %s %s", t.Reply.Headers.Get("status"), words.OneLine(words.JSON(t.Reply.Body), 200))
	}
	for _, name := range slices.Sorted(maps.Keys(t.Effects)) {
		s.Print("  %d to %s", t.Effects[name], name)
	}
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
