package engine

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub/store"
)

const (
	lookEvery  = 250 * time.Millisecond
	probeTime  = 2 * time.Second
	hastenMost = 1000                   // messages in one transaction
	stepped    = 100 * time.Millisecond // the difference that counts as a clock that was set
)

// watch looks at the clock and at the parts of the hub, asks those that fail
// whether they are back, and tries what waits for them as soon as they are.
func (rt *Runtime) watch(ctx context.Context) {
	clock := clockLook{hub: rt.clock.Now(), real: time.Now()}
	rt.recall(ctx)
	use := rt.Health.Part(PartStore, "").Use("", false)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var work sync.WaitGroup
	defer work.Wait()
	var looking atomic.Bool
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			rt.tellRepeats(true)
			return
		case <-tick.C:
		}
		rt.lookAtClock(&clock)
		rt.tellRepeats(false)
		if n%4 == 0 && !looking.Swap(true) {
			work.Go(func() {
				defer looking.Store(false)
				rt.lookForRoom(ctx, use)
			})
		}
		over, ask := rt.Health.look()
		for _, p := range over {
			work.Go(func() { rt.resume(ctx, p) })
		}
		for _, p := range ask {
			work.Go(func() { rt.probe(ctx, p) })
		}
	}
}

// recall begins an outage for each part that messages of an earlier run wait for: it ends, and they go on, once the part was tried.
func (rt *Runtime) recall(ctx context.Context) {
	groups, err := rt.store.Awaiting(ctx)
	if err != nil {
		rt.log.Warn("what waits can't be read", "error", err)
	}
	waiting := map[string]int{}
	for _, g := range groups {
		waiting[g.For] += g.Count
	}
	rt.Health.recall(waiting)
}

// probe asks a part whether it is back. If it is, one of the messages that wait for it tries.
func (rt *Runtime) probe(ctx context.Context, p *Part) {
	limit, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	there, trial := rt.Health.probed(p, p.probe(limit))
	if !there || ctx.Err() != nil {
		return
	}
	for _, f := range rt.sources {
		if f.use.part == p {
			f.kick.Give()
		}
	}
	if trial && rt.hasten(ctx, p, 1) > 0 {
		return
	}
	if !rt.awaited(ctx, p) {
		rt.Health.trust(p)
	}
}

// awaited tells that messages wait for the part. One that is being tried may be left out: of those the part's uses know (asked).
func (rt *Runtime) awaited(ctx context.Context, p *Part) bool {
	groups, err := rt.store.Awaiting(ctx)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(groups, func(g store.Awaiting) bool { return g.For == p.name })
}

// resume lets all that waits for a part go on.
func (rt *Runtime) resume(ctx context.Context, p *Part) {
	for p.kind == PartAdapter && rt.hasten(ctx, p, hastenMost) == hastenMost {
	}
}

func (rt *Runtime) hasten(ctx context.Context, p *Part, most int) int {
	n, err := rt.store.Hasten(ctx, p.name, most)
	if err != nil && ctx.Err() == nil {
		rt.log.Warn("what waits can't be tried now", p.kind, p.name, "error", err)
	}
	if n > 0 {
		rt.WakeAll()
	}
	return n
}

// lookAtClock compares the clock with the time that really passed since the look before, and wakes all dispatchers
// when the clock was set: a timer that was begun before it runs for the time that was true then, and what falls due
// by the new time would be late. What was due by the old time only is never early, because a claim asks the clock.
func (rt *Runtime) lookAtClock(last *clockLook) {
	now := clockLook{hub: rt.clock.Now(), real: time.Now()}
	if off := now.hub.Sub(last.hub) - now.real.Sub(last.real); off.Abs() > stepped {
		rt.log.Warn("the clock was set", "by", off.Round(time.Millisecond))
		rt.WakeAll()
	}
	*last = now
}

// clockLook is one moment by the hub's clock, and by the monotonic one.
type clockLook struct{ hub, real time.Time }
