package hub

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"
)

// Serialize makes the units of this hub that are about to read and write the
// record kind/key run one after another, until the unit is settled. It only
// spares conflicts: the version check decides.
//
// Units can't deadlock: a unit waits for a lock only while it holds none. It takes
// a second lock only if that is free, and a fork takes none. If this ends in a
// conflict, the next run first waits for all of these locks, in one order.
func (x *Exchange) Serialize(kind, key string) {
	if x.Env == nil {
		return
	}
	h := fnv.New32a()
	h.Write([]byte(kind))
	h.Write([]byte(key))
	n := int(h.Sum32() % uint32(len(x.Env.locks)))
	x.shared().want(n)
	switch lock := &x.Env.locks[n]; {
	case x.forked || slices.Contains(x.Unit.held, n):
		return
	case len(x.Unit.held) == 0:
		lock.Lock()
	case !lock.TryLock():
		return
	}
	x.Unit.held = append(x.Unit.held, n)
}

func (w *work) want(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.wanted, n) {
		w.wanted = append(w.wanted, n)
	}
}

// conflictTries bounds the immediate re-runs after ErrConflict; past it the message is retried later.
const conflictTries = 20

// RetryConflicts runs a unit of work, on the exchange that fresh makes for each run, and
// runs it again as long as another unit changed a record that it had read. After
// conflictTries runs it returns the conflict. What the unit holds ends with its run.
func (e *StageEnv) RetryConflicts(ctx context.Context, fresh func() *Exchange, run func(x *Exchange) error) (x *Exchange, err error) {
	var wanted []int
	for try := 1; ; try++ {
		x = fresh()
		x.Again = x.Again || try > 1
		x.lock(wanted)
		err = run(x)
		wanted = x.settle()
		if !errors.Is(err, ErrConflict) || errors.Is(err, ErrLost) || try == conflictTries || ctx.Err() != nil {
			return x, err
		}
		if !e.Serial { // in real time, whatever the clock: it is waited for other goroutines
			Pause(ctx, RealClock{}, time.Duration(try)*time.Millisecond)
		}
	}
}

// lock takes the stripes that the run before this one asked for (see settle). x holds none yet.
func (x *Exchange) lock(wanted []int) {
	if len(wanted) == 0 {
		return
	}
	slices.Sort(wanted)
	for _, n := range wanted {
		x.shared().want(n)
		x.Env.locks[n].Lock()
	}
	x.Unit.held = wanted
}

// settle ends what x's unit holds, its locks and claims, once the unit is committed or
// given up. It gives the stripes that the unit asked for: a run that takes the place of
// this one locks them first.
func (x *Exchange) settle() (wanted []int) {
	u, w := x.Unit, x.Unit.work
	if w == nil {
		return nil
	}
	for _, n := range u.held {
		w.env.locks[n].Unlock()
	}
	u.held, u.work = nil, nil
	return w.settle()
}
