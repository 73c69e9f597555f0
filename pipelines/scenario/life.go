package scenario

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/figures"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/process"
)

// life is one process of the hub: from its start to its stop, or until it is
// killed. What it does after that has no effect.
type life struct {
	world  *world
	rt     *engine.Runtime
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
	l := &life{world: w, quiet: true} // a start is not work: what it commits is given again by the next one
	log := slog.New(slog.DiscardHandler)
	l.rt = engine.NewRuntime(&journal{Store: r.store, life: l, order: r.shuffle}, w.clock, log, nil)
	l.rt.Gathered(r.figures(l.rt))
	r.lab.life, r.life = l, l
	w.broker.readers = nil // the next process makes its own subscriptions
	r.standIn()
	var err error
	if l.opened, err = r.plan.Open(l.rt, w.clock, log); err != nil {
		return err
	}
	err = l.rt.Manual(ctx)
	l.quiet = false
	return err
}

// figures are what the rules of alerts look at.
func (r *run) figures(rt *engine.Runtime) func(context.Context) (figures.Snapshot, error) {
	return func(ctx context.Context) (figures.Snapshot, error) {
		s, err := rt.Figures(ctx)
		if err != nil {
			return nil, err
		}
		to := &figures.Set{}
		err = process.Figures(ctx, r.store, process.Of(r.plan), r.clock.Now(), r.test.steps, to)
		return append(s, to.Snapshot()...), err
	}
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

// once runs f in the hub's process. After a kill the hub has started again over its store.
func (r *run) once(ctx context.Context, f func(l *life) (ran bool, err error)) (ran bool, err error) {
	l := r.life
	if ran, err = f(l); !l.over() {
		return ran, err
	}
	r.killed = true
	return true, r.begin(ctx, true)
}

// alive is once, and after a kill f comes again: who brought the message was not told that it was taken.
func (r *run) alive(ctx context.Context, f func(l *life) error) error {
	for {
		l := r.life
		if _, err := r.once(ctx, func(l *life) (bool, error) { return true, f(l) }); err != nil || r.life == l {
			return err
		}
	}
}

// journal is the store as one life of the hub sees it. Before and after each
// commit the hub may be killed; what goes through is noted.
type journal struct {
	store.Store
	life  *life
	order *rand.Rand // not nil: what has no order is given in another one
}

// Commit commits u, between two points.
func (j *journal) Commit(ctx context.Context, u *hub.Unit) error {
	if j.life.quiet {
		return j.Store.Commit(ctx, u)
	}
	n, where := j.life.world.number("commit"), whereOf(u)
	if err := j.life.point("before commit %d of %s", n, where); err != nil {
		return err
	}
	if err := j.Store.Commit(ctx, u); err != nil {
		return err
	}
	j.life.world.committed(u)
	return j.life.point("after commit %d of %s", n, where)
}

// whereOf names the part of the hub that a unit of work is of.
func whereOf(u *hub.Unit) string {
	switch {
	case len(u.History) > 0:
		return u.History[len(u.History)-1].Where
	case u.Input != nil:
		return u.Input.Queue
	case len(u.Puts) > 0:
		return u.Puts[0].Queue
	}
	return "the source"
}

// committed notes what a unit of work did.
func (w *world) committed(u *hub.Unit) {
	for i := range u.Puts {
		p := &u.Puts[i]
		if channel := w.queues[p.Queue]; channel != "" && p.Error == nil && !p.Cancel {
			w.arrive(arrival{where: channel, msg: p.Msg})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if u.Input != nil {
		delete(w.claimed, u.Input.Seq)
	}
	for i := range u.Puts {
		if m := u.Puts[i].Msg; m != nil {
			w.bodies[m.ID] = m
		}
	}
	for i := range u.Writes {
		w.kinds[u.Writes[i].Kind] = true
	}
	for i := range u.Adds {
		w.kinds[u.Adds[i].Kind] = true
	}
	for _, e := range u.History {
		w.history = append(w.history, note{e, u.Correlation})
	}
}

// Claim claims one after another in the store's order, or any that has no order.
func (j *journal) Claim(ctx context.Context, queue string, limit int, lease time.Duration) ([]*hub.Delivery, time.Time, error) {
	if j.order == nil {
		batch, next, err := j.Store.Claim(ctx, queue, limit, lease)
		return j.claimed(batch), next, err
	}
	batch, next, err := j.Store.Claim(ctx, queue, 64, lease)
	if err != nil || len(batch) == 0 {
		return nil, next, err
	}
	first := firsts(batch, func(d *hub.Delivery) (string, string) { return "", d.Msg.Key })
	pick := first[j.order.IntN(len(first))]
	rest := append(batch[:pick:pick], batch[pick+1:]...)
	return j.claimed(batch[pick : pick+1]), next, j.Store.Release(ctx, rest)
}

// ClaimHeld notes what is claimed.
func (j *journal) ClaimHeld(ctx context.Context, queue, key string, limit int, lease time.Duration) ([]*hub.Delivery, error) {
	batch, err := j.Store.ClaimHeld(ctx, queue, key, limit, lease)
	return j.claimed(batch), err
}

func (j *journal) claimed(batch []*hub.Delivery) []*hub.Delivery {
	w := j.life.world
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range batch {
		w.claimed[d.Seq] = d
	}
	return batch
}

// Release notes what is given back.
func (j *journal) Release(ctx context.Context, batch []*hub.Delivery) error {
	w := j.life.world
	w.mu.Lock()
	for _, d := range batch {
		delete(w.claimed, d.Seq)
	}
	w.mu.Unlock()
	return j.Store.Release(ctx, batch)
}
