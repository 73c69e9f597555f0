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
// No order of locks can block: a unit waits for a lock only while it holds
// none. A second one it takes if it is free, and a fork takes none. If that
// ends in a conflict, the next run waits for all of them, in one order, before
// it begins.
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

// RetryConflicts runs a unit of work again as long as another one changed a record that
// it had read; after conflictTries runs it returns the conflict. run gets the stripes
// that the run before asked for, to Lock them; what its unit holds is settled here.
func (e *StageEnv) RetryConflicts(ctx context.Context, run func(again bool, wanted []int) (*Exchange, error)) (x *Exchange, err error) {
	var wanted []int
	for try := 1; ; try++ {
		x, err = run(try > 1, wanted)
		wanted = x.Settle()
		if !errors.Is(err, ErrConflict) || errors.Is(err, ErrLost) || try == conflictTries || ctx.Err() != nil {
			return x, err
		}
		if !e.Serial { // in real time, whatever the clock: it is waited for other goroutines
			Pause(ctx, RealClock{}, time.Duration(try)*time.Millisecond)
		}
	}
}

// Lock takes the stripes that the run before this one asked for (see Settle). x holds none yet.
func (x *Exchange) Lock(wanted []int) {
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

// Settle ends what x's unit holds, its locks and claims, once the unit is committed or
// given up; a second call does nothing. It gives the stripes that the unit asked for:
// a run that takes the place of this one locks them first.
func (x *Exchange) Settle() (wanted []int) {
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
