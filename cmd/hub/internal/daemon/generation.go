package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/cmd/hub/internal/config"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
)

// generation is one configuration that runs. A reload ends one and begins the next.
type generation struct {
	*config.Loaded
	rt     *engine.Runtime
	opened *pipelines.Opened
	began  time.Time
	cancel context.CancelFunc
	done   chan struct{} // closed when rt.Run and the janitor have returned
	err    error         // of rt.Run: the store failed
}

// begin opens the plan and runs it until stop. When it returns nil error the servers answer.
// It refuses a plan that would strand instances in the store.
func (d *Daemon) begin(ctx context.Context, l *config.Loaded) (*generation, error) {
	processes := l.Processes()
	if stranded, err := processes.Prepare(ctx, d.storage, d.storage.Commit); err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	} else if len(stranded) > 0 {
		return nil, fmt.Errorf("%s would strand instances in the store:\n%s", l.Path, l.Strands(stranded))
	}
	g := &generation{Loaded: l, began: d.clock.Now(), done: make(chan struct{})}
	g.rt = engine.NewRuntime(d.storage.Store, d.clock, d.Log, d.storage.recorder)
	g.rt.Config, g.rt.Drain = l.Plan.Version, l.Plan.Drain
	g.rt.Health, g.rt.Taps = d.health, &d.taps
	g.rt.Gathered(d.watchedAll)
	var err error
	if g.rt.Index, err = d.index(ctx, l.Plan.Index); err != nil {
		return nil, err
	}
	if g.opened, err = l.Plan.Open(g.rt, d.clock, d.Log); err != nil {
		return nil, err
	}
	if err := d.restorePauses(ctx, g); err != nil {
		return nil, errors.Join(err, g.opened.Close(ctx))
	}
	run, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	var work sync.WaitGroup
	ending, ended := context.WithCancel(context.Background()) // of runs
	if send := d.observe(g); send != nil {
		work.Go(func() { send(ending) })
	}
	work.Go(func() { defer ended(); defer cancel(); g.err = g.rt.Run(run) })
	work.Go(func() {
		g.rt.Janitor(run, store.Retention{History: l.Plan.Retention.History, Refusals: l.Plan.Retention.Refusals})
	})
	work.Go(func() { d.hourly(run, l.Plan) })
	work.Go(func() { <-g.rt.Started(); d.moveInstances(run, g, processes) })
	go func() { work.Wait(); close(g.done) }()
	<-g.rt.Started()
	if err := g.opened.Start(ctx); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	servers := g.servers()
	d.awaitReady(ctx, g, servers)
	d.Stubs.Aim(l.Plan, cmp.Or(servers...))
	return g, nil
}

// moveInstances takes the instances of older versions to the newest, where
// in_flight says so. What a stop leaves undone, the next start goes on with.
func (d *Daemon) moveInstances(ctx context.Context, g *generation, ps *process.Processes) {
	if err := ps.MoveAll(ctx, d.storage, g.rt.Commit); err != nil && ctx.Err() == nil {
		d.Log.Error("instances of older versions do not move", "error", err)
	}
}

// stop ends the generation gracefully: work in flight has its time, then it is handed back.
func (g *generation) stop() error {
	g.cancel()
	<-g.done
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return cmp.Or(g.err, g.opened.Close(ctx))
}

// usedUp tells that every source that can end has ended.
func (g *generation) usedUp() bool {
	state := map[string]string{}
	for _, s := range g.rt.Status() {
		state[s.Name] = s.Source
	}
	return !slices.ContainsFunc(g.Plan.Pipelines, func(p *pipelines.Pipeline) bool {
		return p.From.Adapter != nil && p.From.Adapter.Type.Finite && state[p.Name] != "ended"
	})
}

// servers are where the servers answer that reply to requests, in the order of the plan.
func (g *generation) servers() []string {
	var out []string
	for _, a := range g.Plan.Adapters {
		if addr := g.opened.Addresses[a.Name]; a.Type.Server && addr != "" {
			out = append(out, addr)
		}
	}
	return out
}

// awaitReady waits until the servers serve every route, for a second at
// most: a paused pipeline's route is never served.
func (d *Daemon) awaitReady(ctx context.Context, g *generation, servers []string) {
	if len(g.paused()) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, addr := range servers {
		d.Until(ctx, 2*time.Millisecond, func() (bool, error) { return answers(ctx, addr+"/readyz"), nil })
	}
}

func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return true
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// pipeline finds a pipeline of the plan; the problem names the nearest one.
func (g *generation) pipeline(name string) (*pipelines.Pipeline, error) {
	if p := g.Plan.Pipeline(name); p != nil {
		return p, nil
	}
	known := pipelines.Names(g.Plan.Pipelines, func(p *pipelines.Pipeline) string { return p.Name })
	return nil, api.NotFoundf("no pipeline %q%s", name, words.Meant(name, known, ""))
}

// paused are the pipelines that are paused now.
func (g *generation) paused() map[string]bool {
	out := map[string]bool{}
	for _, s := range g.rt.Status() {
		if s.Paused {
			out[engine.PipelineOf(s.Name)] = true
		}
	}
	return out
}

// pauseKind is the kind of the records that keep a pipeline paused over a restart.
const pauseKind = "hub.paused"

// stagesOf are the names of all stages of a pipeline.
func (g *generation) stagesOf(pipeline string) map[string]bool {
	names := map[string]bool{}
	for _, s := range g.Plan.Stages() {
		if engine.PipelineOf(s.Name) == pipeline && !strings.HasPrefix(s.Name, "@") {
			names[s.Name] = true
		}
	}
	return names
}

// setPaused pauses or resumes a pipeline, durably.
func (a *admin) setPaused(ctx context.Context, g *generation, p api.Pause, on bool) error {
	w := hub.Write{Kind: pauseKind, Key: p.Pipeline, IfVersion: hub.AnyVersion}
	if on {
		value, err := json.Marshal(p)
		if err != nil {
			return err
		}
		w.Value = value
	}
	if err := a.commit(ctx, &hub.Unit{Writes: []hub.Write{w}}); err != nil {
		return err
	}
	g.rt.Pause(g.stagesOf(p.Pipeline), on)
	return nil
}

func (d *Daemon) pauses(ctx context.Context) ([]api.Pause, error) {
	records, err := d.storage.List(ctx, pauseKind, "", "", 1000)
	out := []api.Pause{}
	for _, r := range records {
		p := api.Pause{Pipeline: r.Key}
		if json.Unmarshal(r.Value, &p) == nil {
			out = append(out, p)
		}
	}
	return out, err
}

// restorePauses keeps paused what was paused before the start.
func (d *Daemon) restorePauses(ctx context.Context, g *generation) error {
	paused, err := d.pauses(ctx)
	for _, p := range paused {
		g.rt.Pause(g.stagesOf(p.Pipeline), true)
	}
	return err
}
