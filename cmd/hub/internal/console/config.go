package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
)

// textLine is a line of the configuration.
type textLine struct {
	N    int
	Text string
	Dead []api.DeadGroup // that failed here
}

// text are the lines of a file of the configuration with what fails in them.
func (c *Console) text(r *http.Request, f api.ConfigFile) ([]textLine, error) {
	groups, err := ask(c, r, api.GetDeadGroups, nil)
	lines := make([]textLine, len(f.Lines))
	for i, text := range f.Lines {
		lines[i] = textLine{N: f.First + i, Text: text}
		for _, g := range groups {
			if g.Line == fmt.Sprintf("%s:%d", f.File, lines[i].N) {
				lines[i].Dead = append(lines[i].Dead, g)
			}
		}
	}
	return lines, err
}

// window is how many lines of a file a page shows.
const window = 200

// config is the configuration that runs: the lines of a file around one of them.
func (c *Console) config(r *http.Request, st *api.Status) (*view, error) {
	revision := r.FormValue("revision")
	v := struct {
		*api.Config
		Runs         string // revision that runs
		Since        time.Time
		Change       *api.ConfigChange // what the file, or the revision that is looked at, would change
		History      []api.ConfigRun
		File         string
		Text         []textLine
		Above, Below int // lines that pages begin at; 0: there is none
	}{}
	var err error
	if v.Config, err = ask(c, r, api.GetConfig, query("revision", revision)); err != nil {
		return nil, err
	}
	if v.Change, err = ask(c, r, api.GetConfigChange, query("revision", revision)); err != nil {
		return nil, err
	}
	if v.History, err = ask(c, r, api.GetConfigs, nil); err != nil {
		return nil, err
	}
	v.Runs, v.Since = st.Revision, st.Loaded
	v.File = cmp.Or(r.FormValue("file"), v.Files[0].File)
	i := slices.IndexFunc(v.Files, func(f api.ConfigFile) bool { return f.File == v.File })
	if i < 0 {
		return nil, api.NotFoundf("the configuration has no file %s", v.File)
	}
	f, line := v.Files[i], 1
	if text := r.FormValue("line"); text != "" {
		line, _ = strconv.Atoi(text) // what is no number is no line
	}
	from := min(max(line-window/4, 1), len(f.Lines))
	to := min(from+window, len(f.Lines)+1)
	if from > 1 {
		v.Above = max(from-3*window/4, 1)
	}
	if to <= len(f.Lines) {
		v.Below = to + window/4
	}
	f.First, f.Lines = from, f.Lines[from-1:to-1]
	v.Text, err = c.text(r, f)
	return &view{"config", "Configuration", v}, err
}

// place is the page of a place in the configuration, file:line.
func place(at string) string {
	file, line := words.Place(at)
	n := fmt.Sprint(line)
	return "/config?" + query("file", file, "line", n).Encode() + "#L" + n
}
