package engine

import (
	"slices"
	"sync"
	"sync/atomic"

	"orderhub/hub"
)

// Taps give whoever looks on copies of the messages that pass: as a stage takes one for the first time, and as one lies down in a queue,
// or is sent to where a queue stands before. Nobody's message waits for who looks on, and where nobody does it costs a look at a pointer.
type Taps struct {
	mu   sync.Mutex // of those who change open
	open atomic.Pointer[[]*Tap]
}

// Tap gets the copies at some places. Messages are immutable, so a copy is the message itself.
type Tap struct {
	Copies chan Copy // what comes while it is full is missed

	places []string // names of stages and queues
	missed atomic.Int64
	taps   *Taps
}

// Copy is a message where it was seen.
type Copy struct {
	Place   string
	Message *hub.Message
}

// Open begins a tap that keeps so many copies for who reads them too slowly. Close ends it.
func (t *Taps) Open(buffer int, places ...string) *Tap {
	tap := &Tap{Copies: make(chan Copy, buffer), places: places, taps: t}
	t.change(func(open []*Tap) []*Tap { return append(open, tap) })
	return tap
}

// Close ends the tap. Copies stays open: a message that passes just now may still come.
func (t *Tap) Close() {
	t.taps.change(func(open []*Tap) []*Tap { return slices.DeleteFunc(open, func(o *Tap) bool { return o == t }) })
}

// Missed is how many copies found Copies full.
func (t *Tap) Missed() int64 { return t.missed.Load() }

func (t *Taps) change(f func([]*Tap) []*Tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var now []*Tap
	if open := t.open.Load(); open != nil {
		now = slices.Clone(*open)
	}
	if now = f(now); len(now) == 0 {
		t.open.Store(nil)
		return
	}
	t.open.Store(&now)
}

// saw gives m, seen at the place, to the taps there.
func (t *Taps) saw(place string, m *hub.Message) {
	if open := t.open.Load(); open != nil && m != nil {
		for _, tap := range *open {
			tap.offer(place, m)
		}
	}
}

func (t *Tap) offer(place string, m *hub.Message) {
	if !slices.Contains(t.places, place) {
		return
	}
	select {
	case t.Copies <- Copy{place, m}:
	default:
		t.missed.Add(1)
	}
}
