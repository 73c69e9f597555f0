package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
)

// generation is one configuration that runs. A reload ends one and begins the next.
type generation struct {
	*loaded
	rt     *hub.Runtime
	opened *pipelines.Opened
	began  time.Time
	cancel context.CancelFunc
	done   chan struct{} // closed when rt.Run and the janitor have returned
	err    error         // of rt.Run: the store failed
}

// begin opens the plan and runs it until stop. When it returns nil error the servers answer.
// It refuses a plan that would strand instances in the store.
func (d *daemon) begin(ctx context.Context, l *loaded) (*generation, error) {
	processes := process.Of(l.plan)
	if stranded, err := processes.Prepare(ctx, d.storage); err != nil {
		return nil, fmt.Errorf("processes: %w", err)
	} else if len(stranded) > 0 {
		return nil, fmt.Errorf("%s would strand instances in the store:\n%s", l.path, l.strands(stranded))
	}
	g := &generation{loaded: l, began: d.clock.Now(), done: make(chan struct{})}
	g.rt = hub.NewRuntime(d.storage.Store, d.clock, d.log, d.storage.recorder)
	g.rt.Config, g.rt.Drain = l.plan.Version, l.plan.Drain
	g.rt.Health, g.rt.Counts = d.health, d.counts
	var err error
	if g.opened, err = l.plan.Open(g.rt, d.clock, d.log); err != nil {
		return nil, err
	}
	if err := d.restorePauses(ctx, g); err != nil {
		return nil, errors.Join(err, g.opened.Close(ctx))
	}
	run, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	var work sync.WaitGroup
	work.Go(func() { defer cancel(); g.err = g.rt.Run(run) })
	work.Go(func() { g.rt.Janitor(run, l.plan.Keep) })
	work.Go(func() { <-g.rt.Started(); d.moveInstances(run, g, processes) })
	go func() { work.Wait(); close(g.done) }()
	<-g.rt.Started()
	if err := g.opened.Start(ctx); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	d.awaitReady(ctx, g)
	d.stubs.aim(l.plan, g.webURL())
	return g, nil
}

// moveInstances takes the instances of older versions to the newest, where
// in_flight says so. What a stop leaves undone, the next start goes on with.
func (d *daemon) moveInstances(ctx context.Context, g *generation, ps *process.Processes) {
	if err := ps.MoveAll(ctx, d.storage, g.rt.Commit); err != nil && ctx.Err() == nil {
		d.log.Error("instances of older versions do not move", "error", err)
	}
}

// stop ends the generation gracefully: work in flight has its time, then it is handed back.
func (g *generation) stop() error {
	g.cancel()
	<-g.done
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := g.opened.Close(ctx); err != nil && g.err == nil {
		return err
	}
	return g.err
}

// webURL is where the first HTTP server answers; "" without one.
func (g *generation) webURL() string {
	for _, a := range g.plan.Adapters {
		if addr := g.opened.Addresses[a.Name]; addr != "" {
			return addr
		}
	}
	return ""
}

// awaitReady waits until the HTTP servers serve every route, for a second at
// most: a paused pipeline's route is never served.
func (d *daemon) awaitReady(ctx context.Context, g *generation) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, a := range g.plan.Adapters {
		if addr := g.opened.Addresses[a.Name]; addr != "" && len(g.paused()) == 0 {
			for !answers(ctx, addr+"/readyz") && ctx.Err() == nil {
				time.Sleep(2 * time.Millisecond)
			}
		}
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

// paused are the pipelines that are paused now.
func (g *generation) paused() map[string]bool {
	out := map[string]bool{}
	for _, s := range g.rt.Status() {
		if s.Paused {
			out[pipelineOf(s.Name)] = true
		}
	}
	return out
}
