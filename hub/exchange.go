package hub

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub/doc"
	"orderhub/hub/figures"
	"orderhub/hub/mask"
)

// Exchange is a message in flight: the message, the variables that steps named
// with `as:`, and the unit that collects what handling it will change. An Exchange
// belongs to one goroutine and moves along with the message: a step that changes
// the message sets x.Msg to the changed copy and calls next. Fork makes an exchange
// for another goroutine.
type Exchange struct {
	Msg   *Message
	Vars  Vars
	Unit  *Unit
	Env   *StageEnv
	Again bool    // the unit runs again, because it met a conflict
	Trace bool    // keep history: steps skip the work of a Note without it
	Past  []Event // of a run that is recorded: the history of its turns

	Bodies *Bodies // what the steps do to bodies; nil: that is not kept

	forked bool
}

// StageEnv is what a stage gives to the steps of every exchange it runs.
type StageEnv struct {
	Store Records
	Clock Clock
	Ask   func(ctx context.Context, queue string, m *Message) (*Message, error) // see Runtime.Ask
	// Mask hides secrets and personal data in what is said of a message; nil: nothing is hidden.
	Mask *mask.Masker
	// Format is the one that a message's headers say its bytes are in; nil: JSON. A nil function: all are.
	Format func(h Headers) *Format

	Save func(ctx context.Context, x *Exchange, root, correlation string) error // see Exchange.Commit

	// Figures are what the hub, and those that share its store, tell of themselves now.
	Figures func(ctx context.Context) (figures.Snapshot, error)

	// Serial: nothing runs side by side, so that the same messages take the same course (Runtime.Manual).
	Serial bool

	memory sync.Map         // owner -> what it remembers: see Memory
	locks  [4096]sync.Mutex // striped by record: held across calls, so few keys may share one
	claims sync.Map         // recordName -> *work: see Claim
}

// Memory is what the step owner keeps in memory between messages. fresh makes it on
// first use. It lives as long as the runtime, not as long as the compiled step.
func (e *StageEnv) Memory(owner any, fresh func() any) any {
	if m, ok := e.memory.Load(owner); ok {
		return m
	}
	m, _ := e.memory.LoadOrStore(owner, fresh())
	return m
}

// Bind sets what Memory gives for owner.
func (e *StageEnv) Bind(owner, handle any) { e.memory.Store(owner, handle) }

// Var is a named value.
type Var struct {
	Name  string
	Value doc.Value
}

// Vars are the variables of an exchange, few and looked up by name; the newest wins.
type Vars []Var

// Get is the variable's value; Missing when there is none.
func (v Vars) Get(name string) doc.Value {
	for i := len(v) - 1; i >= 0; i-- {
		if v[i].Name == name {
			return v[i].Value
		}
	}
	return doc.Value{}
}

// With is v with name set. v itself is not changed.
func (v Vars) With(name string, value doc.Value) Vars {
	out := make(Vars, 0, len(v)+1)
	for _, e := range v {
		if e.Name != name {
			out = append(out, e)
		}
	}
	return append(out, Var{name, value})
}

// Document is the variables as one object, for the store.
func (v Vars) Document() doc.Value {
	if len(v) == 0 {
		return doc.Value{}
	}
	fields := make([]doc.Field, len(v))
	for i, e := range v {
		fields[i] = doc.Field{Name: e.Name, Value: e.Value}
	}
	return doc.ObjectOf(fields)
}

// Values are the values of the variables.
func (v Vars) Values() []doc.Value {
	all := make([]doc.Value, len(v))
	for i, e := range v {
		all[i] = e.Value
	}
	return all
}

// VarsOf is the reverse of Document.
func VarsOf(d doc.Value) Vars {
	var v Vars
	for name, value := range d.Fields() {
		v = append(v, Var{name, value})
	}
	return v
}

