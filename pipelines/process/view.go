package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// View is an instance as people see it.
type View struct {
	Process string          `json:"process"`
	ID      string          `json:"id"`
	Version int             `json:"version"`
	Def     string          `json:"def"`
	State   string          `json:"state"` // of the instance; "": only early events are there
	Started time.Time       `json:"started,omitzero"`
	Changed time.Time       `json:"changed,omitzero"`
	Closed  time.Time       `json:"closed,omitzero"`
	Places  []Place         `json:"places"` // where it stands: itself first, then its branches
	Data    json.RawMessage `json:"data"`   // data and results
	Undo    []string        `json:"undo"`   // steps that can be compensated, the newest first
	Early   []EarlyEvent    `json:"early"`  // events that no state took yet
	Seen    []instance.Seen `json:"seen"`   // states in the order they were first entered
	Leaving string          `json:"leaving,omitempty"`
	Listens []string        `json:"listens"` // events that it would take now
}

// Place is where an instance, or a branch of it, stands.
type Place struct {
	Branch string            `json:"branch,omitempty"` // names of the branches around it: fulfilling/goods
	State  string            `json:"state"`
	Phase  instance.Phase    `json:"phase"`
	Since  time.Time         `json:"since"`
	Step   string            `json:"step,omitempty"` // the step that runs, or is to be tried again
	Tries  int               `json:"tries,omitempty"`
	Due    time.Time         `json:"due,omitzero"` // of the next try
	Error  *instance.Problem `json:"error,omitempty"`
	Timers []TimerView       `json:"timers,omitempty"`
	Task   *instance.Task    `json:"task,omitempty"`
}

// What a place does, as views tell it.
const (
	Running = instance.Running
	Waiting = instance.Waiting
	Forked  = instance.Forked
	Done    = instance.Done
	Failed  = instance.Failed
)

// TimerView is a timer that has not fired.
type TimerView struct {
	What string    `json:"what"` // what it does: "card-reminder", "goto cancelling"
	Due  time.Time `json:"due"`
	Line string    `json:"line"`
}

// EarlyEvent is an event that waits for a state that takes it.
type EarlyEvent struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	Time time.Time `json:"time"`
}

// Find is an instance of a process; hub.ErrNotFound when there is none. ps may
// be nil: then only what the record says is told.
func Find(ctx context.Context, st hub.Records, ps *Processes, process, id string) (*View, error) {
	rec, err := st.Get(ctx, kindOf(process), id)
	if err != nil {
		return nil, err
	}
	return view(ps, process, rec)
}

// List pages through the instances of a process by ID, behind after; keep
// chooses (nil: all), of at most scan instances that are looked at. next is where to go on; "": there are no more.
func List(ctx context.Context, st hub.Records, ps *Processes, process, after string, limit, scan int, keep func(*View) bool) (out []*View, next string, err error) {
	if scan <= 0 || limit <= 0 {
		return nil, after, nil
	}
	for rec, err := range records(ctx, st, kindOf(process), after) {
		if err != nil {
			return nil, "", err
		}
		v, err := view(ps, process, rec)
		if err != nil { // one damaged record hides no other
			p := damage(err)
			v = &View{Process: process, ID: rec.Key, State: damaged, Places: []Place{{State: damaged, Error: &p}}}
		}
		if keep == nil || err != nil || keep(v) {
			out = append(out, v)
		}
		if scan--; scan == 0 || len(out) == limit {
			return out, rec.Key, nil
		}
	}
	return out, "", nil
}

// records are those of a kind behind a key, read page by page.
func records(ctx context.Context, st hub.Records, kind, after string) iter.Seq2[hub.Record, error] {
	const size = 500
	return func(yield func(hub.Record, error) bool) {
		for {
			page, err := st.List(ctx, kind, "", after, size)
			if err != nil {
				yield(hub.Record{}, err)
				return
			}
			for _, rec := range page {
				if after = rec.Key; !yield(rec, nil) {
					return
				}
			}
			if len(page) < size {
				return
			}
		}
	}
}

// damaged is the state of what can't be read.
const damaged = "damaged"

// damage is the problem of a record that can't be read.
func damage(err error) instance.Problem {
	return instance.Problem{Class: string(hub.Bug), Reason: "corrupt_record", Message: hub.AsError(err).Error()}
}

func view(ps *Processes, process string, rec hub.Record) (*View, error) {
	in, err := instance.Decode(rec)
	if err != nil {
		return nil, err
	}
	v := &View{Process: process, ID: in.ID, Version: in.Version, Def: in.Def, Started: in.Started, Changed: in.Changed, Closed: in.Closed,
		Places: []Place{}, Data: in.Vars.Document().JSON(), Undo: []string{}, Early: []EarlyEvent{}, Seen: in.Seen, Listens: []string{}}
	for _, u := range slices.Backward(in.Effects) {
		v.Undo = append(v.Undo, u.Where)
	}
	for _, e := range in.Early {
		v.Early = append(v.Early, EarlyEvent{e.ID, e.Name, e.Time})
	}
	if in.Leave != nil {
		v.Leaving = in.Leave.To
	}
	if root := in.Root(); root != nil {
		v.State = root.State
	}
	var d *definition.Process
	if m := ps.find(process); m != nil {
		d = m.defs[in.Def]
	}
	for _, tok := range in.Tokens {
		v.Places = append(v.Places, place(d, in, tok))
	}
	if d != nil && len(in.Tokens) > 0 {
		v.listen(d, in)
	}
	return v, nil
}

