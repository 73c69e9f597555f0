package main

import (
	"net/http"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/call"
	"orderhub/pipelines/count"
	"orderhub/pipelines/process"
)

// statusView is the state of the whole hub.
type statusView struct {
	Name     string                      `json:"name"`
	Config   string                      `json:"config"`
	Revision string                      `json:"revision"` // of the configuration
	Store    string                      `json:"store"`
	Since    time.Time                   `json:"since"`  // start of the hub
	Loaded   time.Time                   `json:"loaded"` // start of this configuration
	URLs     map[string]string           `json:"urls"`
	Stubs    []string                    `json:"stubs"`
	Stages   []stageView                 `json:"stages"`
	Queues   []queueView                 `json:"queues"`
	Counters map[string]map[string]int64 `json:"counters"` // of the steps `count`, by name
	Paused   []pauseRecord               `json:"paused"`

	Processes []processStatus    `json:"processes"`
	Refused   []hub.RefusalCount `json:"refused"`   // by source and reason: the ten kinds that came last
	Attention []attention        `json:"attention"` // what somebody should look at: see attention.go
}

type stageView struct {
	hub.StageStatus
	Rate                 float64 `json:"rate"` // done per second, since the start of the hub
	Waiting, Ready, Dead int     `json:"-"`
}

type queueView struct {
	Queue    string     `json:"queue"`
	Ready    int        `json:"ready"`
	Waiting  int        `json:"waiting"`
	Held     int        `json:"held"`
	Dead     int        `json:"dead"`
	Oldest   time.Time  `json:"oldest,omitzero"`
	NextDue  time.Time  `json:"next_due,omitzero"`
	Awaiting []awaiting `json:"awaiting,omitempty"` // what the messages wait for that failed
}

func (a *admin) status(r *http.Request) (any, error) {
	g := a.current.Load()
	v := statusView{Name: g.plan.Name, Config: a.config, Revision: g.plan.Version, Store: a.storage.shown(), Since: a.began, Loaded: g.began,
		URLs: g.opened.Addresses, Stubs: append([]string{}, a.stubs.stubbed...), Queues: []queueView{}, Paused: []pauseRecord{}}
	seconds := max(a.clock.Now().Sub(a.began).Seconds(), 0.001)
	for _, s := range g.rt.Status() {
		v.Stages = append(v.Stages, stageView{StageStatus: s, Rate: float64(s.Done) / seconds})
	}
	qs, err := a.storage.Queues(r.Context())
	if err != nil {
		return nil, err
	}
	for _, q := range qs {
		v.Queues = append(v.Queues, queueView{Queue: q.Queue, Ready: q.Ready, Waiting: q.Waiting, Held: q.Held, Dead: q.Dead, Oldest: q.Oldest, NextDue: q.NextDue})
	}
	v.Counters = map[string]map[string]int64{}
	for _, name := range append(slices.Clone(g.counters), call.ShadowCounts) {
		if v.Counters[name], err = a.storage.Counters(r.Context(), count.Kind(name), ""); err != nil {
			return nil, err
		}
	}
	if len(v.Counters[call.ShadowCounts]) == 0 {
		delete(v.Counters, call.ShadowCounts)
	}
	paused, err := a.pauses(r.Context())
	if err != nil {
		return nil, err
	}
	v.Paused = append(v.Paused, paused...)
	if v.Refused, err = hub.CountRefused(r.Context(), a.upToDate()); err != nil {
		return nil, err
	}
	v.Refused = v.Refused[:min(len(v.Refused), 10)]
	v.Processes, v.Attention = []processStatus{}, []attention{}
	if err := v.health(r.Context(), a, g); err != nil {
		return nil, err
	}
	return v, v.processes(r.Context(), a, process.Of(g.plan))
}

// unread are the queues with messages that no stage reads.
func (v *statusView) unread() []queueView {
	return slices.DeleteFunc(slices.Clone(v.Queues), func(q queueView) bool {
		return slices.ContainsFunc(v.Stages, func(s stageView) bool { return s.Queue == q.Queue })
	})
}
