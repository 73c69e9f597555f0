package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/mask"
	"orderhub/pipelines/process/definition"
	"orderhub/pipelines/process/instance"
	"orderhub/transforms/formula"
)

// turn is one change of an instance: what it collects in y's unit is committed
// with the record, or not at all.
type turn struct {
	m      *machine
	d      *definition.Process // that the instance runs on
	in     *instance.Instance
	x      *hub.Exchange // of the message that is handled
	y      *hub.Exchange // of the change
	now    time.Time
	counts map[string]int64 // of populations

	follows hub.TraceContext // where in a trace what the turn makes belongs: see trace

	remembered bool // in comes from memory, not from the store

	// Of a message that drives a token:
	seq    int64           // its sequence number; 0: it drives nothing
	driven *instance.Token // the token; nil: it has none
	reply  *reply          // to what it asked last; nil: it is taken, or there was none
	failed *hub.Error      // why the token failed for good in this turn
	impure bool            // what was done may come out otherwise when it is done again: it is committed before anybody is asked
}

// outcome is how a turn ends: what is committed, and what becomes of the message that it came by.
type outcome struct {
	changed  bool     // the record is written, with what the turn collected
	consumed bool     // the message is done
	dead     error    // the message becomes a dead letter, though the change stays
	request  *request // what the driver asks before its next turn
}

var (
	done    = outcome{changed: true, consumed: true}
	nothing = outcome{consumed: true} // the message came too late, or is a repeat: the instance stays as it is
)

// run loads the instance, lets f change it, and puts into the unit what the outcome says.
func (t *turn) run(ctx context.Context, id string, f func(t *turn) (outcome, error)) (out outcome, err error) {
	if t.in, t.remembered, err = t.m.load(ctx, t.y, id); err != nil {
		return outcome{}, err
	}
	moved, err := t.open()
	if err == nil {
		out, err = f(t)
	}
	if err != nil {
		return outcome{}, t.maskAll(err)
	}
	if out.changed = out.changed || moved; out.changed {
		t.write()
	}
	if out.consumed {
		t.y.Unit.Input = t.x.Unit.Input
	}
	return out, nil
}

// open finds the definition that the instance runs on, and moves it to the newest where that says so.
func (t *turn) open() (moved bool, err error) {
	if t.in.Def == "" {
		t.d = t.m.current
		return false, nil
	}
	t.d = t.m.defs[t.in.Def]
	if t.in.Closed.IsZero() && t.m.current.Takes(t.in.Version, t.in.Def) {
		return true, t.move()
	}
	if t.d == nil {
		return false, hub.Fail(hub.Bug, "process_version", "%s %s runs on version %d (%s), which is not known: hub diff says what to write in in_flight",
			t.m.Name, t.in.ID, t.in.Version, t.in.Def)
	}
	return false, nil
}

// write puts the record into the unit.
func (t *turn) write() {
	in := t.in
	in.Changed = t.now
	w := hub.Write{Kind: t.m.kind, Key: in.ID, Value: in.Encode(), IfVersion: in.Record}
	switch {
	case in.Def == "" && len(in.Early)+len(in.Taken) == 0: // it never was, and nothing waits for it
		if in.Record == 0 {
			return
		}
		w.Value = nil
	case in.Def == "":
		w.Expires = t.now.Add(t.d.Early + time.Hour)
	case !in.Closed.IsZero():
		w.Expires = in.Closed.Add(t.d.Keep)
	}
	t.y.Write(w)
	for key, n := range t.counts {
		if n != 0 {
			t.y.Unit.Adds = append(t.y.Unit.Adds, hub.Add{Kind: populationKind, Key: key, Delta: n})
		}
	}
}

// count changes how many tokens there are in a state.
func (t *turn) count(state string, n int64) {
	if t.counts == nil {
		t.counts = map[string]int64{}
	}
	t.counts[populationKey(t.m.Name, t.in.Version, t.in.Def, state)] += n
}

// note adds to the instance's history.
func (t *turn) note(tok *instance.Token, line, what, format string, args ...any) {
	if !t.y.Trace {
		return
	}
	where := t.m.Name
	if tok != nil && tok.State != "" {
		where += "/" + tok.State
	}
	var links []string
	if root := t.x.Msg.Root(); what == "started" || what == "received" || what == "kept" || what == "answered" {
		links = []string{root} // what came from outside belongs to the instance's history
	}
	t.y.Note(hub.Event{Links: links, Time: t.now, Message: t.m.Name + ":" + t.in.ID, Where: where, Line: line, What: what, Detail: fmt.Sprintf(format, args...)})
}

// mask hides in what is said of tok what the instance's data, and the message that is handled, say in confidence.
func (t *turn) mask(tok *instance.Token) *mask.Masker {
	return t.x.Mask().About(t.vars(tok).Values()...)
}

// masked is err as the instance may keep it.
func (t *turn) masked(tok *instance.Token, err error) *hub.Error {
	return hub.AsError(err).Masked(t.mask(tok))
}

