package show

import (
	"strings"

	"orderhub/cmd/hub/internal/erase"
	"orderhub/cmd/hub/internal/screen"
)

// Forgotten prints what a store has, or had, of a person.
func Forgotten(s *screen.Screen, f *erase.Found) {
	rows := []screen.Row{{"orders", len(f.Orders), strings.Join(f.Orders, ", ")}, {"messages", f.Messages, "dead letters, and what lies in channels that nobody reads"},
		{"records", len(f.Records), strings.Join(f.Records, ", ")}, {"bodies", f.Bodies, "kept for traces"}, {"history", f.History, "rows"}, {"refusals", f.Refusals, ""}}
	if f.Audit > 0 {
		rows = append(rows, screen.Row{"audit log", f.Audit, "records name the person: they can't be changed, and go when they have been kept as long as retention.audit says"})
	}
	for _, p := range f.UnderWay {
		rows = append(rows, screen.Row{"under way", p.Where, p.Why})
	}
	s.Table(nil, rows)
}
