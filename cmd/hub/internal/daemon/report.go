package daemon

import (
	"context"
	"net/http"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/pipelines/process"
)

// report is ?process=; left out: all.
func (a *admin) report(r *http.Request) ([]api.Report, error) {
	ps := a.processes()
	names, err := processNames(ps, r.FormValue("process"))
	if err != nil {
		return nil, err
	}
	tasks, _, err := a.countTasks(r.Context())
	if err != nil {
		return nil, err
	}
	out := []api.Report{}
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
func (a *admin) countTasks(ctx context.Context) (map[string]api.TaskCount, []process.OpenTask, error) {
	counts, now := map[string]api.TaskCount{}, a.clock.Now()
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
func (a *admin) reportOf(ctx context.Context, ps *process.Processes, name string) (*api.Report, error) {
	v := &api.Report{Process: name, Version: ps.Definition(name).Version, States: []api.StateCount{}}
	all, err := process.Populations(ctx, a.storage, ps, name)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		s := api.StateCount{Population: p}
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

// isLate tells that nobody answered the task in time.
func isLate(k *process.OpenTask, now time.Time) bool {
	return k.Late || !k.Due.IsZero() && now.After(k.Due)
}
