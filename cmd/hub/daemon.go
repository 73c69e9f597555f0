package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
)

// daemon is a running hub: one store, one control socket, and the generation
// of the configuration that runs on them. Serve alone changes the generation.
type daemon struct {
	config  string
	reg     *pipelines.Registry
	stubs   *stubs
	storage *storage
	clock   hub.Clock
	log     *slog.Logger
	socket  string
	began   time.Time
	health  *hub.Health  // of its parts, over all generations
	counts  *hub.Metrics // likewise, what the stages did
	once    bool         // end when the files are read and the queues empty
	refused int64        // by generations that a reload ended

	current   atomic.Pointer[generation]
	abandoned atomic.Pointer[map[string]bool] // queues that a reload left without a reader; never changed, only replaced
	reloads   chan chan reloadAnswer
	closing   chan struct{} // closed when no reload is taken any more
}

// newDaemon opens the store for a loaded configuration. acceptLoss is store.Options.AcceptLoss.
func newDaemon(ctx context.Context, l *loaded, reg *pipelines.Registry, s *stubs, log *slog.Logger, url string, acceptLoss int) (*daemon, error) {
	slog.SetDefault(log) // libraries that know no other log, as net/http's client, write there
	clock := hub.RealClock{}
	st, err := openStorage(ctx, url, store.Options{Clock: clock, Log: log, AcceptLoss: acceptLoss, MinFree: l.plan.Reserve})
	if err != nil {
		return nil, err
	}
	if st.crashed > 0 {
		log.Warn("the last run ended uncleanly; its running messages run again, each crash counted", "messages", st.crashed)
	}
	return &daemon{config: l.path, reg: reg, stubs: s, storage: st, clock: clock, log: log, began: clock.Now(),
		health: hub.NewHealth(clock, log), counts: &hub.Metrics{},
		reloads: make(chan chan reloadAnswer), closing: make(chan struct{})}, nil
}

// serve runs until ctx ends, the inputs are used up, or the store fails.
func (d *daemon) serve(ctx context.Context, hup <-chan os.Signal) error {
	defer close(d.closing)
	if d.once {
		watch, cancel := context.WithCancel(ctx)
		defer cancel()
		go d.endWhenUsedUp(watch, d.current.Load())
	}
	for {
		g := d.current.Load()
		select {
		case <-ctx.Done():
			d.log.Info("stopping", "drain", g.plan.Drain)
			return storeFailure(g.stop())
		case <-g.done:
			return d.ended(g)
		case <-hup:
			if a, err := d.reload(ctx); err != nil {
				return err
			} else {
				a.log(d.log)
			}
		case answer := <-d.reloads:
			a, err := d.reload(ctx)
			answer <- a
			if err != nil {
				return err
			}
		}
	}
}

// ended is the result of a generation that nobody stopped: its inputs are used up, or the store failed.
func (d *daemon) ended(g *generation) error {
	if err := g.stop(); err != nil {
		return storeFailure(err)
	}
	qs, err := d.storage.Queues(context.Background())
	if err != nil {
		return storeFailure(err)
	}
	dead := 0
	for _, q := range qs {
		dead += q.Dead
	}
	var left []string
	if n := d.refused + g.rt.Refused(); n > 0 {
		left = append(left, fmt.Sprintf("%d refused: hub refused list", n))
	}
	if dead > 0 {
		left = append(left, words.Plural(dead, "dead letter")+" left: hub dlq")
	}
	if len(left) > 0 {
		return errors.New(strings.Join(left, "; "))
	}
	return nil
}

func storeFailure(err error) error {
	if err == nil {
		return nil
	}
	return exit.With(exit.Store, fmt.Errorf("the store failed: %w", err))
}

// endWhenUsedUp ends the generation when its files are read and nothing waits any more.
func (d *daemon) endWhenUsedUp(ctx context.Context, g *generation) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.done:
			return
		case <-tick.C:
		}
		if g.usedUp() && d.quiet(ctx, g) && d.quiet(ctx, g) {
			g.cancel()
			return
		}
	}
}

// usedUp tells that every source that may end has ended.
func (g *generation) usedUp() bool {
	state := map[string]string{}
	for _, s := range g.rt.Status() {
		state[s.Name] = s.Source
	}
	for _, p := range g.plan.Pipelines {
		if endsByItself(p) && state[p.Name] != "ended" {
			return false
		}
	}
	return true
}

func endsByItself(p *pipelines.Pipeline) bool {
	return p.From.Adapter != nil && p.From.Adapter.Type.Finite
}

// quiet tells that no message runs and none waits in a queue that is read.
func (d *daemon) quiet(ctx context.Context, g *generation) bool {
	return d.quietUntil(ctx, g, time.Time{})
}

// quietUntil is quiet but for what waits for a time after limit; zero: no time is too late.
func (d *daemon) quietUntil(ctx context.Context, g *generation, limit time.Time) bool {
	read := map[string]bool{}
	for _, s := range g.rt.Status() {
		read[s.Queue] = true
		if s.Running > 0 {
			return false
		}
	}
	qs, err := d.storage.Queues(ctx)
	for _, q := range qs {
		late := !limit.IsZero() && q.NextDue.After(limit)
		if read[q.Queue] && (q.Ready > 0 || q.Waiting+q.Held > 0 && !late && !d.sleeps(ctx, q)) {
			return false
		}
	}
	return err == nil
}

// sleeps tells that all that waits in the queue are timers of processes: an instance that waits for days is no work under way.
func (d *daemon) sleeps(ctx context.Context, q hub.QueueStats) bool {
	const look = 1000 // more retries than that are work under way
	waiting, err := d.storage.Browse(ctx, hub.BrowseQuery{Queue: q.Queue, State: hub.Waiting, Limit: look})
	return err == nil && q.Held == 0 && len(waiting) > 0 && !slices.ContainsFunc(waiting, func(m *hub.Delivery) bool { return !process.Sleeps(m.Msg) })
}

// close gives everything back; the generation has ended.
func (d *daemon) close() error {
	d.stubs.close()
	err := d.storage.close()
	if errors.Is(err, hub.ErrClosed) {
		return nil
	}
	return err
}
