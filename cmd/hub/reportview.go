package main

import (
	"context"
	"net/http"

	"orderhub/pipelines/process"
)

// reportView is what became of the instances of a process.
type reportView struct {
	Process string          `json:"process"`
	Version int             `json:"version"` // the newest
	Open    int64           `json:"open"`    // instances
	Ended   int64           `json:"ended"`   // instances, since the store began
	States  []stateCount    `json:"states"`
	Leads   []process.Lead  `json:"leads"` // between milestones
	Stuck   []process.Stuck `json:"stuck"` // places that failed: the first 1000
	Tasks   taskCount       `json:"tasks"`
}

// stateCount is how many places stand in a state of a version, or have ended there.
type stateCount struct {
	process.Population
	Branch bool `json:"branch,omitempty"` // inside a branch: an instance may stand in several
}

type taskCount struct {
	Open int `json:"open"`
	Late int `json:"late"`
}

// report is ?process=; left out: all.
func (a *admin) report(r *http.Request) (any, error) {
	ps := process.Of(a.current.Load().plan)
	names, err := processNames(ps, r.FormValue("process"))
	if err != nil {
		return nil, err
	}
	tasks, _, err := a.countTasks(r.Context())
	if err != nil {
		return nil, err
	}
	out := []reportView{}
	for _, name := range names {
		v, err := a.reportOf(r.Context(), ps, name)
		if err != nil {
			return nil, err
		}
		v.Tasks = tasks[name]
		if v.Leads, err = process.Leads(r.Context(), a.storage, ps, name); err != nil {
			return nil, err
		}
		if v.Leads == nil {
			v.Leads = []process.Lead{}
		}
		out = append(out, *v)
	}
	return out, nil
}

// countTasks counts the open tasks by process, and gives those that are late.
func (a *admin) countTasks(ctx context.Context) (map[string]taskCount, []process.OpenTask, error) {
	counts, now := map[string]taskCount{}, a.clock.Now()
	late, err := process.Tasks(ctx, a.storage, func(k *process.OpenTask) bool {
		n := counts[k.Process]
		if n.Open++; isLate(k, now) {
			n.Late++
		}
		counts[k.Process] = n
		return isLate(k, now)
	})
	return counts, late, err
}

// reportOf counts the instances of a process; lead times and tasks are left to the caller.
func (a *admin) reportOf(ctx context.Context, ps *process.Processes, name string) (*reportView, error) {
	v := &reportView{Process: name, Version: ps.Definition(name).Version, States: []stateCount{}}
	all, err := process.Populations(ctx, a.storage, ps, name)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		s := stateCount{Population: p}
		s.Branch, s.Final = ps.Kind(p)
		switch {
		case s.Final:
			v.Ended += p.Count
		case !s.Branch:
			v.Open += p.Count
		}
		v.States = append(v.States, s)
	}
	v.Stuck, err = process.AllStuck(ctx, a.storage, name, maxStuck)
	return v, err
}
