package process

import (
	"context"
	"errors"

	"orderhub/hub"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
)

// machine runs one process: all its definitions, over the one queue of its messages.
type machine struct {
	*definition.Declaration
	queue   string
	kind    string // of the instances' records
	current *definition.Process
	defs    map[string]*definition.Process // by hash: those that open instances run on
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

// never is the reaction to errors that leave Process: the machine has done all
// that its definition says of its steps'. What no step met, the store, is tried again.
func never(e *hub.Error) hub.Reaction {
	if e.Where == "" && e.Class.Transient() {
		return hub.Reaction{}
	}
	return hub.Reaction{Retry: hub.Never}
}

// Process handles one message of the process's queue: see command.go.
func (m *machine) Process(ctx context.Context, x *hub.Exchange, _ hub.Next) error {
	c, err := commandOf(x.Msg)
	if err != nil {
		return err
	}
	if c.drives() {
		return m.drive(ctx, x, c)
	}
	out, err := m.turn(ctx, x, func(t *turn) (outcome, error) {
		out, err := t.obey(ctx, c)
		if err == nil && out.changed {
			err = t.advance(ctx)
			t.dispatch()
		}
		return out, err
	})
	if err != nil {
		return err
	}
	return out.dead
}

// obey does what a message asks for that drives no token.
func (t *turn) obey(ctx context.Context, c command) (outcome, error) {
	switch c.do {
	case doEvent:
		return t.event()
	case doExpire:
		return t.expire()
	case doTimer:
		return t.timer(ctx, c)
	case doAnswer:
		return done, t.answer()
	case doRetry:
		return done, t.retryNow()
	case doCancel:
		return done, t.cancel()
	case doChange:
		return done, t.change()
	case doMove:
		return done, nil // a turn moves what it loads
	}
	return outcome{}, hub.Fail(hub.Invalid, "process", "the process %s takes no %q", t.m.Name, c.do)
}

// turn loads the instance of x's message, lets f change it, and commits what the outcome says. Nobody else in this hub
// changes the instance meanwhile, and whoever comes next finds it in memory as it was committed. Another hub may change it:
// then all of it happens again. A turn that leaves the instance as it is has no version to check, so that it believes only
// what it read in the store.
func (m *machine) turn(ctx context.Context, x *hub.Exchange, f func(t *turn) (outcome, error)) (out outcome, err error) {
	id := x.Msg.Correlation
	err = x.Turn(ctx, func(y *hub.Exchange) (err error) {
		y.Serialize(m.kind, id)
		t := &turn{m: m, x: x, y: y, now: x.Now()}
		out, err = t.run(ctx, id, f)
		if err == nil && out.consumed && !out.changed && t.remembered {
			m.cache(x.Env).Drop(id)
			y.Unit.Input, y.Unit.History = nil, nil
			t = &turn{m: m, x: x, y: y, now: x.Now()}
			out, err = t.run(ctx, id, f)
		}
		if err != nil || !out.changed && !out.consumed {
			return err
		}
		if err = y.Commit(ctx, m.Name+":"+id, id); err == nil && out.changed {
			m.remember(t)
		}
		return err
	})
	if err != nil {
		m.cache(x.Env).Drop(id)
	}
	return out, err
}

// remember keeps the instance as it was committed.
func (m *machine) remember(t *turn) {
	cache := m.cache(t.x.Env)
	for i := range t.y.Unit.Writes {
		if w := &t.y.Unit.Writes[i]; w.Kind == m.kind && w.Key == t.in.ID && w.Version != 0 && t.in.Open() {
			t.in.Record = w.Version
			cache.Put(t.in)
			return
		}
	}
	cache.Drop(t.in.ID)
}

func (m *machine) cache(env *hub.StageEnv) *instance.Cache {
	return env.Memory(m, func() any { return instance.NewCache() }).(*instance.Cache)
}

// load gives the instance to be changed; a new one, which is nowhere yet, when there is none. remembered: it is as this hub
// committed it last, which may be long ago for a store that others use.
func (m *machine) load(ctx context.Context, y *hub.Exchange, id string) (in *instance.Instance, remembered bool, err error) {
	if !y.Again {
		if in := m.cache(y.Env).Get(id); in != nil {
			return in, true, nil
		}
	}
	rec, err := y.Env.Store.Get(ctx, m.kind, id)
	if errors.Is(err, hub.ErrNotFound) {
		in = &instance.Instance{ID: id}
		if y.Msg.Headers.Get(header) == doStart { // its first turn commits nothing
			m.cache(y.Env).Put(in.Clone())
		}
		return in, false, nil
	}
	if err == nil {
		in, err = instance.Decode(rec)
	}
	return in, false, err
}
