package show

import (
	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
)

// Checkup prints the checks, each with what to do where something is to be done.
func Checkup(s *screen.Screen, v *api.Checkup) {
	var rows []screen.Row
	for _, c := range v.Checks {
		rows = append(rows, screen.Row{c.Verdict, c.Name, words.OneLine(c.Found, 300)})
		if c.Do != "" {
			rows = append(rows, screen.Row{"", "", "help: " + words.OneLine(c.Do, 200)})
		}
	}
	s.Table(nil, rows)
}
