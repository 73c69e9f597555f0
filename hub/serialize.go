package hub

import (
	"hash/fnv"
	"slices"
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

// lockAll takes the stripes that the run before this one asked for. x holds none yet.
func (x *Exchange) lockAll(wanted []int) {
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

// unlock is called once the unit is settled. It gives the stripes that the unit asked for.
func (u *Unit) unlock() (wanted []int) {
	w := u.work
	if w == nil {
		return nil
	}
	for _, n := range u.held {
		w.env.locks[n].Unlock()
	}
	u.held, u.work = nil, nil
	return w.settle()
}
