package engine

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"orderhub/hub"
)

// lease is how long a claim is held before another hub may take it: longer
// than any message waits or runs, since this hub owns its store alone and a
// crash ends its claims anyhow.
const lease = 24 * time.Hour

// crashLimit is how many unclean stops a running message may see: with the
// third it is quarantined as a dead letter crashed_worker.
const crashLimit = 3

// storeAway is the pause before a store that is away is asked again.
const storeAway = time.Second

// dispatcher carries the stored messages of one queue to its stage. One
// goroutine claims, up to stage.Lanes others run. Messages of one key run one
// after another; a key with a waiting retry is blocked, and what comes for it
// is held in the store, so that no other key waits and memory stays bounded.
type dispatcher struct {
	rt    *Runtime
	stage *Stage
	kick  hub.Signal // something changed: claim again
	load  load

	mu      sync.Mutex
	running int
	queued  int
	ready   []*hub.Delivery            // to be run as soon as a lane is free
	lines   map[string][]*hub.Delivery // keys being run -> what waits behind, in order
	lying   map[string]int             // stage.Direct: how many messages of each key lie in the queue, claimed ones included
	lease   int64                      // of a Shared store: what blocked was learned under
	blocked map[string]blocking        // keys with a waiting retry or held messages
	ended   []string                   // keys of messages that ended without this hub's doing: see free
	back    map[string]bool            // keys of which something was given back since the last claim began: see accept
	paused  bool
	idle    bool // the last claim found nothing, and nothing runs
	lanes   sync.WaitGroup

	stepping sync.Mutex // held by the one Step at a time
}

func newDispatcher(rt *Runtime, s *Stage) *dispatcher {
	s.Lanes = cmp.Or(s.Lanes, hub.DefaultLanes)
	return &dispatcher{rt: rt, stage: s, kick: hub.NewSignal(), lines: map[string][]*hub.Delivery{}, blocked: map[string]blocking{},
		back: map[string]bool{}, lying: map[string]int{}}
}

// learn reads which keys wait in the store from an earlier run, or from another
// hub that had the queue.
func (d *dispatcher) learn(ctx context.Context) error {
	keys, err := d.rt.store.Retrying(ctx, d.stage.Queue)
	if err != nil {
		return err
	}
	var lying map[string]int
	if d.tracks() {
		if lying, err = d.rt.store.Keys(ctx, d.stage.Queue); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.blocked)
	for _, k := range keys {
		d.blocked[k] = retryWaits
	}
	if lying != nil {
		d.lying = lying
	}
	return nil
}

// tracks tells whether lying is kept. What lies in a queue of a Shared store only the store knows.
func (d *dispatcher) tracks() bool { return d.stage.Direct && d.rt.shared == nil }

// relearn is called after a Claim: when the queue came to this hub from
// another, its keys are learned before any of its messages is accepted.
func (d *dispatcher) relearn(ctx context.Context) error {
	if d.rt.shared == nil {
		return nil
	}
	lease := d.rt.shared.Lease(d.stage.Queue)
	if lease == d.lease || lease == 0 {
		return nil
	}
	if err := d.learn(ctx); err != nil {
		return err
	}
	d.lease = lease
	return nil
}

// run claims until ctx ends; then it waits for the lanes. Work in flight runs under work.
func (d *dispatcher) run(ctx, work context.Context) error {
	for ctx.Err() == nil {
		next, more, err := d.fill(ctx, work)
		switch {
		case err == nil || ctx.Err() != nil:
		case hub.AsError(err).Class.Transient(): // a store that other hubs share is away: it waited for it already
			d.rt.unkept(err)
			next = d.rt.clock.Now().Add(storeAway)
		default:
			return err
		}
		if more {
			continue
		}
		var due <-chan time.Time
		var timer hub.Timer
		if !next.IsZero() {
			timer = d.rt.clock.Timer(next.Sub(d.rt.clock.Now()))
			due = timer.C()
		}
		select {
		case <-ctx.Done():
		case <-d.kick:
		case <-due:
		}
		if timer != nil {
			timer.Stop()
		}
	}
	d.lanes.Wait()
	d.mu.Lock()
	rest := d.ready
	for _, line := range d.lines {
		rest = append(rest, line...)
	}
	d.ready, d.lines = nil, map[string][]*hub.Delivery{}
	d.mu.Unlock()
	if len(rest) > 0 {
		return d.rt.store.Release(context.WithoutCancel(ctx), rest)
	}
	return nil
}

