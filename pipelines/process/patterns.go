package process

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// Patterns are the verbs `start`, `signal` and `answer`.
func Patterns() []pipelines.Pattern {
	return []pipelines.Pattern{
		{Verb: "start", Keeps: true, Modifiers: []string{"with"}, Compile: compileStart,
			Process: true, Passes: pipelines.PassesAll.Always},
		{Verb: "signal", Keeps: true, Compile: compileSignal,
			Process: true, Passes: pipelines.PassesAll.Always},
		{Verb: "answer", Keeps: true, Compile: compileAnswer,
			Passes: pipelines.PassesAll.Always},
	}
}

// maxID bounds the ID of an instance: it is part of message IDs and record keys.
const maxID = 120

// known finds the process that n names, and reports it when there is none.
func known(b *pipelines.Build, n *yamlfile.Node, name string) *definition.Declaration {
	all, _ := b.Section(definition.Section).(*Processes)
	m := all.find(name)
	if m == nil {
		if name != "" {
			pipelines.Unknown(n, "E289", "process", name, all.Names())
		}
		return nil
	}
	return m.Declaration
}

// values are what the keys of a step give for a message; `with` is what is handed to the process.
type values map[string]*pipelines.Value

// valuesOf compiles those of the keys that n has. with is what `with` must fit; nil: anything.
func valuesOf(b *pipelines.Build, n *yamlfile.Node, with *shape.Type, keys ...string) values {
	vs := values{}
	for _, k := range keys {
		target := with
		if k != "with" {
			target = nil
		}
		vs[k] = b.Value(n.Get(k), b.Flow.Scope, target)
	}
	return vs
}

// text is the value of a key that the step must have, as a text.
func (vs values) text(fr *formula.Frame, key string) (string, error) {
	v, err := vs[key].Apply(fr)
	return v.Text(), err
}

// data is what `with` gives, else the body.
func (vs values) data(fr *formula.Frame) (doc.Value, error) {
	if vs["with"] == nil {
		return fr.X.Doc()
	}
	return vs["with"].Apply(fr)
}

// bodyFits reports a body that does not have the type that a process wants. what says of which name that is; help is given
// where the fault has none of its own.
func bodyFits(b *pipelines.Build, want *shape.Type, help, what, name string) {
	if found := shape.Assignable(b.Flow.Body(), want); len(found) > 0 {
		b.Node.Errorf("E303", cmp.Or(found[0].Help, help), what+": %s", name, found[0].Message)
	}
}

// compileStart reads `start: order`, and the modifier `with`.
func compileStart(b *pipelines.Build) hub.Step {
	d := known(b, b.Node, b.Node.Str())
	if d == nil {
		return nil
	}
	vs := valuesOf(b, b.Step, d.Shape(), "with")
	if b.Modifier("with") == nil {
		bodyFits(b, d.Shape(), "", "what starts %s does not fit its schema", d.Name)
	}
	b.To(d.Name, "start")
	return b.Does("started", func(_ context.Context, x *hub.Exchange) (detail string, err error) { return start(d, vs, x) })
}

// start puts the message that starts the instance, in x's unit.
func start(d *definition.Declaration, vs values, x *hub.Exchange) (detail string, err error) {
	data, err := vs.data(formula.NewFrame(x))
	if err != nil {
		return "", err
	}
	y := x.With(x.Msg.WithBody(hub.DocumentBody(data)))
	y.Vars = x.Vars.With(d.DataName, data)
	if bad := pipelines.Fits(d.Schema, y.Msg); bad != nil {
		return "", bad
	}
	id, err := d.ID.Text(formula.NewFrame(y))
	if err == nil {
		err = checkID(id)
	}
	if err != nil {
		return "", err
	}
	putTo(x, Start(d.Name, id, hub.DeriveID(x.Msg.ID, "start."+d.Name), data, x.Now()))
	return d.Name + " " + id, nil
}

// putTo puts a message to a process in x's unit, as part of x's trace.
func putTo(x *hub.Exchange, p hub.Put) {
	p.Msg.Trace = x.Msg.Trace
	x.Unit.Puts = append(x.Unit.Puts, p)
}

func checkID(id string) error { return pipelines.CheckKey("ID", id, maxID) }

