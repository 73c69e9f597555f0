package show

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
)

// Channels prints the queues, one line each.
func Channels(s *screen.Screen, list []api.Channel) {
	screen.List(s, []string{"CHANNEL", "DEPTH", "READY", "WAITING", "HELD", "DEAD", "OLDEST", "BYTES", "READ BY", "NOTE"}, list, func(c api.Channel) screen.Row {
		return screen.Row{c.Queue.Queue, c.Live(), c.Ready, c.Waiting, c.Held, c.Dead, words.Age(c.Oldest), c.Bytes,
			cmp.Or(c.Reader, "nobody"), cmp.Or(words.OneLine(c.Paused, 100), awaiting(&c.Queue))}
	})
}

// Messages prints a page of messages, one line each.
func Messages(s *screen.Screen, p *api.ChannelPage) {
	if len(p.Messages) == 0 && p.Next == 0 {
		s.Say("no messages")
	} else {
		screen.List(s, []string{"SEQ", "ORDER", "MESSAGE", "STATE", "TRIES", "AGE", "WAITS FOR"}, p.Messages, func(m api.Stored) screen.Row {
			return screen.Row{m.Seq, words.OneLine(cmp.Or(m.Correlation, "-"), 40), words.OneLine(m.ID, 60), m.State, m.Attempts, words.Age(m.Time), words.OneLine(m.Why, 160)}
		})
	}
	if p.Next > 0 {
		s.Say("there are more: --after %d", p.Next)
	}
	unclear(s, &p.Asked)
}

// Message prints one message with its body.
func Message(s *screen.Screen, m api.Stored) {
	rows := []screen.Row{{"seq", m.Seq}, {"message", words.OneLine(m.ID, 200)}, {"queue", m.Queue}, {"order", words.OneLine(cmp.Or(m.Correlation, "-"), 200)},
		{"key", words.OneLine(cmp.Or(m.Key, "-"), 200)}, {"state", m.State}, {"tries", m.Attempts}, {"waits for", words.OneLine(m.Why, 5000)}}
	s.Table(nil, headerRows(rows, m.Headers))
	s.Print("%s", words.JSON(m.Body))
}

// ChannelChanged prints what was moved or deleted, or with a dry run would be: what is the verb.
func ChannelChanged(s *screen.Screen, a *api.ChannelChanged, what string) {
	did := map[string]string{"move": "moved", "delete": "deleted"}[what]
	if a.DryRun {
		did = "would be " + did
	}
	text := words.Plural(a.Count, "message") + " " + did
	var to []string
	for _, q := range slices.Sorted(maps.Keys(a.Queues)) {
		to = append(to, strconv.Itoa(a.Queues[q])+" to "+q)
	}
	if len(to) > 0 {
		text += ": " + strings.Join(to, ", ")
	}
	s.Print("%s", text)
	if a.Busy > 0 {
		s.Say("%s left: they are being handled, or are gone", words.Plural(a.Busy, "message"))
	}
	unclear(s, &a.Asked)
}

// unclear says of how many a condition could not be asked.
func unclear(s *screen.Screen, a *api.Asked) {
	if a.Unclear > 0 {
		s.Say("%d could not be compared, and are not meant; the first: %s", a.Unclear, words.OneLine(a.Why, 300))
	}
}

// Tables prints the tables, one line each.
func Tables(s *screen.Screen, list []api.TableStatus) {
	if len(list) == 0 {
		s.Say("no table has rows")
		return
	}
	screen.List(s, []string{"TABLE", "ROWS"}, list, func(t api.TableStatus) screen.Row {
		rows := strconv.Itoa(t.Rows)
		if t.More {
			rows += " or more"
		}
		return screen.Row{t.Table, rows}
	})
}

// Rows prints a page of rows, one line each.
func Rows(s *screen.Screen, p *api.TableRows) {
	if len(p.Rows) == 0 && p.Next == "" {
		s.Say("no rows")
	} else {
		screen.List(s, []string{"KEY", "ROW"}, p.Rows, func(r api.TableRow) screen.Row {
			return screen.Row{words.OneLine(r.Key, 60), words.OneLine(words.JSON(r.Body), 2000)}
		})
	}
	if p.Next != "" {
		s.Say("there are more: --after %s", p.Next)
	}
	unclear(s, &p.Asked)
}

// Found prints what a search found, one line each.
func Found(s *screen.Screen, f *api.Found) {
	if len(f.Hits) > 0 {
		screen.List(s, []string{"AGE", "ORDER", "FOUND IN", "WHERE", "WHAT", "MORE"}, f.Hits, func(h api.Hit) screen.Row {
			return screen.Row{words.Age(h.Time), words.OneLine(cmp.Or(h.Order, h.ID), 40), h.Kind, words.OneLine(h.Where, 40), words.OneLine(h.What, 120), words.OneLine(h.Do, 80)}
		})
	}
	if f.Looked != "" {
		s.Say("looked at %s", f.Looked)
	}
	if f.Cut {
		s.Say("there may be more than --limit lets through; --since and --until narrow it")
	}
	if f.Next > 0 {
		s.Say("there may be more: --before %d", f.Next)
	}
}
