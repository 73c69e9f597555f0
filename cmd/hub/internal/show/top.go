package show

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
)

// Top prints what the stages do now, those that need attention first, then the busiest. Outboxes and clocks without anything to tell are left out.
func Top(s *screen.Screen, v *api.Status) {
	queues := map[string]api.Queue{}
	for _, q := range v.Queues {
		queues[q.Queue] = q
	}
	type line struct {
		*api.Stage
		api.Queue
		urgent int // 0: nothing is wrong
	}
	var lines []line
	for i := range v.Stages {
		g := &v.Stages[i]
		l := line{g, queues[g.Queue], 0}
		if g.Clock || strings.HasPrefix(g.Name, "@") && g.Rate == 0 && g.Running+l.Live()+l.Dead == 0 {
			continue
		}
		if g.Paused || g.Source == "degraded" || l.Dead > 0 || len(l.Awaiting) > 0 {
			l.urgent = 1
		}
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(b.urgent, a.urgent), cmp.Compare(b.Rate, a.Rate), cmp.Compare(b.Live(), a.Live()))
	})
	screen.List(s, []string{"PIPELINE", "RATE", "IN FLIGHT", "P50", "P95", "P99", "FAILED", "DEAD", "OLDEST", "NOTE"}, lines, func(l line) screen.Row {
		return screen.Row{l.Name, words.Rate(l.Rate), l.Running + l.Live(), took(l.P50), took(l.P95), took(l.P99), l.Failed, l.Dead, words.Age(l.Oldest),
			stageNote(l.Stage, &l.Queue, v.Paused)}
	})
}

// took is a time in seconds, for people; "-" where nothing ran.
func took(seconds float64) string {
	return cmp.Or(words.Took(time.Duration(seconds*float64(time.Second))), "-")
}
