package hub

import (
	"context"
	"time"
)

// lookAtClock is how often the clock is compared with the time that really
// passed; stepped is the difference that counts as a clock that was set.
const (
	lookAtClock = 250 * time.Millisecond
	stepped     = 100 * time.Millisecond
)

// watchClock wakes all dispatchers when the clock was set: a timer that was
// begun before it runs for the time that was true then, and what falls due by
// the new time would be late. What was due by the old time only is never early,
// because a claim asks the clock.
func (rt *Runtime) watchClock(ctx context.Context) {
	tick := time.NewTicker(lookAtClock)
	defer tick.Stop()
	began, was := time.Now(), rt.clock.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, real := rt.clock.Now(), time.Now()
		if off := now.Sub(was) - real.Sub(began); off > stepped || off < -stepped {
			rt.log.Warn("the clock was set", "by", off.Round(time.Millisecond))
			rt.WakeAll()
		}
		began, was = real, now
	}
}
