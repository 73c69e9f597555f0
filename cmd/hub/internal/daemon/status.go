package daemon

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub/engine"
	"orderhub/hub/figures"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/count"
	"orderhub/pipelines/process"
)

const (
	maxAttention = 10              // of each kind
	patience     = 2 * time.Second // for a message to be tried again before anybody is told
)

// statusView is a status that is being made.
type statusView struct {
	*api.Status
	outages []engine.Outage
}

func (a *admin) status(r *http.Request) (*api.Status, error) {
	v, err := a.look(r.Context(), a.counts.told(r.Context()))
	if err == nil {
		err = a.findAlerts(r.Context(), v)
		v.Refused = v.Refused[:min(len(v.Refused), 10)]
	}
	return v, err
}

// look is what the store and the parts of the hub tell of it now, with all refusals, beside what was counted. The alerts, which look at it, are left out.
func (d *Daemon) look(ctx context.Context, counted figures.Snapshot) (*api.Status, error) {
	g := d.current.Load()
	v := &statusView{outages: d.health.Outages(), Status: &api.Status{Name: g.Plan.Name, Config: d.Config.Path, Revision: g.Plan.Version,
		Store: d.storage.shown(), Since: d.began, Loaded: g.began, URLs: g.opened.Addresses, Stubs: append([]string{}, d.Stubs.Stubbed...),
		Queues: []api.Queue{}, Counters: map[string]map[string]int64{}, Processes: []api.ProcessStatus{}, Attention: []api.Attention{}}}
	before := d.counts.before()
	took := func(stage string, q float64) float64 {
		return counted.Quantile(before, q, figures.StageDuration, "", stage)
	}
	for _, s := range g.rt.Status() {
		all, done := counted.Sum(figures.Messages, "", s.Name), counted.Sum(figures.Messages, "", s.Name, figures.Done)
		v.Stages = append(v.Stages, api.Stage{StageStatus: s, Done: int64(done), Failed: int64(all - done),
			Rate: d.counts.rate(counted, figures.Messages, "", s.Name, figures.Done), P50: took(s.Name, 0.5), P95: took(s.Name, 0.95), P99: took(s.Name, 0.99)})
	}
	if err := v.findQueues(ctx, d); err != nil {
		return nil, err
	}
	var err error
	for _, name := range append(slices.Clone(g.Counters), call.ShadowCounts) {
		if v.Counters[name], err = d.storage.Counters(ctx, count.Kind(name), ""); err != nil {
			return nil, err
		}
	}
	if len(v.Counters[call.ShadowCounts]) == 0 {
		delete(v.Counters, call.ShadowCounts)
	}
	if v.Refused, err = store.CountRefused(ctx, d.upToDate()); err != nil {
		return nil, err
	}
	v.Unkept, v.Retention = g.rt.Unkept(), g.kept()
	if v.Size, err = d.storage.Size(ctx); err != nil {
		return nil, err
	}
	if v.Hubs, err = d.hubs(ctx); err != nil {
		return nil, err
	}
	v.differences()
	v.outagesAndWaiting(d.clock.Now())
	v.orphans(g.Plan, d.abandoned.Load())
	return v.Status, v.processes(ctx, d, g)
}

// findQueues adds the queues, what their messages wait for, and what is paused.
func (v *statusView) findQueues(ctx context.Context, d *Daemon) error {
	qs, err := d.storage.Queues(ctx)
	if err != nil {
		return err
	}
	for _, q := range qs {
		v.Queues = append(v.Queues, api.Queue{QueueStats: q})
	}
	if v.Paused, err = d.pauses(ctx); err != nil {
		return err
	}
	groups, err := d.storage.Awaiting(ctx)
	v.await(groups)
	return err
}

// await adds what the messages of the queues wait for.
func (v *statusView) await(groups []store.Awaiting) {
	for _, group := range groups {
		if i := slices.IndexFunc(v.Queues, func(q api.Queue) bool { return q.Queue == group.Queue }); i >= 0 {
			v.Queues[i].Awaiting = append(v.Queues[i].Awaiting, v.awaiting(group))
		}
	}
}

// awaiting says what the group waits for, by the outage of the part that it awaits, if there is one.
func (v *statusView) awaiting(g store.Awaiting) api.Awaiting {
	w := api.Awaiting{For: g.For, Count: g.Count, Next: g.Next}
	if f := g.Sample.Error; f != nil {
		w.Since, w.Error = f.Since, f.Message
	}
	for _, o := range v.outages {
		if o.Kind == engine.PartAdapter && o.Name == g.For {
			w.Since, w.Error = o.Since, o.Name+": "+o.Error
		}
	}
	w.Error = cmp.Or(w.Error, "waits for "+g.For)
	return w
}

