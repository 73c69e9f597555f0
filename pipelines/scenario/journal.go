package scenario

import (
	"context"
	"math/rand/v2"
	"time"

	"orderhub/hub"
)

// journal is the store as one life of the hub sees it. Before and after each
// commit the hub may be killed; what goes through is noted.
type journal struct {
	hub.Store
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
	pick := free(batch)[j.order.IntN(len(free(batch)))]
	rest := append(batch[:pick:pick], batch[pick+1:]...)
	return j.claimed(batch[pick : pick+1]), next, j.Store.Release(ctx, rest)
}

// free are the messages that need not wait for another one of the batch: those
// without a key, and the first of each key.
func free(batch []*hub.Delivery) (at []int) {
	seen := map[string]bool{}
	for i, d := range batch {
		if d.Msg.Key == "" || !seen[d.Msg.Key] {
			at = append(at, i)
		}
		seen[d.Msg.Key] = true
	}
	return at
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
