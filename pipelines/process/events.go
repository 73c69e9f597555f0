package process

import (
	"slices"

	"orderhub/hub"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
	"orderhub/transforms/schema"
)

// takenKept bounds the IDs of events that are remembered, so that a repeat counts once.
const takenKept = 100

// start begins the instance, unless it is there already.
func (t *turn) start() error {
	in := t.in
	if in.Def != "" {
		if in.By != t.seq {
			t.note(in.Root(), "", "repeated", "%s %s has started already", t.m.Name, in.ID)
		}
		return nil
	}
	data, err := t.x.Msg.Body.Doc()
	if err != nil {
		return err
	}
	if t.d.Schema != nil {
		if bad := t.d.Schema.Validate(data); bad != nil {
			return definition.Misfit(bad, hub.Invalid, schema.Reason, t.d.DataName).Tell()
		}
	}
	in.Def, in.Version, in.By, in.Started = t.d.Hash, t.d.Version, t.seq, t.now
	in.Trace, in.TraceState = t.x.Msg.Trace.Traceparent(), t.x.Msg.Trace.State
	in.Vars = hub.Vars{{Name: t.d.DataName, Value: data}}
	t.note(nil, t.d.Line, "started", "%s %s, version %d", t.m.Name, in.ID, t.d.Version)
	root := t.in.Spawn(nil, "")
	if root.By = t.seq; t.seq == 0 {
		return hub.Fail(hub.Bug, "process", "a start must come from the queue")
	}
	return t.enter(root, t.d.Initial)
}

// event gives the event to the state that takes it, or keeps it until one does.
func (t *turn) event() (outcome, error) {
	e := instance.Event{ID: t.x.Msg.ID, Name: text(t.x.Msg, "name"), Data: value(t.x.Msg, "with"), Time: t.x.Msg.Time}
	in := t.in
	known := slices.Contains(in.Taken, e.ID) || slices.ContainsFunc(in.Early, func(o instance.Event) bool { return o.ID == e.ID })
	switch {
	case known:
		return nothing, nil
	case !in.Closed.IsZero():
		return outcome{}, hub.Fail(hub.Rejected, "no_process", "the event %s came when %s %s had ended in %s", e.Name, t.m.Name, in.ID, in.Root().State).Tell()
	}
	if err := t.d.FitsEvent(e.Name, e.Data); err != nil {
		return outcome{}, err
	}
	if took, err := t.give(e); err != nil || took {
		return done, err
	}
	in.Early = append(in.Early, e)
	body := hub.Vars{textVar("id", e.ID), textVar("name", e.Name), {Name: "with", Value: e.Data}}
	t.put(put(t.m.Name, in.ID, hub.DeriveID(e.ID, "kept"), t.now, body.Document(), doExpire),
		t.keeperName(e), t.now.Add(t.d.Early))
	t.note(in.Root(), "", "kept", "event %s: no state takes it yet", e.Name)
	return done, nil
}

// keeperName names the message that keeps an early event until it expires.
func (t *turn) keeperName(e instance.Event) string { return t.in.ID + "!event!" + e.ID }

// expire gives up an event that nobody took in time: it becomes a dead letter.
func (t *turn) expire() (outcome, error) {
	id, name := text(t.x.Msg, "id"), text(t.x.Msg, "name")
	i := slices.IndexFunc(t.in.Early, func(e instance.Event) bool { return e.ID == id })
	if i < 0 {
		return nothing, nil
	}
	t.in.Early = slices.Delete(t.in.Early, i, i+1)
	t.in.Taken = append(t.in.Taken, id)
	t.note(t.in.Root(), "", "dropped", "event %s: no state took it within %s", name, t.d.Early)
	return outcome{changed: true,
		dead: hub.Fail(hub.Rejected, "no_process", "the event %s waited %s, and no state of %s %s took it", name, t.d.Early, t.m.Name, t.in.ID)}, nil
}

// give gives the event to whoever takes it: the whole process, else the first token whose state does.
func (t *turn) give(e instance.Event) (took bool, err error) {
	if t.in.Root() == nil {
		return false, nil
	}
	for _, r := range t.d.Receive {
		if r.Event != e.Name || !t.active(r) {
			continue
		}
		t.in.Root().Entered = 0 // it counts once, and must be able to lead out of a way round
		if took, err = t.receive(t.in.Root(), r, e); took || err != nil {
			if r.To != "" {
				t.in.Handled = append(t.in.Handled, e.Name)
			}
			return took, err
		}
	}
	for _, tok := range t.in.Tokens {
		if took, err = t.giveTo(tok, e); took || err != nil {
			return took, err
		}
	}
	return false, nil
}

// giveTo gives the event to a token, if its state takes it.
func (t *turn) giveTo(tok *instance.Token, e instance.Event) (took bool, err error) {
	for _, r := range t.listens(tok) {
		if r.Event != e.Name {
			continue
		}
		if took, err = t.receive(tok, r, e); took || err != nil {
			return took, err
		}
	}
	return false, nil
}

// listens are the events that the state of tok takes now.
func (t *turn) listens(tok *instance.Token) []*definition.Reaction {
	if s := t.state(tok); s != nil && (tok.Phase == instance.Waiting || tok.Phase == instance.Forked) {
		return s.Receive
	}
	return nil
}

// receive does what r says of the event, if its condition holds.
func (t *turn) receive(tok *instance.Token, r *definition.Reaction, e instance.Event) (bool, error) {
	event := hub.Var{Name: "event", Value: e.Data}
	if r.When != nil {
		if hit, err := r.When.Holds(t.frame(tok, event)); err != nil || !hit {
			return false, err
		}
	}
	t.note(tok, r.Line, "received", "event %s", e.Name)
	if t.in.Taken = append(t.in.Taken, e.ID); len(t.in.Taken) > takenKept {
		t.in.Taken = t.in.Taken[len(t.in.Taken)-takenKept:]
	}
	return t.react(tok, r, "receive."+hub.HashID(e.ID)[:12], event)
}

// active tells that an event of the whole process is taken now: before its
// `until`, not in the state that it leads to, and once when it leads anywhere.
func (t *turn) active(r *definition.Reaction) bool {
	if slices.Contains(t.in.Handled, r.Event) || !t.in.Closed.IsZero() || t.in.Root().State == r.To && r.To != "" {
		return false
	}
	if l := t.in.Leave; l != nil && r.To != "" && (l.To == r.To || l.Token == t.in.Root().ID) { // it is kept until that is done
		return false
	}
	return r.Until == "" || !t.in.Entered(r.Until)
}

// recall gives the events that came too early, as far as they are taken now.
func (t *turn) recall() error {
	for _, e := range slices.Clone(t.in.Early) {
		took, err := t.give(e)
		switch {
		case err != nil && slices.Contains(t.in.Taken, e.ID):
			return err
		case err != nil: // of its condition: it fails as a message of its own, and holds nobody up
			t.put(Signal(t.m.Name, t.in.ID, e.ID, e.Name, e.Data, e.Time), t.keeperName(e), noTime)
		case took:
			t.callOff(t.keeperName(e))
		default:
			continue
		}
		t.in.Early = slices.DeleteFunc(t.in.Early, func(o instance.Event) bool { return o.ID == e.ID })
	}
	return nil
}
