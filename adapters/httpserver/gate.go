package httpserver

import "sync"

// gate counts who is inside and can be closed: after close nobody enters, and
// empty is closed when the last has left.
type gate struct {
	mu     sync.Mutex
	inside int
	open   bool
	empty  chan struct{}
}

func (g *gate) start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open, g.empty = true, make(chan struct{})
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		g.inside++
	}
	return g.open
}

func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && !g.open {
		close(g.empty)
	}
}

// close shuts the gate and waits for those inside.
func (g *gate) close() {
	g.mu.Lock()
	g.open = false
	if g.inside == 0 {
		close(g.empty)
	}
	empty := g.empty
	g.mu.Unlock()
	<-empty
}
