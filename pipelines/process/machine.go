package process

import (
	"context"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/process/definition"
)

// machine runs one process: all its definitions, over the one queue of its messages.
type machine struct {
	*definition.Declaration
	queue   string
	kind    string // of the instances' records
	current *definition.Process
	defs    map[string]*definition.Process // by hash: those that open instances run on

	locks [4096]sync.Mutex // striped by instance: a change of a record is a read and a write
}

func newMachine(d *definition.Declaration) *machine {
	return &machine{Declaration: d, queue: queueOf(d.Name), kind: kindOf(d.Name), defs: map[string]*definition.Process{}}
}

// queueOf is the queue of a process's messages, kindOf the kind of its records.
func queueOf(process string) string { return "process " + process }
func kindOf(process string) string  { return "process " + process }

var _ hub.Step = (*machine)(nil)

// lanes bounds the messages of a process in flight: most of them wait for far ends.
const lanes = 256

// Process handles one message of the process's queue: see message.go.
func (m *machine) Process(ctx context.Context, x *hub.Exchange, _ hub.Next) error {
	order, err := orderOf(x.Msg)
	if err != nil {
		return err
	}
	switch order.do {
	case doStart, doDrive:
		return m.drive(ctx, x, order)
	case doEvent:
		return m.change(ctx, x, func(t *turn) error { return t.event() })
	case doTimer:
		return m.change(ctx, x, func(t *turn) error { return t.timer(ctx, order) })
	case doExpire:
		return m.change(ctx, x, func(t *turn) error { return t.expire() })
	case doAnswer:
		return m.change(ctx, x, func(t *turn) error { return t.answer() })
	case doRetry:
		return m.change(ctx, x, func(t *turn) error { return t.retryNow() })
	case doCancel:
		return m.change(ctx, x, func(t *turn) error { return t.cancel() })
	case doMove:
		return m.change(ctx, x, func(t *turn) error { return nil }) // a turn moves what it loads
	}
	return hub.Fail(hub.Invalid, "process", "the process %s takes no %q", m.Name, order.do)
}

// never is the reaction to errors that leave Process: the machine has done all
// that its definition says of its steps'. What no step met, the store, is tried again.
func never(e *hub.Error) hub.Reaction {
	if e.Where == "" && e.Class.Transient() {
		return hub.Reaction{}
	}
	return hub.Reaction{Retry: hub.Never}
}

// change is one unit of work that consumes the message: f changes the instance,
// and what it left ready is given to drivers.
func (m *machine) change(ctx context.Context, x *hub.Exchange, f func(t *turn) error) error {
	var expired error
	err := m.turn(ctx, x, func(t *turn) (bool, error) {
		t.y.Unit.Input = x.Unit.Input
		if err := f(t); err != nil {
			return false, err
		}
		if err := t.advance(ctx); err != nil {
			return false, err
		}
		t.dispatch()
		if expired = t.expired; expired != nil {
			t.y.Unit.Input = nil
		}
		return true, nil
	})
	if err == nil && expired == nil {
		x.Unit = &hub.Unit{} // the input is consumed already
	}
	return errors.Join(err, expired)
}

// conflictTries bounds the turns of one change that other hubs disturb.
const conflictTries = 20

// turn loads the instance of x's message, lets f change it, and commits when f
// says so. Nobody else in this hub changes the instance meanwhile.
func (m *machine) turn(ctx context.Context, x *hub.Exchange, f func(t *turn) (save bool, err error)) error {
	id := x.Msg.Key
	if id == "" {
		id = x.Msg.Correlation
	}
	lock := m.lock(id)
	for try := 1; ; try++ {
		err := m.alone(lock, func() error { return m.once(ctx, x, id, try > 1, f) })
		if !errors.Is(err, hub.ErrConflict) || errors.Is(err, hub.ErrLost) || try == conflictTries {
			return err
		}
		time.Sleep(time.Duration(try) * time.Millisecond)
	}
}

func (m *machine) alone(lock *sync.Mutex, f func() error) error {
	lock.Lock()
	defer lock.Unlock() // also when f panics: that is the message's bug alone
	return f()
}

func (m *machine) lock(id string) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(id))
	return &m.locks[h.Sum32()%uint32(len(m.locks))]
}

func (m *machine) once(ctx context.Context, x *hub.Exchange, id string, again bool, f func(t *turn) (bool, error)) error {
	y := hub.NewExchange(x.Msg, x.Env)
	y.Trace = x.Trace
	t := &turn{m: m, x: x, y: y, now: x.Now()}
	var err error
	if t.in, err = m.load(ctx, y, id, again); err == nil {
		if err = t.open(); err == nil {
			var save bool
			if save, err = f(t); err == nil && save {
				t.close()
				err = x.Env.Save(ctx, y, m.Name+":"+id, id)
				m.remember(t, err)
				return err
			}
			err = t.maskAll(err)
		}
	}
	y.Settle()
	return err
}

// remember keeps the instance as it was committed.
func (m *machine) remember(t *turn, err error) {
	if err == nil && t.in.Closed.IsZero() && t.in.Def != "" {
		for i := range t.y.Unit.Writes {
			if w := &t.y.Unit.Writes[i]; w.Kind == m.kind && w.Key == t.in.ID && w.Version != 0 {
				t.in.record = w.Version
				m.recent(t.x.Env).put(t.in)
				return
			}
		}
	}
	m.recent(t.x.Env).drop(t.in.ID)
}

// load gives the instance to be changed; a new one, which is nowhere yet, when
// there is none.
func (m *machine) load(ctx context.Context, x *hub.Exchange, id string, again bool) (*Instance, error) {
	if !again {
		if in := m.recent(x.Env).get(id); in != nil {
			return in, nil
		}
	}
	rec, err := x.Env.Store.Get(ctx, m.kind, id)
	if errors.Is(err, hub.ErrNotFound) {
		none := &Instance{ID: id}
		if x.Msg.Headers.Get(header) == doStart { // its first turn commits nothing
			m.recent(x.Env).put(none.clone())
		}
		return none, nil
	}
	if err != nil {
		return nil, err
	}
	return decode(rec)
}
