package show

import (
	"fmt"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub/escape"
)

// Config prints the files of a configuration with the numbers of their lines.
func Config(s *screen.Screen, v *api.Config) {
	for _, f := range v.Files {
		s.Print("# %s, revision %s", f.File, v.Revision)
		for i, line := range f.Lines {
			s.Print("%s", fmt.Sprintf("%5d  %s", f.First+i, escape.Visible(line)))
		}
	}
}

// ConfigChange prints what another configuration would change.
func ConfigChange(s *screen.Screen, v *api.ConfigChange) {
	for _, line := range v.Lines {
		s.Print("%s", escape.Visible(line))
	}
	switch {
	case v.Problems != "":
		s.Print("%s", v.Problems)
	case len(v.Lines) == 0:
		s.Say("nothing: %s runs", v.From)
	}
}

// ConfigRuns prints the configurations that ran, one line each.
func ConfigRuns(s *screen.Screen, list []api.ConfigRun) {
	screen.List(s, []string{"REVISION", "BEGAN LAST", "TIMES", "KEPT SINCE", "NOTE"}, list, func(k api.ConfigRun) screen.Row {
		note := ""
		if k.Withheld {
			note = "not its text: a secret stands in it"
		} else if k.Runs == 0 {
			note = "it stood in the file, and never ran"
		}
		return screen.Row{k.Revision, words.Age(k.Last), k.Runs, words.Age(k.First), note}
	})
}