// maskAll is err, the end of the turn, as it may leave the process: the engine, which masks it by the message, does not know the instance's data.
func (t *turn) maskAll(err error) error {
	if errors.Is(err, hub.ErrConflict) {
		return err
	}
	return hub.Masked(err, t.x.Mask().About(t.in.Vars.Values()...))
}

// state is where tok stands; nil: nowhere yet.
func (t *turn) state(tok *instance.Token) *definition.State { return t.d.State(tok.State) }

// exchange is what steps of tok run on: its variables, and a message that
// descends from the visit. It shares the turn's unit.
func (t *turn) exchange(tok *instance.Token, suffix string, more ...hub.Var) *hub.Exchange {
	id := t.visit(tok)
	if suffix != "" {
		id = hub.DeriveID(id, suffix)
	}
	x := t.y.With(&hub.Message{ID: id, Correlation: t.in.ID, Time: t.now, Trace: t.trace(), Body: hub.DocumentBody(t.in.Vars.Get(t.d.DataName))})
	x.Vars = t.vars(tok, more...)
	return x
}

func (t *turn) vars(tok *instance.Token, more ...hub.Var) hub.Vars {
	v := append(hub.Vars{{Name: "id", Value: doc.StringValue(t.in.ID)}}, t.in.Variables(tok)...)
	if s := t.state(tok); s != nil && s.Task != nil {
		v = append(v, hub.Var{Name: definition.TaskID, Value: doc.StringValue(t.visit(tok))})
	}
	return append(v, more...)
}

// frame is for formulas of tok.
func (t *turn) frame(tok *instance.Token, more ...hub.Var) *formula.Frame {
	return formula.NewFrame(t.exchange(tok, "", more...))
}

func (t *turn) visit(tok *instance.Token) string { return t.in.VisitID(t.m.Name, tok) }

// set gives a variable to the item branch around tok, or to the instance, whose data belong to no item.
func (t *turn) set(tok *instance.Token, vars ...hub.Var) {
	for _, v := range vars {
		t.in.Set(tok, v.Name != t.d.DataName, v.Name, v.Value)
	}
}

// remove takes tokens out of the instance.
func (t *turn) remove(gone []*instance.Token) {
	t.in.Remove(gone)
	if slices.Contains(gone, t.driven) {
		t.driven = nil
	}
}

// trace is where in a trace what the turn makes belongs. An instance stays in the trace of the message that started it: what
// comes with a trace of its own, such as a webhook, is a link.
func (t *turn) trace() hub.TraceContext {
	if t.follows.Span != (hub.SpanID{}) {
		return t.follows
	}
	t.follows = t.x.Msg.Trace
	if c, ok := hub.ParseTraceContext(t.in.Trace, t.in.TraceState); ok && c.Trace != t.follows.Trace {
		t.follows = c
		t.y.Unit.Span.Links = append(t.y.Unit.Span.Links, c)
	}
	return t.follows
}

// put adds a message for this instance, with a name by which it is replaced and called off, and its due time.
func (t *turn) put(p hub.Put, name string, due time.Time) {
	p.Name, p.Due = name, due
	p.Msg.Trace = t.trace()
	t.y.Unit.Puts = append(t.y.Unit.Puts, p)
}

// callOff drops the message with the name: what drives a token, a timer, the keeper of an event.
func (t *turn) callOff(name string) {
	t.y.Unit.Puts = append(t.y.Unit.Puts, hub.Put{Queue: t.m.queue, Name: name, Cancel: true})
}

func (t *turn) driverName(tok *instance.Token) string { return t.in.ID + "!" + strconv.Itoa(tok.ID) }

// putDriver puts the message that drives tok, at due. failed is why it waits; nil: it did not fail.
func (t *turn) putDriver(tok *instance.Token, due time.Time, failed *hub.Error) {
	tok.Run, tok.By = tok.Run+1, 0
	run := strconv.Itoa(tok.Run)
	p := put(t.m.Name, t.in.ID, hub.DeriveID(t.visit(tok), "drive."+run), t.now, doc.Value{}, doDrive, strconv.Itoa(tok.ID), run)
	p.Msg.Key = ""
	if failed != nil {
		p.Error, p.Await = tok.Error.Failure(), failed.Awaits()
	}
	t.put(p, t.driverName(tok), due)
}

// dispatch gives every running token that was left runnable its driver: the
// message that is handled, if it drives and is free, else one of its own.
func (t *turn) dispatch() {
	if t.driven != nil && (t.failed != nil || t.driven.Phase != instance.Running || !t.driven.Runnable) {
		t.driven = nil
	}
	for _, tok := range t.in.Tokens {
		if !tok.Runnable || tok.Phase != instance.Running {
			continue
		}
		tok.Runnable = false
		if t.seq != 0 && t.driven == nil && t.failed == nil {
			t.driven, tok.By = tok, t.seq
			continue
		}
		if tok != t.driven {
			t.putDriver(tok, noTime, nil)
		}
	}
	for _, tok := range t.in.Tokens { // the message drives one token
		if tok != t.driven && tok.By == t.seq && t.failed == nil {
			tok.By = 0
		}
	}
}

var noTime time.Time
