package process

import (
	"slices"
	"sync"

	"orderhub/hub"
)

// recent keeps the instances that were changed last, as they were committed, so
// that the next step of an order does not read what the one before wrote. The
// store's version check decides whether one is still true.
type recent struct {
	mu         sync.Mutex
	young, old map[string]*Instance
}

// recentKept bounds each of the two generations.
const recentKept = 2048

func (m *machine) recent(env *hub.StageEnv) *recent {
	return env.Memory(m, func() any { return &recent{young: map[string]*Instance{}} }).(*recent)
}

// get gives a copy of the instance to be changed; nil: it is not known.
func (r *recent) get(id string) *Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.young[id]
	if in == nil {
		if in = r.old[id]; in == nil {
			return nil
		}
	}
	return in.clone()
}

// put keeps what was committed; in is not changed any more.
func (r *recent) put(in *Instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.old, in.ID)
	if r.young[in.ID] = in; len(r.young) >= recentKept {
		r.young, r.old = map[string]*Instance{}, r.young
	}
}

func (r *recent) drop(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, id)
	delete(r.old, id)
}

// clone is a copy that can be changed; values are shared, since they never are.
func (in *Instance) clone() *Instance {
	c := *in
	c.Tokens = make([]*Token, len(in.Tokens))
	for i, tok := range in.Tokens {
		k := *tok
		k.ready, k.moved, k.later = false, false, false
		k.Timers = slices.Clone(tok.Timers)
		if tok.Task != nil {
			task := *tok.Task
			k.Task = &task
		}
		c.Tokens[i] = &k
	}
	c.Undo, c.Early, c.Seen = slices.Clone(in.Undo), slices.Clone(in.Early), slices.Clone(in.Seen)
	c.Taken, c.Handled = slices.Clone(in.Taken), slices.Clone(in.Handled)
	if in.Leave != nil {
		l := *in.Leave
		c.Leave = &l
	}
	return &c
}
