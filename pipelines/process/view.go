package process

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
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
	Seen    []Seen          `json:"seen"`   // states in the order they were first entered
	Leaving string          `json:"leaving,omitempty"`
	Listens []string        `json:"listens"` // events that it would take now
}

// Place is where an instance, or a branch of it, stands.
type Place struct {
	Branch string      `json:"branch,omitempty"` // names of the branches around it: fulfilling/goods
	State  string      `json:"state"`
	Phase  Phase       `json:"phase"`
	Since  time.Time   `json:"since"`
	Step   string      `json:"step,omitempty"` // the step that runs, or is to be tried again
	Tries  int         `json:"tries,omitempty"`
	Due    time.Time   `json:"due,omitzero"` // of the next try
	Error  *Problem    `json:"error,omitempty"`
	Timers []TimerView `json:"timers,omitempty"`
	Task   *Task       `json:"task,omitempty"`
}

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

// Reader is what views need of a store.
type Reader interface {
	Get(ctx context.Context, kind, key string) (hub.Record, error)
	List(ctx context.Context, kind, prefix, after string, limit int) ([]hub.Record, error)
	Counters(ctx context.Context, kind, prefix string) (map[string]int64, error)
}

// Find is an instance of a process; hub.ErrNotFound when there is none. ps may
// be nil: then only what the record says is told.
func Find(ctx context.Context, st Reader, ps *Processes, process, id string) (*View, error) {
	rec, err := st.Get(ctx, kindOf(process), id)
	if err != nil {
		return nil, err
	}
	return view(ps, process, rec)
}

// List pages through the instances of a process by ID, behind after; keep
// chooses (nil: all), of at most scan instances that are looked at. next is where to go on; "": there are no more.
func List(ctx context.Context, st Reader, ps *Processes, process, after string, limit, scan int, keep func(*View) bool) (out []*View, next string, err error) {
	for scan > 0 && len(out) < limit {
		page, err := st.List(ctx, kindOf(process), "", after, min(500, scan))
		if err != nil {
			return nil, "", err
		}
		for _, rec := range page {
			v, err := view(ps, process, rec)
			if err != nil { // one damaged record hides no other
				p := damage(err)
				v = &View{Process: process, ID: rec.Key, State: damaged, Places: []Place{{State: damaged, Error: &p}}}
			}
			after, scan = rec.Key, scan-1
			if keep == nil || err != nil || keep(v) {
				if out = append(out, v); len(out) == limit {
					return out, after, nil
				}
			}
		}
		if len(page) < 500 {
			return out, "", nil
		}
	}
	return out, after, nil
}

// damaged is the state of what can't be read.
const damaged = "damaged"

// damage is the problem of a record that can't be read.
func damage(err error) Problem {
	e := hub.AsError(err)
	return Problem{Class: string(hub.Bug), Reason: "corrupt_record", Message: e.Error()}
}

