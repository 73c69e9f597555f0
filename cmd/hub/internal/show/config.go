package show

import (
	"fmt"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/screen"
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