// NewExchange is an exchange for m with an empty unit.
func NewExchange(m *Message, env *StageEnv) *Exchange {
	both := &struct { // one allocation: they live as long as each other
		x     Exchange
		u     Unit
		acted atomic.Bool
		sends [1]Send // room: many have one
	}{x: Exchange{Msg: m, Env: env}}
	both.x.Unit, both.u.acted, both.u.Sends = &both.u, &both.acted, both.sends[:0]
	if env != nil && env.Format != nil && !m.Body.IsDocument() {
		if f := env.Format(m.Headers); f != m.Body.Format() && f != nil {
			c := *m
			c.Body = m.Body.In(f)
			both.x.Msg = &c
		}
	}
	return &both.x
}

// Doc is the decoded body.
func (x *Exchange) Doc() (doc.Value, error) { return x.Msg.Body.Doc() }

// Now is the hub's time.
func (x *Exchange) Now() time.Time {
	if x.Env == nil || x.Env.Clock == nil {
		return time.Now()
	}
	return x.Env.Clock.Now()
}

// Fresh tells whether the unit runs for the first time and has written nothing yet.
// Then a create-only write can replace a read: a conflict runs the unit again.
func (x *Exchange) Fresh() bool { return !x.Again && !x.forked && len(x.Unit.Writes) == 0 }

// Clock is Now for a step's history note; zero when no history is kept.
func (x *Exchange) Clock() time.Time {
	if !x.Trace {
		return time.Time{}
	}
	return x.Now()
}

// With is a copy of x for another message that shares x's unit: what a step
// that calls next many times gives to each call.
func (x *Exchange) With(m *Message) *Exchange {
	c := *x
	c.Msg = m
	return &c
}

// Fork is a copy of x for message m with a unit of its own, so that it may run
// in another goroutine; Join brings it back.
func (x *Exchange) Fork(m *Message) *Exchange {
	c := *x
	span := x.Unit.Span
	span.Links = nil
	c.Msg, c.Unit, c.forked = m, &Unit{Span: span, up: x.Unit.snapshot(), work: x.shared(), acted: x.acted()}, true
	return &c
}

// Join adds the units of forks to x's, in the order given.
func (x *Exchange) Join(forks ...*Exchange) {
	for _, f := range forks {
		x.Unit.add(f.Unit)
		if f.acted().Load() {
			x.Acted()
		}
	}
}

// Turn runs f as a unit of work of its own in the middle of x's run, for a step that must keep results before it goes on. f
// gets an exchange of x's message with an empty unit, which it commits (Exchange.Commit) if there is anything to keep. f is
// run again while it ends in a conflict; what it locked stays locked until it returns. A unit that has x's Input consumes
// the message: then x's unit becomes empty, and nothing is left to commit at the end of the run.
func (x *Exchange) Turn(ctx context.Context, f func(y *Exchange) error) error {
	y, err := x.Env.RetryConflicts(ctx, func() *Exchange {
		y := NewExchange(x.Msg, x.Env)
		y.Trace, y.Again, y.Bodies, y.Unit.Span, y.Unit.Keep = x.Trace, x.Again, x.Bodies, x.Unit.Span, x.Unit.Keep
		return y
	}, func(y *Exchange) error {
		return Protect(ctx, func(_ context.Context, y *Exchange) error { return f(y) }, y)
	})
	if x.Unit.Span.Sampled {
		x.Past = append(x.Past, y.Unit.History...)
		x.Unit.Span.Links = y.Unit.Span.Links
	}
	if err == nil && y.Unit.Input != nil {
		x.Unit = &Unit{Span: x.Unit.Span, Keep: x.Unit.Keep}
	}
	return err
}

// Commit commits the unit of a turn, with its sends in their outboxes. root and correlation are what its history is found by.
func (x *Exchange) Commit(ctx context.Context, root, correlation string) error {
	return x.Env.Save(ctx, x, root, correlation)
}

// Note adds an event to the message's history (EIP Message History).
func (x *Exchange) Note(e Event) {
	if !x.Trace {
		return
	}
	if e.Time.IsZero() {
		e.Time = x.Now()
	}
	if e.Message == "" {
		e.Message = x.Msg.ID
	}
	x.Unit.History = append(x.Unit.History, e)
}