func view(ps *Processes, process string, rec hub.Record) (*View, error) {
	in, err := decode(rec)
	if err != nil {
		return nil, err
	}
	v := &View{Process: process, ID: in.ID, Version: in.Version, Def: in.Def, Started: in.Started, Changed: in.Changed, Closed: in.Closed,
		Places: []Place{}, Data: in.Vars.Document().JSON(), Undo: []string{}, Early: []EarlyEvent{}, Seen: in.Seen, Listens: []string{}}
	for _, u := range slices.Backward(in.Undo) {
		v.Undo = append(v.Undo, u.Where)
	}
	for _, e := range in.Early {
		v.Early = append(v.Early, EarlyEvent{e.ID, e.Name, e.Time})
	}
	if in.Leave != nil {
		v.Leaving = in.Leave.To
	}
	if root := in.root(); root != nil {
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
func (v *View) listen(d *definition.Process, in *Instance) {
	t := &turn{d: d, in: in}
	add := func(name string) {
		if !slices.Contains(v.Listens, name) {
			v.Listens = append(v.Listens, name)
		}
	}
	for _, tok := range in.Tokens {
		if s := d.State(tok.State); s != nil && (tok.Phase == Waiting || tok.Phase == Forked) {
			for _, r := range s.Receive {
				add(r.Event)
			}
		}
	}
	for _, r := range d.Receive {
		if t.active(r) {
			add(r.Event)
		}
	}
}

func place(d *definition.Process, in *Instance, tok *Token) Place {
	p := Place{State: tok.State, Phase: tok.Phase, Since: tok.Since, Tries: tok.Tries, Due: tok.Due, Error: tok.Error, Task: tok.Task}
	var path []string
	for c := tok; c.Up >= 0; c = in.token(c.Up) {
		path = append([]string{in.token(c.Up).State + "/" + c.Branch}, path...)
	}
	p.Branch = strings.Join(path, "/")
	if d == nil {
		return p
	}
	s := d.State(tok.State)
	if s == nil {
		return p
	}
	if tok.Step < len(s.Steps) && (tok.Phase == Running || tok.Phase == Failed) {
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
func (ps *Processes) publicly(x *hub.Exchange, process string, in *Instance) (doc.Value, error) {
	m := ps.find(process)
	if m == nil || m.current.Public == nil || in.root() == nil {
		return doc.Value{}, nil
	}
	d := m.current
	t := &turn{m: m, d: d, in: in, x: x, y: x, now: x.Now()}
	seen := make([]doc.Field, len(in.Seen))
	for i, s := range in.Seen {
		seen[i] = doc.Field{Name: s.State, Value: doc.StringValue(s.Time.Format(time.RFC3339))}
	}
	root := in.root()
	return d.Public.Apply(t.frame(root, hub.Var{Name: "state", Value: doc.StringValue(root.State)},
		hub.Var{Name: "since", Value: doc.StringValue(root.Since.Format(time.RFC3339))}, hub.Var{Name: "seen", Value: doc.ObjectOf(seen)}))
}

// Stuck is a place that failed, and waits for somebody.
type Stuck struct {
	Process  string    `json:"process"`
	Instance string    `json:"instance"`
	State    string    `json:"state"`
	Since    time.Time `json:"since"`
	Problem  Problem   `json:"problem"`
}

// AllStuck are the places of a process that failed; "" is every process.
func AllStuck(ctx context.Context, st Reader, process string, limit int) ([]Stuck, error) {
	prefix := ""
	if process != "" {
		prefix = hub.JoinKey(process, "")
	}
	list, err := st.List(ctx, stuckKind, prefix, "", limit)
	if err != nil {
		return nil, err
	}
	out := make([]Stuck, 0, len(list))
	for _, rec := range list {
		parts := hub.SplitKey(rec.Key)
		var s stuck
		if err := json.Unmarshal(rec.Value, &s); err != nil || len(parts) != 3 {
			out = append(out, Stuck{Process: parts[0], Instance: strings.Join(parts[1:], " "), State: damaged, Problem: damage(fmt.Errorf("%s %q can't be read: %w", stuckKind, rec.Key, err))})
			continue
		}
		out = append(out, Stuck{parts[0], parts[1], s.State, s.Since, s.Problem})
	}
	return out, nil
}

// Populations are how many places stand in each state of each definition; process "" is all.
func Populations(ctx context.Context, st Reader, ps *Processes, process string) ([]Population, error) {
	prefix := ""
	if process != "" {
		prefix = hub.JoinKey(process, "")
	}
	counters, err := st.Counters(ctx, populationKind, prefix)
	if err != nil {
		return nil, err
	}
	var out []Population
	for key, n := range counters {
		p, ok := populationOf(key, n)
		if !ok || n == 0 {
			continue
		}
		if d := ps.Definition(p.Process); d != nil {
			s := d.State(p.State)
			p.Final = s != nil && s.Final && s.Outer == nil
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Population) int {
		return strings.Compare(a.Process+"\x00"+strconv.Itoa(a.Version)+a.Def+a.State, b.Process+"\x00"+strconv.Itoa(b.Version)+b.Def+b.State)
	})
	return out, nil
}

// Leads are the lead times between the milestones of a process.
func Leads(ctx context.Context, st Reader, ps *Processes, process string) ([]Lead, error) {
	counters, err := st.Counters(ctx, leadKind, hub.JoinKey(process, ""))
	if err != nil {
		return nil, err
	}
	var milestones []string
	if d := ps.Definition(process); d != nil {
		milestones = d.Milestones
	}
	return leads(counters, milestones), nil
}
