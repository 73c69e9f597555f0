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
	ctx    context.Context
	cancel context.CancelFunc
	dead   bool // ended: nothing it does has an effect; under world.mu
	killed bool // at a point
}

// begin starts the hub over the run's store. What the last life had claimed is
// free again, and after a crash counted as running.
func (r *run) begin(crashed bool) error {
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
	if err := errors.Join(r.store.Release(r.ctx, claimed), r.store.Recover(r.ctx, running)); err != nil {
		return err
	}
	l := &life{world: w}
	l.ctx, l.cancel = context.WithCancel(r.ctx)
	log := slog.New(slog.DiscardHandler)
	l.rt = hub.NewRuntime(&journal{Store: r.store, life: l, order: r.shuffle}, w.clock, log, nil)
	r.lab.life, r.life = l, l
	w.broker.forget()
	r.standIn()
	var err error
	if l.opened, err = r.plan.Open(l.rt, w.clock, log); err != nil {
		return err
	}
	return l.rt.Manual(l.ctx)
}

// restart stops the hub and starts it again over its store.
func (r *run) restart() error {
	if err := r.life.close(); err != nil {
		return err
	}
	return r.begin(false)
}

// close ends the life in order.
func (l *life) close() error {
	l.world.mu.Lock()
	l.dead = true
	l.world.mu.Unlock()
	l.cancel()
	return l.opened.Close(context.WithoutCancel(l.ctx))
}

// alive runs f in the hub's process. After a kill the hub starts again over
// its store, and f comes again: who brought the message was not told that it was taken.
func (r *run) alive(f func(l *life) error) error {
	for {
		l := r.life
		err := f(l)
		if !l.killed {
			return err
		}
		r.killed = true
		if err := r.begin(true); err != nil {
			return err
		}
	}
}
