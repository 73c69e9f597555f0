package show

import (
	"cmp"
	"time"

	"orderhub/cmd/hub/internal/audit"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
)

// Audit prints records of the audit log, one line each; limit is how many were asked for.
func Audit(s *screen.Screen, list []audit.Record, limit int) {
	if len(list) == 0 {
		s.Say("the audit log has no such record")
		return
	}
	screen.List(s, []string{"N", "TIME", "WHO", "ACT", "ON", "COUNT", "OUTCOME", "WHY"}, list, func(r audit.Record) screen.Row {
		return screen.Row{r.N, r.Time.Local().Format(time.DateTime), words.OneLine(r.Who, 40), r.Act, words.OneLine(cmp.Or(r.On, r.Asked), 60), r.Count,
			words.OneLine(r.Outcome, 80), words.OneLine(r.Why, 80)}
	})
	if len(list) == limit {
		s.Say("--before %d shows older ones; -o json has what was asked", list[len(list)-1].N)
	}
}
