package hub

import (
	"context"
	"sync"
)

// running is the flight recorder's entry of a message that runs. While the
// message waits for a reply from this hub's own store it is taken out: what
// stops the hub meanwhile is another message, the one that is asked or one of the rest.
type running struct {
	recorder *Recorder
	seq      int64

	mu      sync.Mutex
	slot    int
	waiting int // of the message's parallel parts
}

type runningKey struct{}

// aside takes the message that ctx belongs to out of the record until back is called.
func aside(ctx context.Context) (back func()) {
	r, ok := ctx.Value(runningKey{}).(*running)
	if !ok {
		return func() {}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting++; r.waiting == 1 {
		r.recorder.End(r.slot)
	}
	return r.back
}

func (r *running) back() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting--; r.waiting == 0 {
		r.slot = r.recorder.Begin(r.seq)
	}
}

func (r *running) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == 0 {
		r.recorder.End(r.slot)
	}
}