// fill claims what fits. more: claim again at once.
func (d *dispatcher) fill(ctx, work context.Context) (next time.Time, more bool, err error) {
	if err := d.fetchHeld(ctx, work); err != nil {
		return next, false, err
	}
	d.mu.Lock()
	d.back = map[string]bool{}
	room := 2*d.stage.Lanes - d.running - d.queued
	if d.paused || d.rt.blocked.Load() {
		room = 0
	}
	d.mu.Unlock()
	if room < max(d.stage.Lanes/4, 1) { // claim in portions; a lane that ends kicks
		return next, false, nil
	}
	batch, next, err := d.rt.store.Claim(ctx, d.stage.Queue, room, lease)
	claimed := len(batch)
	if err == nil {
		err = d.relearn(ctx)
	}
	freed := false
	if err == nil {
		freed, err = d.free(ctx)
	}
	if err == nil && len(batch) > 0 && d.isPaused() { // since the claim began: what came behind the pause is not begun
		return next, false, d.rt.store.Release(context.WithoutCancel(ctx), batch)
	}
	for len(batch) > 0 && err == nil {
		if err = d.accept(ctx, work, batch[0]); err == nil {
			batch = batch[1:]
		}
	}
	if err != nil {
		return next, false, errors.Join(err, d.rt.store.Release(context.WithoutCancel(ctx), batch))
	}
	d.mu.Lock()
	d.idle = claimed == 0 && d.running+d.queued == 0
	d.mu.Unlock()
	return next, claimed == room || freed, nil
}

// fetchHeld takes up the held messages of keys whose retry is over.
func (d *dispatcher) fetchHeld(ctx, work context.Context) error {
	d.mu.Lock()
	var keys []string
	for k, b := range d.blocked {
		if b == retryOver && d.lines[k] == nil {
			keys = append(keys, k)
		}
	}
	d.mu.Unlock()
	for _, k := range keys {
		held, err := d.rt.store.ClaimHeld(ctx, d.stage.Queue, k, 16, lease)
		if err != nil {
			return err
		}
		d.mu.Lock()
		if len(held) == 0 {
			delete(d.blocked, k)
		} else {
			d.enqueue(work, held[0])
			d.lines[k] = append(d.lines[k], held[1:]...)
			d.queued += len(held) - 1
		}
		d.mu.Unlock()
	}
	return nil
}

// accept puts a claimed message in its lane, its line, or back as held. What was claimed while an earlier message of its
// key was given back goes back as well: the next claim has both, in their order.
func (d *dispatcher) accept(ctx, work context.Context, m *hub.Delivery) error {
	key := m.Msg.Key
	d.mu.Lock()
	defer d.mu.Unlock()
	if key == "" {
		d.enqueue(work, m)
		return nil
	}
	if d.back[key] {
		d.release(m)
		d.kick.Give()
		return nil
	}
	_, blocked := d.blocked[key]
	switch again := m.Attempts > 0 || m.Error != nil; {
	case blocked && !again:
		return d.hold(ctx, m)
	case again && !blocked && d.rt.shared != nil: // a retry that another hub put: what came behind it is held
		d.blocked[key] = retryWaits
	}
	if line, busy := d.lines[key]; busy {
		d.lines[key] = append(line, m)
		d.queued++
		return nil
	}
	d.enqueue(work, m)
	return nil
}

func (d *dispatcher) hold(ctx context.Context, m *hub.Delivery) error {
	err := d.rt.store.Commit(context.WithoutCancel(ctx), &hub.Unit{Input: m, Finish: hub.Finish{State: hub.Held}})
	if errors.Is(err, hub.ErrLost) {
		return nil
	}
	return err
}

// enqueue starts a lane for m, or queues it for the next free one, or for Step. d.mu is held.
func (d *dispatcher) enqueue(work context.Context, m *hub.Delivery) {
	if m.Msg.Key != "" && d.lines[m.Msg.Key] == nil {
		d.lines[m.Msg.Key] = []*hub.Delivery{}
	}
	d.idle = false
	if d.rt.manual || d.running >= d.stage.Lanes {
		d.ready = append(d.ready, m)
		d.queued++
		return
	}
	d.running++
	d.lanes.Go(func() { d.lane(work, m) })
}

// quiet tells whether the queue was empty at the last look and nothing runs.
func (d *dispatcher) quiet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.idle && d.running+d.queued == 0
}

// holding tells whether m may still be run here: what another hub may have by now is not begun.
func (d *dispatcher) holding(m *hub.Delivery) bool {
	return d.rt.shared == nil || d.rt.shared.Holds(m)
}

func (d *dispatcher) setPaused(p bool) {
	d.mu.Lock()
	d.paused = p
	d.mu.Unlock()
	d.kick.Give()
}

func (d *dispatcher) isPaused() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.paused
}