// outagesAndWaiting tells of the parts that fail, and of messages that are tried again and again though no part is known to fail.
func (v *statusView) outagesAndWaiting(now time.Time) {
	for i := range v.outages {
		v.Attention = append(v.Attention, v.outage(&v.outages[i]))
	}
	told := 0
	for _, q := range v.Queues {
		for _, w := range q.Awaiting {
			known := slices.ContainsFunc(v.outages, func(o engine.Outage) bool { return holdsUp(&o, q.Queue, w) })
			if known || w.Since.IsZero() || now.Sub(w.Since) < patience || told == maxAttention {
				continue
			}
			told++
			v.Attention = append(v.Attention, api.Attention{What: "waiting", Of: "queue " + q.Queue, Since: w.Since, Text: w.Error,
				Waiting: w.Count, Next: w.Next})
		}
	}
}

// outage is a part that fails, with what waits for it.
func (v *statusView) outage(o *engine.Outage) api.Attention {
	n := api.Attention{What: "outage", Of: strings.TrimSpace(o.Kind + " " + o.Name), Since: o.Since, Text: o.Error, Next: o.Next, Outage: o}
	if o.Reason == "breaker_open" {
		n.Text = "breaker open: " + n.Text
	}
	for _, q := range v.Queues {
		for _, w := range q.Awaiting {
			if holdsUp(o, q.Queue, w) {
				n.Waiting += w.Count
				if n.Next.IsZero() || !w.Next.IsZero() && w.Next.Before(n.Next) {
					n.Next = w.Next
				}
			}
		}
		outbox := q.Queue == "@"+o.Name || strings.HasPrefix(q.Queue, "@"+o.Name+" ")
		if o.Kind == engine.PartAdapter && outbox { // what stands behind waits too
			n.Waiting += q.Ready + q.Held
		}
	}
	return n
}

// holdsUp tells that messages of a queue wait for the part that o is about: an adapter, or the queue itself.
func holdsUp(o *engine.Outage, queue string, w api.Awaiting) bool {
	return o.Kind == engine.PartAdapter && w.For == o.Name || o.Kind == engine.PartQueue && queue == o.Name
}

// orphans tells of queues that hold messages and have lost their reader: those
// that the configuration does not know, and those that a reload left. A channel
// that never had one keeps its messages for people: that is no fault.
func (v *statusView) orphans(plan *pipelines.Plan, abandoned *map[string]bool) {
	for _, q := range v.Unread() {
		if live := q.Live(); live > 0 && (plan.Channel(q.Queue) == nil || abandoned != nil && (*abandoned)[q.Queue]) {
			v.Attention = append(v.Attention, api.Attention{What: "unread", Of: "queue " + q.Queue, Since: q.Oldest, Waiting: live,
				Text: "no pipeline of this configuration reads it: bring its reader back, or read it once with another"})
		}
	}
}

// processes adds the processes and what of them needs attention.
func (v *statusView) processes(ctx context.Context, d *Daemon, g *generation) error {
	tasks, late, err := process.CountTasks(ctx, d.storage, d.clock.Now(), maxStuck)
	if err != nil {
		return err
	}
	ps := g.Processes()
	for _, name := range ps.Names() {
		r, err := d.reportOf(ctx, ps, name)
		if err != nil {
			return err
		}
		v.Processes = append(v.Processes, api.ProcessStatus{Process: name, Version: r.Version, Open: r.Open, Ended: r.Ended, Stuck: len(r.Stuck), States: r.States,
			Tasks: tasks[name].Open, Late: tasks[name].Late})
		for _, s := range r.Stuck[:min(len(r.Stuck), maxAttention)] {
			v.Attention = append(v.Attention, api.Attention{What: "stuck", Of: name + " " + s.Instance, Process: name, Instance: s.Instance, Since: s.Since,
				Text: "failed in " + s.State + ": " + s.Problem.Message, Do: "hub process retry " + name + "/" + s.Instance})
		}
	}
	for _, k := range late[:min(len(late), maxAttention)] {
		v.Attention = append(v.Attention, api.Attention{What: "late", Of: k.Process + " " + k.Instance, Process: k.Process, Instance: k.Instance,
			Since: k.Due, Text: "task of " + k.Group, Do: "hub task show " + k.ID})
	}
	return nil
}

// report is ?process=; left out: all.
func (a *admin) report(r *http.Request) ([]api.Report, error) {
	ps := a.processes()
	names, err := processNames(ps, r.FormValue("process"))
	if err != nil {
		return nil, err
	}
	tasks, _, err := process.CountTasks(r.Context(), a.storage, a.clock.Now(), maxStuck)
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

// reportOf counts the instances of a process; lead times and tasks are left to the caller.
func (d *Daemon) reportOf(ctx context.Context, ps *process.Processes, name string) (*api.Report, error) {
	v := &api.Report{Process: name, Version: ps.Definition(name).Version, States: []api.StateCount{}}
	all, err := process.Populations(ctx, d.storage, ps, name)
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
	v.Stuck, err = process.AllStuck(ctx, d.storage, name, maxStuck)
	return v, err
}
