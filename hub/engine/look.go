package engine

import (
	"context"
	"time"

	"orderhub/hub"
	"orderhub/hub/figures"
	"orderhub/hub/store"
)

// Gathered makes gather what tells the steps of the hub's figures (hub.StageEnv), in place of what the runtime itself
// knows. It is called before Run.
func (rt *Runtime) Gathered(gather func(context.Context) (figures.Snapshot, error)) {
	rt.env.Figures = gather
}

// Figures are what the runtime knows of itself: what was counted, its parts and its queues.
func (rt *Runtime) Figures(ctx context.Context) (figures.Snapshot, error) {
	if rt.manual { // nobody else looks whether an outage is over
		rt.Health.look()
	}
	qs, err := rt.store.Queues(ctx)
	if err != nil {
		return nil, err
	}
	rt.WriteNotes()
	refused, err := store.CountRefused(ctx, rt.store)
	if err != nil {
		return nil, err
	}
	to := &figures.Set{}
	PutStored(to, qs, refused, rt.clock.Now())
	rt.Health.PutParts(to)
	to.PutFlag(figures.Ready, rt.Ready() == nil)
	return append(rt.Health.Figures.Snapshot(), to.Snapshot()...), nil
}

// Exchange is of no message, and nobody commits its unit: for who looks at what steps see.
func (rt *Runtime) Exchange() *hub.Exchange { return hub.NewExchange(&hub.Message{}, &rt.env) }

// PutStored makes figures of what the store has: its queues, and what was refused.
func PutStored(to *figures.Set, qs []store.QueueStats, refused []store.RefusalCount, now time.Time) {
	for _, q := range qs {
		for state, n := range map[string]int{"ready": q.Ready, "waiting": q.Waiting, "held": q.Held, "dead": q.Dead} {
			to.Put(figures.Queued, int64(n), q.Queue, state)
		}
		if q.Live() > 0 {
			to.Put(figures.Oldest, int64(max(now.Sub(q.Oldest), 0)), q.Queue)
		}
	}
	for _, r := range refused {
		to.Put(figures.Refused, r.Count, r.Source, r.Reason)
	}
}

// PutParts tells which parts work, and which fail.
func (h *Health) PutParts(to *figures.Set) {
	h.mu.Lock()
	defer h.mu.Unlock()
	store := true
	for _, p := range h.parts {
		switch {
		case p.kind == PartStore:
			store = store && p.outage == nil
		case p.kind == PartAdapter || p.outage != nil:
			to.PutFlag(figures.Up, p.outage == nil, p.kind, p.name)
		}
	}
	to.PutFlag(figures.Up, store, PartStore, "")
}
