package hub

import "sync"

// work is one run of a unit of work: what an exchange, its copies and its forks have in common.
type work struct {
	mu      sync.Mutex
	env     *StageEnv
	names   []recordName // claimed
	wanted  []int        // stripes that were asked for
	settled bool
}

// Claim takes the name kind/key for x's unit of work, in this hub, until the
// unit is committed or given up. It returns false if another unit has the name.
// Nothing waits for a claim, so claims can't deadlock.
func (x *Exchange) Claim(kind, key string) bool {
	if x.Env == nil {
		return true
	}
	w := x.shared()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.settled {
		return false
	}
	name := recordName{kind, key}
	owner, taken := x.Env.claims.LoadOrStore(name, w)
	if !taken {
		w.names = append(w.names, name)
	}
	return owner == w
}

// shared is the work that x belongs to.
func (x *Exchange) shared() *work {
	if x.Unit.work == nil {
		x.Unit.work = &work{env: x.Env}
	}
	return x.Unit.work
}

// settle ends the claims. It gives the stripes that were asked for.
func (w *work) settle() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled = true
	for _, name := range w.names {
		w.env.claims.CompareAndDelete(name, w)
	}
	w.names = nil
	return w.wanted
}
