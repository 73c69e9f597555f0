package alert

import (
	"cmp"
	"slices"
	"time"
)

// Entry is an alert as people see it.
type Entry struct {
	Alert    string `json:"alert"`
	Severity string `json:"severity"`
	Standing string `json:"state"`
	When     string `json:"when"`
	Line     string `json:"line"` // file:line
	State
}

// The standings of alerts, those that somebody must look at first.
const (
	Firing  = "firing"
	Broken  = "broken" // its rule can't be evaluated, or its message can't be made
	Pending = "pending"
	Cleared = "cleared" // lately
	Well    = "well"
)

var standings = []string{Firing, Broken, Pending, Cleared, Well}

// Entries are all alerts, with what is known of them: the most urgent first.
func (a *Alerts) Entries(k *Known, now time.Time) []Entry {
	out := []Entry{}
	for _, r := range a.Rules {
		e := Entry{Alert: r.Name, Severity: r.Severity, When: r.holds.Source(), Line: r.Line, State: *k.state(r.Name)}
		if e.Silence != nil && !e.Silence.Until.After(now) {
			e.Silence = nil
		}
		e.Standing = e.standing(now)
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(slices.Index(standings, a.Standing), slices.Index(standings, b.Standing)),
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)))
	})
	return out
}

func (s *State) standing(now time.Time) string {
	switch {
	case !s.Raised.IsZero():
		return Firing
	case s.Error != "":
		return Broken
	case !s.Since.IsZero():
		return Pending
	case !s.Cleared.IsZero() && now.Sub(s.Cleared) < lately:
		return Cleared
	}
	return Well
}
