package scenario

import (
	"context"
	"strconv"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process"
	"orderhub/pipelines/yamlfile"
)

// telling is what an item tells an instance of a process.
type telling struct {
	process  string
	instance string
	name     string // event, or task
	by       string
	with     *value
}

// tellSettings are what stands beside the process and its instance.
type tellSettings struct {
	Event string         `yaml:"event" doc:"of a signal"`
	Task  string         `yaml:"task" doc:"of an answer: its state, or its ID"`
	With  *yamlfile.Node `yaml:"with" doc:"what it says"`
	By    string         `yaml:"by" doc:"who answers"`
}

// signal is `signal: {order: W-1, event: card_updated, with: {…}}`.
func (rd *reader) signal(_ *item, n *yamlfile.Node) func(ctx context.Context, r *run) error {
	at := n.Get("signal")
	t, s := rd.telling(at)
	if s.Event == "" {
		at.Errorf("E440", "add event: …", "a signal tells of an event")
	}
	t.name = s.Event
	return func(ctx context.Context, r *run) error {
		return r.tell(ctx, t, r.twice, func(id string, with doc.Value) hub.Put {
			return process.Signal(t.process, t.instance, id, t.name, with, r.clock.Now())
		})
	}
}

// answer is `answer: {order: W-1, task: review, with: {approve: true}, by: anna}`.
func (rd *reader) answer(_ *item, n *yamlfile.Node) func(ctx context.Context, r *run) error {
	at := n.Get("answer")
	t, s := rd.telling(at)
	t.name, t.by = s.Task, s.By
	return func(ctx context.Context, r *run) error {
		task, err := r.taskOf(ctx, t)
		if err != nil {
			return err
		}
		return r.tell(ctx, t, false, func(id string, with doc.Value) hub.Put { // a person answers once
			return process.Answer(t.process, t.instance, id, task, with, t.by, r.clock.Now())
		})
	}
}

// telling reads the process, its instance, and what is said.
func (rd *reader) telling(n *yamlfile.Node) (t *telling, s tellSettings) {
	t = &telling{}
	for key, value := range n.Entries() {
		if rd.has("processes", key.Raw()) {
			t.process, t.instance = key.Raw(), value.Str()
		}
	}
	if t.process == "" {
		n.Errorf("E441", "write {order: W-1, …}, a process and the ID of its instance; "+didYouMean("", rd.all("processes")), "the process is missing")
		return t, tellSettings{Event: "-"} // what stands there may be its misspelled name
	}
	n.Decode(&s, "step", t.process)
	if s.With != nil {
		t.with = rd.value(s.With)
	}
	rd.test.Subject = t.process
	return t, s
}

// tell puts the message into the process's queue.
func (r *run) tell(ctx context.Context, t *telling, twice bool, put func(id string, with doc.Value) hub.Put) error {
	r.inputs++
	id := "input-" + strconv.Itoa(r.inputs)
	with, err := t.with.eval(r.frame(&hub.Message{ID: id}))
	if err != nil {
		return err
	}
	p := put(id, with)
	u := &hub.Unit{Puts: []hub.Put{p}, Root: id, Correlation: t.instance}
	if twice {
		u.Puts = append(u.Puts, p)
	}
	return r.put(ctx, u)
}

// ofProcess is the state of an instance, or parts of what is known of it.
func (rd *reader) ofProcess(name, id string, key, n *yamlfile.Node) func(ctx context.Context, r *run) *miss {
	rd.test.Subject = name
	v := rd.value(n)
	if v == nil {
		return nil
	}
	states := rd.root.Get("processes").Get(name).Get("states")
	state := n
	if n.Kind() == yamlfile.Map {
		state = n.Get("state")
	} else {
		v = &value{line: v.line, kind: yamlfile.Map, fields: []field{{"state", v}}}
	}
	if state != nil && !state.IsFormula() && states.Get(state.Raw()) == nil {
		state.Errorf("E442", didYouMean(state.Raw(), states.Keys()), "the process %s has no state %q", name, state.Raw())
	}
	return func(ctx context.Context, r *run) *miss {
		got, err := r.instance(ctx, name, id)
		if err != nil {
			return &miss{key.Raw() + "  " + v.pattern(), err.Error(), r.why(&hub.Message{Correlation: id})}
		}
		if bad := v.differs(key.Raw(), got, r.frame(&hub.Message{Body: hub.DocumentBody(got)})); bad != "" {
			return &miss{key.Raw() + "  " + v.pattern(), strings.TrimSpace(bad), r.why(&hub.Message{Correlation: id})}
		}
		return nil
	}
}
