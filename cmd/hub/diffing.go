package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/process"
	"orderhub/pipelines/yamlfile"
)

// diffView is what a configuration would do to the processes of a hub.
type diffView struct {
	OK        bool            `json:"ok"` // it is valid, and strands nothing
	Config    string          `json:"config"`
	Revision  string          `json:"revision"`
	Processes []processChange `json:"processes"`
	Fates     []process.Fate  `json:"fates"` // of the instances that have not ended, by version, definition and state
	Stranded  int             `json:"stranded"`
	Problems  string          `json:"problems,omitempty"` // of a configuration that is not valid, as text
}

// What becomes of a process.
const (
	processAdded   = "added"
	processRemoved = "removed"
	processChanged = "changed"
	processSame    = "same"
)

// processChange is what a configuration does to a process.
type processChange struct {
	Process string `json:"process"`
	Change  string `json:"change"`
	From    int    `json:"from,omitempty"` // version; 0: it is not there
	To      int    `json:"to,omitempty"`
}

// runningProcess is a process before the change: its version, and the definitions that count as the same.
type runningProcess struct {
	version int
	defs    []string
}

// diffRequest names the configuration: an absolute path, or one from the hub's working directory.
type diffRequest struct {
	Config string `json:"config"`
}

func (a *admin) diff(r *http.Request) (any, error) {
	var q diffRequest
	if err := readJSON(r, &q); err != nil {
		return nil, err
	}
	old := a.current.Load()
	running := map[string]runningProcess{}
	ps := process.Of(old.plan)
	for _, name := range ps.Names() {
		d := ps.Definition(name)
		running[name] = runningProcess{d.Version, []string{d.Hash}}
	}
	return diffOf(r.Context(), a.storage, running, load(q.Config, registry(a.reg.Mask), &stubs{}, old.sets...))
}

// storedProcesses are the processes that ran on a store, by the definitions that it keeps.
func storedProcesses(ctx context.Context, st process.Reader) (map[string]runningProcess, error) {
	out := map[string]runningProcess{}
	all, err := process.Definitions(ctx, st)
	for _, d := range all {
		p := out[d.Process]
		switch {
		case d.Version > p.version:
			p = runningProcess{d.Version, []string{d.Def}}
		case d.Version == p.version:
			p.defs = append(p.defs, d.Def)
		}
		out[d.Process] = p
	}
	return out, err
}

// diffOf compares what ran with what l would run.
func diffOf(ctx context.Context, st process.Reader, running map[string]runningProcess, l *loaded) (*diffView, error) {
	v := &diffView{Config: l.path, Processes: []processChange{}, Fates: []process.Fate{}}
	if !l.ok() {
		v.Problems = problemText(l.problems)
		return v, nil
	}
	v.Revision = l.plan.Version
	ps := process.Of(l.plan)
	for _, name := range ps.Names() {
		d := ps.Definition(name)
		c := processChange{Process: name, Change: processChanged, From: running[name].version, To: d.Version}
		if _, known := running[name]; !known {
			c.Change = processAdded
		} else if slices.Contains(running[name].defs, d.Hash) {
			c.Change = processSame
		}
		v.Processes = append(v.Processes, c)
	}
	for _, name := range slices.Sorted(maps.Keys(running)) {
		if ps.Definition(name) == nil {
			v.Processes = append(v.Processes, processChange{Process: name, Change: processRemoved, From: running[name].version})
		}
	}
	fates, err := ps.Compare(ctx, st)
	if err != nil {
		return nil, err
	}
	v.Fates = append(v.Fates, fates...)
	v.Stranded = len(strandedOf(fates))
	v.OK = v.Stranded == 0
	return v, nil
}

func strandedOf(fates []process.Fate) []process.Fate {
	return slices.DeleteFunc(slices.Clone(fates), func(f process.Fate) bool { return f.Fate != process.Strands })
}

// strands is the problem text of a configuration that would strand instances: each with what to write.
func (l *loaded) strands(fates []process.Fate) string {
	var told yamlfile.Problems
	for _, f := range fates {
		p := yamlfile.Problem{File: l.path, Code: "E319", Help: f.Help,
			Message: fmt.Sprintf("%s would strand %s in state %s of version %d (%s): %s", f.Process, words.Plural(int(f.Count), "instance"), f.State, f.Version, f.Def, f.Why)}
		if pl := l.plan.Pipeline(f.Process); pl != nil {
			if i := strings.LastIndexByte(pl.Line, ':'); i > 0 {
				p.File = pl.Line[:i]
				p.Line, _ = strconv.Atoi(pl.Line[i+1:])
			}
		}
		told.Add(p)
	}
	return problemText(&told)
}

// absolute is the path as another process finds it.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
