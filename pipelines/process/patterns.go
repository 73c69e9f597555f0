package process

import (
	"cmp"
	"context"
	_ "embed"
	"slices"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

//go:embed start.md
var startDoc string

//go:embed signal.md
var signalDoc string

// Patterns are the verbs `start`, `signal` and `answer`.
func Patterns() []pipelines.Pattern {
	return []pipelines.Pattern{
		{Verb: "start", Name: "Process Manager (start)", Doc: startDoc, Keeps: true, Modifiers: []string{"with"}, Compile: compileStart,
			Process: true, Passes: pipelines.PassesAll.Always},
		{Verb: "signal", Name: "Process Manager (event)", Doc: signalDoc, Keeps: true, Compile: compileSignal,
			Process: true, Passes: pipelines.PassesAll.Always},
		{Verb: "answer", Name: "Process Manager (human task)", Doc: answerDoc, Keeps: true, Compile: compileAnswer,
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

type starter struct {
	site pipelines.Site
	d    *definition.Declaration
	with *pipelines.Value
}

func compileStart(b *pipelines.Build) hub.Step {
	d := known(b, b.Node, b.Node.Str())
	if d == nil {
		return nil
	}
	s := &starter{site: b.Site, d: d}
	want := d.Shape()
	if n := b.Modifier("with"); n != nil {
		if s.with = b.Value(n, b.Flow.Scope, want); s.with == nil {
			return nil
		}
	} else if body := b.Flow.Body(); !body.IsAny() {
		if found := shape.Assignable(body, want); len(found) > 0 {
			b.Node.Errorf("E303", found[0].Help, "what starts %s does not fit its schema: %s", d.Name, found[0].Message)
			return nil
		}
	}
	b.To(d.Name, "start")
	return s
}

// Process puts the message that starts the instance, in x's unit.
func (s *starter) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	began := x.Clock()
	m := x.Msg
	if s.with != nil {
		v, err := s.with.Apply(formula.NewFrame(x))
		if err != nil {
			return err
		}
		m = m.WithBody(hub.DocumentBody(v))
	}
	data, err := m.Body.Doc()
	if err != nil {
		return err
	}
	if s.d.Schema != nil {
		if bad := s.d.Schema.Validate(data); bad != nil {
			return bad
		}
	}
	y := *x
	y.Msg, y.Vars = m, x.Vars.With(s.d.DataName, data)
	id, err := s.d.ID.Text(formula.NewFrame(&y))
	if err != nil {
		return err
	}
	if err := checkID(id); err != nil {
		return err
	}
	name := s.d.Name
	x.Unit.Puts = append(x.Unit.Puts, Start(name, id, hub.DeriveID(x.Msg.ID, "start."+name), data, x.Now()))
	s.site.Note(x, began, "started", name+" "+id)
	return next(ctx, x)
}

func checkID(id string) error { return pipelines.CheckKey("ID", id, maxID) }

type signaller struct {
	site  pipelines.Site
	d     *definition.Declaration
	name  string
	id    *pipelines.Value
	event *pipelines.Value
	with  *pipelines.Value
	once  *pipelines.Value // what the event is known by; nil: the message
}

// compileSignal reads `signal: {order: =params.id, event: card_updated, with: {card: =body.token}, once: =body.seq}`.
func compileSignal(b *pipelines.Build) hub.Step {
	n := b.Node
	if n.Kind() != yamlfile.Map || len(n.Keys()) == 0 {
		n.Errorf("E288", "write signal: {order: =body.order_id, event: cancel}", "signal names a process, its instance and an event")
		return nil
	}
	name := n.Keys()[0]
	d := known(b, n.KeyNode(name), name)
	n.Allow("signal", name, "event", "with", "once")
	if n.Get("event") == nil {
		n.Errorf("E288", "add event: and its name", "this signal has no event")
	}
	if d == nil || n.Get("event") == nil {
		return nil
	}
	if e := n.Get("event"); !e.IsFormula() && !slices.Contains(d.EventNames(), e.Raw()) {
		pipelines.Unknown(e, "E288", "event of "+name, e.Raw(), d.EventNames())
	}
	s := &signaller{site: b.Site, d: d, name: name, id: b.Value(n.Get(name), b.Flow.Scope, nil), event: b.Value(n.Get("event"), b.Flow.Scope, nil)}
	if w := n.Get("with"); w != nil {
		if s.with = b.Value(w, b.Flow.Scope, d.Expects(n.Get("event"))); s.with == nil {
			return nil
		}
	} else if found := shape.Assignable(b.Flow.Body(), d.Expects(n.Get("event"))); len(found) > 0 {
		b.Node.Errorf("E303", cmp.Or(found[0].Help, "add with: {…}"), "the data of the event %s do not fit its schema: %s", n.Get("event").Raw(), found[0].Message)
		return nil
	}
	if w := n.Get("once"); w != nil {
		if s.once = b.Value(w, b.Flow.Scope, nil); s.once == nil {
			return nil
		}
	}
	b.To(name, "signal")
	if s.id == nil || s.event == nil {
		return nil
	}
	return s
}

// Process puts the event's message, in x's unit.
func (s *signaller) Process(ctx context.Context, x *hub.Exchange, next hub.Next) error {
	began := x.Clock()
	fr := formula.NewFrame(x)
	id, err := s.id.Apply(fr)
	if err != nil {
		return err
	}
	event, err := s.event.Apply(fr)
	if err != nil {
		return err
	}
	if id.Text() == "" || event.Text() == "" {
		return hub.Fail(hub.Invalid, "signal", "the signal to %s has no instance or no event", s.name)
	}
	if err := checkID(id.Text()); err != nil {
		return err
	}
	data := doc.Value{}
	if s.with != nil {
		if data, err = s.with.Apply(fr); err != nil {
			return err
		}
	} else if x.Msg.Body.Len() > 0 {
		if data, err = x.Doc(); err != nil {
			return err
		}
	}
	if err := s.d.FitsEvent(event.Text(), data); err != nil {
		return err
	}
	key := hub.DeriveID(x.Msg.ID, "signal."+s.name+"."+event.Text())
	if s.once != nil {
		v, err := s.once.Apply(fr)
		if err != nil {
			return err
		}
		key = s.name + ":" + id.Text() + "/event." + event.Text() + "." + hub.HashID(v.Text())
	}
	x.Unit.Puts = append(x.Unit.Puts, Signal(s.name, id.Text(), key, event.Text(), data, x.Now()))
	s.site.Note(x, began, "signalled", s.name+" "+id.Text()+": "+event.Text())
	return next(ctx, x)
}
