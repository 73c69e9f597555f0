package main

import (
	"context"
	"strconv"

	"orderhub/pipelines/process"
)

// processStatus is a process in one line.
type processStatus struct {
	Process string `json:"process"`
	Version int    `json:"version"` // the newest
	Open    int64  `json:"open"`
	Ended   int64  `json:"ended"`
	Stuck   int    `json:"stuck"` // places that failed; 1000 is 1000 or more
	Tasks   int    `json:"tasks"`
	Late    int    `json:"late"` // tasks that nobody answered in time
}

// processes adds the processes and what of them needs attention.
func (v *statusView) processes(ctx context.Context, a *admin, ps *process.Processes) error {
	tasks, late, err := a.countTasks(ctx)
	if err != nil {
		return err
	}
	for _, name := range ps.Names() {
		r, err := a.reportOf(ctx, ps, name)
		if err != nil {
			return err
		}
		v.Processes = append(v.Processes, processStatus{name, r.Version, r.Open, r.Ended, len(r.Stuck), tasks[name].Open, tasks[name].Late})
		for _, s := range r.Stuck[:min(len(r.Stuck), maxAttention)] {
			v.Attention = append(v.Attention, attention{What: "stuck", Of: name + " " + s.Instance, Process: name, Instance: s.Instance, Since: s.Since,
				Text: "failed in " + s.State + ": " + s.Problem.Message, Do: "hub process retry " + name + "/" + s.Instance})
		}
	}
	for _, k := range late[:min(len(late), maxAttention)] {
		v.Attention = append(v.Attention, attention{What: "late", Of: k.Process + " " + k.Instance, Process: k.Process, Instance: k.Instance, Since: k.Due,
			Text: "task of " + k.Group, Do: "hub task show " + k.ID})
	}
	return nil
}

func (c *cli) processTable(list []processStatus) {
	rows := make([][]string, len(list))
	for i, p := range list {
		rows[i] = []string{p.Process, versionText(p.Version), strconv.FormatInt(p.Open, 10), strconv.FormatInt(p.Ended, 10), strconv.Itoa(p.Stuck),
			strconv.Itoa(p.Tasks), strconv.Itoa(p.Late)}
	}
	c.Table([]string{"PROCESS", "VERSION", "OPEN", "ENDED", "STUCK", "TASKS", "LATE"}, rows)
}
