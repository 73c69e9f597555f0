package scenario

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/virtual"
)

// world is all that outlives a hub's process in one run of a test: who is
// outside of it, what they did, and what was seen on the way.
type world struct {
	clock *virtual.Clock // nobody outside takes time to answer: only the test moves it
	kill  int            // the point at which the hub is killed; 0: never
	twice bool           // what a broker brings comes twice

	mu       sync.Mutex
	points   []string // the places where a crash can happen, in the order they were met
	mocks    map[string]*mock
	next     map[string]int // how many answers of a mock were given
	failing  map[string][]hub.Class
	given    map[string]*hub.Message // answers by operation and Idempotency-Key
	effects  []effect
	arrivals []arrival
	came     map[string]bool // arrivals, so that one that comes again is known
	history  []note
	bodies   map[string]*hub.Message // what was seen of each message, by ID
	faults   []*miss                 // what fails the test whatever it expects
	broker   broker
	numbers  map[string]int          // of points, by kind
	claimed  map[int64]*hub.Delivery // what the hub has claimed of its store
	kinds    map[string]bool         // of the records that were written
	queues   map[string]string       // queue of the store -> the channel whose messages lie there
	trial    *Trial                  // not nil: nobody outside is asked; the run ends where somebody would be
}

// effect is what a partner did: a call with an Idempotency-Key that it had not seen.
type effect struct{ op, body string }

// arrival is a message that came onto a channel or to a target.
type arrival struct {
	where string // channel or adapter
	arg   string // of an adapter: template, queue
	msg   *hub.Message
}

// note is an event of the history with what it is found by.
type note struct {
	hub.Event
	correlation string
}

func newWorld(t *Test, m mode) *world {
	w := &world{clock: virtual.NewClock(t.start), kill: m.kill, twice: m.twice, mocks: map[string]*mock{}, next: map[string]int{}, numbers: map[string]int{},
		failing: map[string][]hub.Class{}, given: map[string]*hub.Message{}, bodies: map[string]*hub.Message{}, came: map[string]bool{},
		claimed: map[int64]*hub.Delivery{}, kinds: map[string]bool{}, queues: map[string]string{}}
	w.mock(t.mocks)
	return w
}

// mock changes who answers from now on.
func (w *world) mock(mocks map[string]*mock) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, m := range mocks {
		w.mocks[name] = m
		delete(w.next, name)
	}
}

// fail makes the next calls of op fail.
func (w *world) fail(op string, class hub.Class, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range times {
		w.failing[op] = append(w.failing[op], class)
	}
}

// arrive notes a message on a channel or at a target; one that comes again counts once.
func (w *world) arrive(a arrival) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := a.where + "\x00" + a.arg + "\x00" + a.msg.ID
	if a.msg.ID != "" && w.came[key] {
		return
	}
	w.came[key], w.bodies[a.msg.ID] = true, a.msg
	w.arrivals = append(w.arrivals, a)
}

// saw keeps a message, so that what became of it can be told with its values.
func (w *world) saw(m *hub.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies[m.ID] = m
}

// fault fails the test, whatever it expects; the same one is told once.
func (w *world) fault(expected, got string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.ContainsFunc(w.faults, func(m *miss) bool { return m.expected == expected }) {
		w.faults = append(w.faults, &miss{expected: expected, got: got})
	}
}

// number tells the next number of a kind of points: they are named "call billing.charge 2".
func (w *world) number(kind string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.numbers[kind]++
	return w.numbers[kind]
}

// document is a message's body; what is no document is its text.
func document(m *hub.Message) doc.Value {
	if m.Body.Len() == 0 {
		return doc.Value{}
	}
	v, err := m.Body.Doc()
	if err != nil {
		return doc.StringValue(string(m.Body.Bytes()))
	}
	return v
}

// errKilled is what a life that was killed meets wherever it turns.
var errKilled = errors.New("the hub was killed")

// point is a place where a crash can happen. After a kill no point is passed
// any more: what follows it can't come about.
func (l *life) point(format string, args ...any) error {
	w := l.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if !l.dead {
		w.points = append(w.points, fmt.Sprintf(format, args...))
		l.killed = len(w.points) == w.kill
		l.dead = l.killed
	}
	if l.dead {
		return errKilled
	}
	return nil
}

// pass does what has an effect outside of the hub: a crash can happen before it and after it.
func (l *life) pass(what string, do func(w *world) error) error {
	n := l.world.number(what)
	if err := l.point("before %s %d", what, n); err != nil {
		return err
	}
	err := do(l.world)
	if killed := l.point("after %s %d", what, n); killed != nil {
		return killed
	}
	return err
}