// compileSignal reads `signal: {order: =params.id, event: card_updated, with: {card: =body.token}, once: =body.seq}`.
func compileSignal(b *pipelines.Build) hub.Step {
	n := b.Node
	if n.Kind() != yamlfile.Map || len(n.Keys()) == 0 {
		n.Errorf("E288", "write signal: {order: =body.order_id, event: cancel}", "signal names a process, its instance and an event")
		return nil
	}
	name, event := n.Keys()[0], n.Get("event")
	d := known(b, n.KeyNode(name), name)
	n.Allow("signal", name, "event", "with", "once")
	if event == nil {
		n.Errorf("E288", "add event: and its name", "this signal has no event")
	}
	if d == nil || event == nil {
		return nil
	}
	if !event.IsFormula() && !slices.Contains(d.EventNames(), event.Raw()) {
		pipelines.Unknown(event, "E288", "event of "+name, event.Raw(), d.EventNames())
	}
	vs := valuesOf(b, n, d.Expects(event), name, "event", "with", "once")
	if n.Get("with") == nil {
		bodyFits(b, d.Expects(event), "add with: {…}", "the data of the event %s do not fit its schema", event.Raw())
	}
	b.To(name, "signal")
	return b.Does("signalled", func(_ context.Context, x *hub.Exchange) (detail string, err error) { return signal(d, vs, x) })
}

// signal puts the event's message, in x's unit. `once` is what the event is known by, else the message is.
func signal(d *definition.Declaration, vs values, x *hub.Exchange) (detail string, err error) {
	fr := formula.NewFrame(x)
	id, err := vs.text(fr, d.Name)
	if err != nil {
		return "", err
	}
	event, err := vs.text(fr, "event")
	switch {
	case err != nil:
		return "", err
	case id == "" || event == "":
		return "", hub.Fail(hub.Invalid, "signal", "the signal to %s has no instance or no event", d.Name)
	}
	if err := checkID(id); err != nil {
		return "", err
	}
	data := doc.Value{}
	if vs["with"] != nil || x.Msg.Body.Len() > 0 {
		if data, err = vs.data(fr); err != nil {
			return "", err
		}
	}
	if err := d.FitsEvent(event, data); err != nil {
		return "", err
	}
	key := hub.DeriveID(x.Msg.ID, "signal."+d.Name+"."+event)
	if vs["once"] != nil {
		once, err := vs.text(fr, "once")
		if err != nil {
			return "", err
		}
		key = d.Name + ":" + id + "/event." + event + "." + hub.HashID(once)
	}
	putTo(x, Signal(d.Name, id, key, event, data, x.Now()))
	return d.Name + " " + id + ": " + event, nil
}

// compileAnswer reads `answer: {task: =params.task, with: {approve: true}, by: =body.name}`, whatever process the task belongs to.
func compileAnswer(b *pipelines.Build) hub.Step {
	n := b.Node
	if all, _ := b.Section(definition.Section).(*Processes); all == nil {
		n.Errorf("E289", "declare a process with a task in processes:", "there are no processes, and no tasks")
		return nil
	}
	if n.Kind() != yamlfile.Map || n.Get("task") == nil || n.Get("by") == nil {
		n.Errorf("E310", "write answer: {task: =params.task, with: {approve: true}, by: =body.name}", "an answer names the task, and who answers")
		return nil
	}
	n.Allow("answer", "task", "with", "by")
	vs := valuesOf(b, n, nil, "task", "with", "by")
	return b.Does("answered", func(ctx context.Context, x *hub.Exchange) (detail string, err error) { return answer(ctx, vs, x) })
}

// answer puts the answer's message, in x's unit.
func answer(ctx context.Context, vs values, x *hub.Exchange) (detail string, err error) {
	fr := formula.NewFrame(x)
	task, err := vs.text(fr, "task")
	if err != nil {
		return "", err
	}
	by, err := vs.text(fr, "by")
	if err != nil {
		return "", err
	}
	with, err := vs.data(fr)
	if err != nil {
		return "", err
	}
	k, err := FindTask(ctx, x.Env.Store, task)
	switch {
	case errors.Is(err, hub.ErrNotFound):
		return "", noTask(task)
	case err != nil:
		return "", err
	}
	u, err := k.Answer(hub.DeriveID(x.Msg.ID, "answer."+k.ID), by, with, x.Now())
	if err != nil {
		return "", err
	}
	putTo(x, u.Puts[0])
	for _, w := range u.Writes {
		x.Write(w)
	}
	return k.ID + " by " + by, nil
}
