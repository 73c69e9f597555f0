package formula

import (
	"sync"

	"orderhub/hub"
)

// Frames lends frames, so that a step does not make one for every message. The zero Frames is ready; it is safe for concurrent use.
type Frames struct{ pool sync.Pool }

// Get is a frame for x with no locals and the default limits, as of NewFrame. Whoever got it gives it back with Put, or drops it.
func (p *Frames) Get(x *hub.Exchange) *Frame {
	fr, ok := p.pool.Get().(*Frame)
	if !ok {
		return NewFrame(x)
	}
	fr.X = x
	return fr
}

// Put takes back a frame that nothing uses any more. It keeps nothing of the message.
func (p *Frames) Put(fr *Frame) {
	locals, slots := fr.Locals, fr.slots
	clear(locals)
	clear(slots)
	*fr = Frame{Locals: locals[:0], slots: slots}
	p.pool.Put(fr)
}
