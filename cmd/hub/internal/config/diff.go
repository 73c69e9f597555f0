package config

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/pipelines/process"
	"orderhub/pipelines/yamlfile"
)

// Ran is a process before a change: its version, and the definitions that count as the same.
type Ran struct {
	version int
	defs    []string
}

// Running are the processes that l runs.
func (l *Loaded) Running() map[string]Ran {
	out := map[string]Ran{}
	ps := l.Processes()
	for _, name := range ps.Names() {
		d := ps.Definition(name)
		out[name] = Ran{d.Version, []string{d.Hash}}
	}
	return out
}

// StoredProcesses are the processes that ran on a store, by the definitions that it keeps.
func StoredProcesses(ctx context.Context, st hub.Records) (map[string]Ran, error) {
	out := map[string]Ran{}
	all, err := process.Definitions(ctx, st)
	for _, d := range all {
		p := out[d.Process]
		switch {
		case d.Version > p.version:
			p = Ran{d.Version, []string{d.Def}}
		case d.Version == p.version:
			p.defs = append(p.defs, d.Def)
		}
		out[d.Process] = p
	}
	return out, err
}

// Diff compares what ran on the store with what l would run.
func (l *Loaded) Diff(ctx context.Context, st hub.Records, ran map[string]Ran) (*api.Diff, error) {
	v := &api.Diff{Config: l.Path, Processes: []api.ProcessChange{}, Fates: []process.Fate{}}
	if !l.OK() {
		v.Problems = ProblemText(l.Problems)
		return v, nil
	}
	v.Revision = l.Plan.Version
	ps := l.Processes()
	for _, name := range ps.Names() {
		d := ps.Definition(name)
		c := api.ProcessChange{Process: name, Change: api.Changed, From: ran[name].version, To: d.Version}
		if _, known := ran[name]; !known {
			c.Change = api.Added
		} else if slices.Contains(ran[name].defs, d.Hash) {
			c.Change = api.Same
		}
		v.Processes = append(v.Processes, c)
	}
	for _, name := range slices.Sorted(maps.Keys(ran)) {
		if ps.Definition(name) == nil {
			v.Processes = append(v.Processes, api.ProcessChange{Process: name, Change: api.Removed, From: ran[name].version})
		}
	}
	fates, err := ps.Compare(ctx, st)
	if err != nil {
		return nil, err
	}
	v.Fates = append(v.Fates, fates...)
	v.Stranded = len(api.Stranded(fates))
	v.OK = v.Stranded == 0
	return v, nil
}

// Strands is the problem text of a configuration that would strand instances: each with what to write.
func (l *Loaded) Strands(fates []process.Fate) string {
	var told yamlfile.Problems
	for _, f := range fates {
		p := yamlfile.Problem{File: l.Path, Code: "E319", Help: f.Help,
			Message: fmt.Sprintf("%s would strand %s in state %s of version %d (%s): %s",
				f.Process, words.Plural(int(f.Count), "instance"), f.State, f.Version, f.Def, f.Why)}
		if pl := l.Plan.Pipeline(f.Process); pl != nil {
			if i := strings.LastIndexByte(pl.Line, ':'); i > 0 {
				p.File = pl.Line[:i]
				p.Line, _ = strconv.Atoi(pl.Line[i+1:])
			}
		}
		told.Add(p)
	}
	return ProblemText(&told)
}
