package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process"
	"orderhub/pipelines/yamlfile"
)

// telling is what an item tells an instance of a process. The keys stand beside the process and its instance.
type telling struct {
	Event string         `yaml:"event" doc:"of a signal"`
	Task  string         `yaml:"task" doc:"of an answer: its state, or its ID"`
	With  *yamlfile.Node `yaml:"with" doc:"what it says"`
	By    string         `yaml:"by" doc:"who answers"`

	process, instance string
	with              *value
}

// signal is `signal: {order: W-1, event: card_updated, with: {…}}`.
func (rd *reader) signal(_ *item, n *yamlfile.Node) act {
	at := n.Get("signal")
	t := rd.telling(at)
	if t.process != "" && t.Event == "" {
		at.Errorf("E440", "add event: …", "a signal tells of an event")
	}
	return func(ctx context.Context, r *run) error {
		return r.tell(ctx, t, r.twice, func(id string, with doc.Value) hub.Put {
			return process.Signal(t.process, t.instance, id, t.Event, with, r.clock.Now())
		})
	}
}

// answer is `answer: {order: W-1, task: review, with: {approve: true}, by: anna}`.
func (rd *reader) answer(_ *item, n *yamlfile.Node) act {
	t := rd.telling(n.Get("answer"))
	return func(ctx context.Context, r *run) error {
		task, err := r.taskOf(ctx, t)
		if err != nil {
			return err
		}
		return r.tell(ctx, t, false, func(id string, with doc.Value) hub.Put { // a person answers once
			return process.Answer(t.process, t.instance, id, task, with, t.By, r.clock.Now())
		})
	}
}

// telling reads the process, its instance, and what is said.
func (rd *reader) telling(n *yamlfile.Node) *telling {
	t := &telling{}
	for key, value := range n.Entries() {
		if rd.has("processes", key.Raw()) {
			t.process, t.instance = key.Raw(), value.Str()
		}
	}
	if t.process == "" { // what stands there may be its misspelled name
		n.Errorf("E441", "write {order: W-1, …}, a process and the ID of its instance; "+didYouMean("", rd.all("processes")), "the process is missing")
		return t
	}
	n.Decode(t, "step", t.process)
	t.with = rd.value(t.With)
	rd.test.Subject = t.process
	return t
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
func (rd *reader) ofProcess(name, id string, key, n *yamlfile.Node) look {
	rd.test.Subject = name
	v := rd.value(n)
	states := rd.root.Get("processes").Get(name).Get("states")
	state := n
	if n.Kind() == yamlfile.Map {
		state = n.Get("state")
	} else {
		v = &value{line: v.line, kind: yamlfile.Map, parts: []field{{"state", v}}}
	}
	if state != nil && !state.IsFormula() && states.Get(state.Raw()) == nil {
		state.Errorf("E442", didYouMean(state.Raw(), states.Keys()), "the process %s has no state %q", name, state.Raw())
	}
	return func(ctx context.Context, r *run) *miss {
		got, err := r.instance(ctx, name, id)
		if err != nil {
			return &miss{key.Raw() + "  " + v.pattern(), err.Error(), r.why(&hub.Message{Correlation: id})}
		}
		return r.held(key.Raw(), key.Raw(), v, got, &hub.Message{Correlation: id})
	}
}

// instance is an instance of a process as patterns see it: its state, its data, and where its branches stand.
func (r *run) instance(ctx context.Context, name, id string) (doc.Value, error) {
	v, err := process.Find(ctx, r.store, process.Of(r.plan), name, id)
	if errors.Is(err, hub.ErrNotFound) {
		return doc.Value{}, fmt.Errorf("there is no %s %s", name, id)
	}
	if err != nil {
		return doc.Value{}, err
	}
	return instanceView(v)
}

func instanceView(v *process.View) (doc.Value, error) {
	data, err := doc.Parse(v.Data)
	if err != nil {
		return data, err
	}
	fields := []doc.Field{{Name: "state", Value: doc.StringValue(v.State)}, {Name: "data", Value: data}}
	for _, list := range []struct {
		name string
		of   []string
	}{{"listens", v.Listens}, {"undo", v.Undo}, {"places", placesOf(v)}} {
		values := make([]doc.Value, len(list.of))
		for i, text := range list.of {
			values[i] = doc.StringValue(text)
		}
		fields = append(fields, doc.Field{Name: list.name, Value: doc.ListOf(values)})
	}
	return doc.ObjectOf(fields), nil
}

// placesOf tells where the branches of an instance stand.
func placesOf(v *process.View) (places []string) {
	for _, p := range v.Places {
		if p.Branch != "" {
			places = append(places, p.Branch+"/"+p.State)
		}
	}
	slices.Sort(places)
	return places
}

// taskOf is the ID of the open task that an answer names by its state or its ID.
func (r *run) taskOf(ctx context.Context, t *telling) (string, error) {
	v, err := process.Find(ctx, r.store, process.Of(r.plan), t.process, t.instance)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", t.process, t.instance, err)
	}
	var open []string
	for _, p := range v.Places {
		if p.Task == nil {
			continue
		}
		if p.Task.ID == t.Task || p.State == t.Task {
			return p.Task.ID, nil
		}
		open = append(open, p.State)
	}
	return "", fmt.Errorf("%s %s (state %s) has no open task %q; open: %q", t.process, t.instance, v.State, t.Task, open)
}

// instances adds how the instances of all processes ended.
func (r *run) instances(ctx context.Context, add func(string, ...any)) error {
	for _, p := range r.plan.Pipelines {
		if p.From.Section != "processes" {
			continue
		}
		list, _, err := process.List(ctx, r.store, process.Of(r.plan), p.Name, "", 1<<20, 1<<20, nil)
		if err != nil {
			return err
		}
		for _, v := range list {
			data, err := doc.Parse(v.Data)
			if err != nil {
				return err
			}
			slices.Sort(v.Undo)
			add("%s %s: %s %q, can undo %q", p.Name, v.ID, v.State, placesOf(v), v.Undo)
			for name, value := range data.Fields() {
				add("%s %s has %s: %s", p.Name, v.ID, name, canonical(value))
			}
		}
	}
	return nil
}
