package scenario

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"orderhub/hub"
	"orderhub/pipelines"
)

// life is one process of the hub: from its start to its stop, or until it is
// killed. What it does after that has no effect.
type life struct {
	world  *world
	rt     *hub.Runtime
	opened *pipelines.Opened
	dead   bool // ended: nothing it does has an effect; under world.mu
	killed bool // at a point
	quiet  bool // the test itself commits: it is no work of the hub
}

// begin starts the hub over the run's store. What the last life had claimed is
// free again, and after a crash counted as running.
func (r *run) begin(ctx context.Context, crashed bool) error {
	w := r.world
	w.mu.Lock()
	claimed := slices.SortedFunc(maps.Values(w.claimed), func(a, b *hub.Delivery) int { return int(a.Seq - b.Seq) })
	clear(w.claimed)
	w.mu.Unlock()
	var running []int64
	for _, d := range claimed {
		running = append(running, d.Seq)
	}
	if !crashed {
		running = nil
	}
	if err := errors.Join(r.store.Release(ctx, claimed), r.store.Recover(ctx, running)); err != nil {
		return err
	}
	l := &life{world: w}
	log := slog.New(slog.DiscardHandler)
	l.rt = hub.NewRuntime(&journal{Store: r.store, life: l, order: r.shuffle}, w.clock, log, nil)
	r.lab.life, r.life = l, l
	w.broker.forget()
	r.standIn()
	var err error
	if l.opened, err = r.plan.Open(l.rt, w.clock, log); err != nil {
		return err
	}
	return l.rt.Manual(ctx)
}

// restart stops the hub and starts it again over its store.
func (r *run) restart(ctx context.Context) error {
	if err := r.life.close(ctx); err != nil {
		return err
	}
	return r.begin(ctx, false)
}

// close ends the life in order.
func (l *life) close(ctx context.Context) error {
	l.world.mu.Lock()
	l.dead = true
	l.world.mu.Unlock()
	return l.opened.Close(ctx)
}

// over tells that the life was killed.
func (l *life) over() bool {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	return l.killed
}

// alive runs f in the hub's process. After a kill the hub starts again over
// its store, and f comes again: who brought the message was not told that it was taken.
func (r *run) alive(ctx context.Context, f func(l *life) error) error {
	for {
		l := r.life
		err := f(l)
		if !l.over() {
			return err
		}
		r.killed = true
		if err := r.begin(ctx, true); err != nil {
			return err
		}
	}
}
