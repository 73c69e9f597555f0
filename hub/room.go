package hub

import (
	"context"
	"errors"
	"time"
)

// roomTime bounds the question whether the store has room.
const roomTime = 2 * time.Second

// lookForRoom asks the store whether it takes messages from outside. While it
// does not, the sources of pipelines that need it pause, and who waits for an
// answer is told at once, before any step has run.
func (rt *Runtime) lookForRoom(ctx context.Context, use *Use) {
	limit, cancel := context.WithTimeout(ctx, roomTime)
	defer cancel()
	err := rt.store.Room(limit)
	switch {
	case ctx.Err() != nil || errors.Is(err, ErrClosed):
	case err == nil:
		use.Works()
		rt.blocked.Store(false)
		if rt.room.Swap(nil) != nil {
			rt.holdSources(false)
			rt.WakeAll()
		}
	default:
		e := AsError(err)
		use.Fails(e)
		rt.room.Store(e)
		rt.holdSources(e.Reason == DiskFull)
	}
}

// unkept says that the store could not keep what it was given.
func (rt *Runtime) unkept(err error) {
	e := AsError(err)
	rt.Health.Part(PartStore, "").Use("", false).Fails(e)
	if e.Reason == DiskFull {
		rt.blocked.Store(true)
		rt.room.Store(e)
	}
}

// Ready tells why the hub can take nothing from outside now; nil: it can.
func (rt *Runtime) Ready() error {
	if e := rt.room.Load(); e != nil {
		return e
	}
	return nil
}

// full is Ready for want of disk alone: a store that is away may be back before who asks gives up.
func (rt *Runtime) full() error {
	if e := rt.room.Load(); e != nil && e.Reason == DiskFull {
		return e
	}
	return nil
}

// holdSources pauses the sources that bring messages which the store must keep, but for those that tell their callers.
func (rt *Runtime) holdSources(on bool) {
	for _, f := range rt.sources {
		if f.stage.Trace && !f.stage.Answers {
			f.hold(on)
		}
	}
}
