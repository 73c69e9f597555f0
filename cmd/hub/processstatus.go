package main

import (
	"context"
	"strconv"
	"time"

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

// attention is something that waits for a person.
type attention struct {
	What     string    `json:"what"` // stuck, late
	Process  string    `json:"process"`
	Instance string    `json:"instance"`
	Since    time.Time `json:"since"`
	Text     string    `json:"text"`
	Do       string    `json:"do"` // the command that helps
}

// maxAttention bounds the list of each kind.
const maxAttention = 10

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
			v.Attention = append(v.Attention, attention{"stuck", name, s.Instance, s.Since,
				"failed in " + s.State + ": " + s.Problem.Message, "hub process retry " + name + "/" + s.Instance})
		}
	}
	for _, k := range late[:min(len(late), maxAttention)] {
		v.Attention = append(v.Attention, attention{"late", k.Process, k.Instance, k.Due, "task of " + k.Group, "hub task show " + k.ID})
	}
	return nil
}

func (c *cli) processTable(list []processStatus) {
	rows := make([][]string, len(list))
	for i, p := range list {
		rows[i] = []string{p.Process, versionText(p.Version), strconv.FormatInt(p.Open, 10), strconv.FormatInt(p.Ended, 10), strconv.Itoa(p.Stuck),
			strconv.Itoa(p.Tasks), strconv.Itoa(p.Late)}
	}
	c.table([]string{"PROCESS", "VERSION", "OPEN", "ENDED", "STUCK", "TASKS", "LATE"}, rows)
}

func (c *cli) attentionTable(list []attention, now time.Time) {
	rows := make([][]string, len(list))
	for i, n := range list {
		rows[i] = []string{n.What, n.Process + " " + oneLine(n.Instance, 60), age(n.Since, now), oneLine(n.Text, 120), n.Do}
	}
	c.table([]string{"ATTENTION", "OF", "SINCE", "", ""}, rows)
}