// listen names the events that the instance would take now.
func (v *View) listen(d *definition.Process, in *instance.Instance) {
	t := &turn{d: d, in: in}
	for _, tok := range in.Tokens {
		for _, r := range t.listens(tok) {
			v.Listens = merge(v.Listens, r.Event)
		}
	}
	for _, r := range d.Receive {
		if t.active(r) {
			v.Listens = merge(v.Listens, r.Event)
		}
	}
}

func place(d *definition.Process, in *instance.Instance, tok *instance.Token) Place {
	p := Place{State: tok.State, Phase: tok.Phase, Since: tok.Since, Tries: tok.Tries, Due: tok.Due, Error: tok.Error, Task: tok.Task}
	var path []string
	for c := tok; c.Up >= 0; c = in.Token(c.Up) {
		path = append([]string{in.Token(c.Up).State + "/" + c.Branch}, path...)
	}
	p.Branch = strings.Join(path, "/")
	if d == nil {
		return p
	}
	s := d.State(tok.State)
	if s == nil {
		return p
	}
	if tok.Step < len(s.Steps) && (tok.Phase == instance.Running || tok.Phase == instance.Failed) {
		p.Step = s.Steps[tok.Step].Where
	}
	for i, due := range tok.Timers {
		if !due.IsZero() && i < len(s.Timers) {
			p.Timers = append(p.Timers, TimerView{s.Timers[i].Does(), due, s.Timers[i].Line})
		}
	}
	return p
}

// publicly is what `public:` of the process shows of the instance; Missing when it shows nothing.
func (ps *Processes) publicly(x *hub.Exchange, process string, in *instance.Instance) (doc.Value, error) {
	m := ps.find(process)
	if m == nil || m.current.Public == nil || in.Root() == nil {
		return doc.Value{}, nil
	}
	d := m.current
	t := &turn{m: m, d: d, in: in, x: x, y: x, now: x.Now()}
	var seen hub.Vars
	for _, s := range in.Seen {
		seen = append(seen, timeVar(s.State, s.Time))
	}
	root := in.Root()
	return d.Public.Apply(t.frame(root, textVar("state", root.State), timeVar("since", root.Since), hub.Var{Name: "seen", Value: seen.Document()}))
}

// reads is the function of formulas that reads processes: process(name, id) is
// an instance as {id, state, states, since, closed, version, data, public}, null when there is none.
func (ps *Processes) reads() formula.Func {
	return formula.Func{
		Params: []*shape.Type{shape.StringType, shape.AnyType},
		Result: shape.AnyType,
		Call: func(fr *formula.Frame, args []doc.Value) (doc.Value, error) {
			if fr.X == nil || fr.X.Env == nil || fr.X.Env.Store == nil {
				return doc.Value{}, errors.New("there is no store here: process() works in a running hub")
			}
			if ps.find(args[0].Str()) == nil {
				return doc.Value{}, fmt.Errorf("there is no process %q", args[0].Str())
			}
			return ps.read(fr.X, args[0].Str(), args[1].Text())
		},
	}
}

func (ps *Processes) read(x *hub.Exchange, process, id string) (doc.Value, error) {
	rec, err := x.Env.Store.Get(context.Background(), kindOf(process), id)
	if errors.Is(err, hub.ErrNotFound) {
		return doc.NullValue(), nil
	}
	if err != nil {
		return doc.Value{}, err
	}
	in, err := instance.Decode(rec)
	if err != nil {
		return doc.Value{}, err
	}
	root := in.Root()
	if root == nil {
		return doc.NullValue(), nil
	}
	public, err := ps.publicly(x, process, in)
	if err != nil {
		return doc.Value{}, err
	}
	var states []doc.Value
	for _, tok := range in.Tokens {
		states = append(states, doc.StringValue(tok.State))
	}
	closed := hub.Var{Name: "closed", Value: doc.NullValue()}
	if !in.Closed.IsZero() {
		closed = timeVar("closed", in.Closed)
	}
	return hub.Vars{textVar("id", in.ID), textVar("state", root.State), {Name: "states", Value: doc.ListOf(states)}, timeVar("since", root.Since), closed,
		{Name: "version", Value: doc.IntValue(int64(in.Version))}, {Name: "data", Value: in.Vars.Document()}, {Name: "public", Value: public}}.Document(), nil
}

func timeVar(name string, t time.Time) hub.Var { return textVar(name, t.Format(time.RFC3339)) }
