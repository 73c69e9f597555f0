package process

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/process/definition"
	"orderhub/transforms/formula"
)

// turn is one change of an instance: what it collects in y's unit is committed
// with the record, or not at all.
type turn struct {
	m   *machine
	d   *definition.Process // that the instance runs on
	in  *Instance
	x   *hub.Exchange // of the message that is handled
	y   *hub.Exchange // of the change
	now time.Time

	me      int64   // sequence number of the message that drives; 0: it drives nothing
	mine    *Token  // the token that it drives
	result  *result // of what it asked last; nil: it is taken, or there was none
	taken   bool    // the result was taken in this turn
	asked   int     // behind what of the unit's history the result's begins, plus 1; 0: no result was taken
	expired error   // the message is a dead letter, though what it changed is kept
	failed  error   // mine failed for good in this turn
	fixed   bool    // what was done may come out otherwise when it is done again: it is committed before anybody is asked
	same    bool    // nothing is changed: only the message is consumed
	counts  map[string]int64
}

// open finds the definition that the instance runs on, and moves it to the newest where that says so.
func (t *turn) open() error {
	if t.in.Def == "" {
		t.d = t.m.current
		return nil
	}
	t.d = t.m.defs[t.in.Def]
	if t.in.Closed.IsZero() && t.m.current.Takes(t.in.Version, t.in.Def) {
		return t.move()
	}
	if t.d == nil {
		return hub.Fail(hub.Bug, "process_version", "%s %s runs on version %d (%s), which is not known: hub diff says what to write in in_flight",
			t.m.Name, t.in.ID, t.in.Version, t.in.Def)
	}
	return nil
}

// close writes the record.
func (t *turn) close() {
	in := t.in
	if t.same {
		return
	}
	in.Changed = t.now
	w := hub.Write{Kind: t.m.kind, Key: in.ID, Value: in.encode(), IfVersion: in.record}
	switch {
	case in.Def == "" && len(in.Early)+len(in.Taken) == 0: // it never was, and nothing waits for it
		if in.record == 0 {
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
func (t *turn) note(tok *Token, line, what, format string, args ...any) {
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

// exchange is what steps of tok run on: its variables, and a message that
// descends from the visit. It shares the turn's unit.
func (t *turn) exchange(tok *Token, suffix string, more ...hub.Var) *hub.Exchange {
	x := t.y.With(t.message(tok, suffix))
	x.Vars = t.vars(tok, more...)
	return x
}

func (t *turn) message(tok *Token, suffix string) *hub.Message {
	id := t.in.visit(t.m.Name, tok)
	if suffix != "" {
		id = hub.DeriveID(id, suffix)
	}
	return &hub.Message{ID: id, Correlation: t.in.ID, Time: t.now, Body: hub.DocumentBody(t.in.Vars.Get(t.d.DataName))}
}

func (t *turn) vars(tok *Token, more ...hub.Var) hub.Vars {
	v := append(hub.Vars{{Name: "id", Value: doc.StringValue(t.in.ID)}}, t.in.vars(tok)...)
	if s := t.d.State(tok.State); s != nil && s.Task != nil {
		v = append(v, hub.Var{Name: definition.TaskID, Value: doc.StringValue(t.in.visit(t.m.Name, tok))})
	}
	return append(v, more...)
}

// frame is for formulas of tok.
func (t *turn) frame(tok *Token, more ...hub.Var) *formula.Frame {
	return formula.NewFrame(t.exchange(tok, "", more...))
}

// enter puts tok into a state: its timers are armed, the change is told.
func (t *turn) enter(tok *Token, s *definition.State) error {
	from := tok.State
	tok.State, tok.Visit, tok.Since = s.Name, tok.Visit+1, t.now
	tok.Step, tok.Phase, tok.ready, tok.moved = 0, Running, true, true
	tok.clear()
	tok.enters(t.now)
	t.count(s.Name, 1)
	if _, before := t.in.saw(s.Name); !before {
		t.milestone(s)
		t.in.Seen = append(t.in.Seen, Seen{s.Name, t.now})
	}
	t.note(tok, s.Line, "entered", "%s", s.Name)
	if e := t.d.Publish; e != nil {
		x := t.exchange(tok, "", hub.Var{Name: "state", Value: doc.StringValue(s.Name)}, hub.Var{Name: "from", Value: doc.StringValue(from)},
			hub.Var{Name: "at", Value: doc.StringValue(t.now.Format(time.RFC3339Nano))})
		if err := e.Run.Process(context.Background(), x, hub.End); err != nil {
			return hub.At(err, e.Where, e.Line)
		}
	}
	if tok.tired() {
		t.goesRound(tok)
		return nil
	}
	return t.arm(tok, s)
}

// clear forgets what belonged to a try of a step.
func (tok *Token) clear() {
	tok.Tries, tok.Due, tok.Error, tok.Doubt = 0, noTime, nil, false
}

// quit takes a token that is halted out of its state: what waited there is called off.
func (t *turn) quit(tok *Token) {
	if tok.State == "" {
		return
	}
	t.count(tok.State, -1)
	t.disarm(tok)
	t.dropTask(tok)
}

// callOff drops the message with the name: what drives a token, a timer, the keeper of an event.
func (t *turn) callOff(name string) {
	t.y.Unit.Puts = append(t.y.Unit.Puts, hub.Put{Queue: t.m.queue, Name: name, Cancel: true})
}

func (t *turn) driver(tok *Token) string { return t.in.ID + "!" + strconv.Itoa(tok.ID) }

// drive puts the message that drives tok, at due. failed is why it waits; nil: it did not fail.
func (t *turn) drive(tok *Token, due time.Time, failed *hub.Error) {
	tok.Run, tok.By = tok.Run+1, 0
	p := put(t.m.Name, t.in.ID, hub.DeriveID(t.in.visit(t.m.Name, tok), "drive."+strconv.Itoa(tok.Run)), t.now, doc.Value{},
		doDrive, strconv.Itoa(tok.ID), strconv.Itoa(tok.Run))
	p.Msg.Key, p.Name, p.Due = "", t.driver(tok), due
	if failed != nil {
		p.Error, p.Await = tok.Error.stored(), failed.Awaits()
	}
	t.y.Unit.Puts = append(t.y.Unit.Puts, p)
}

// dispatch gives every running token that was left ready its driver: the
// message that is handled, if it drives and is free, else one of its own.
func (t *turn) dispatch() {
	for _, tok := range t.in.Tokens {
		if !tok.ready || tok.Phase != Running {
			continue
		}
		tok.ready = false
		if t.me != 0 && t.mine == nil && t.failed == nil {
			t.mine, tok.By = tok, t.me
			continue
		}
		if tok != t.mine {
			t.drive(tok, noTime, nil)
		}
	}
	for _, tok := range t.in.Tokens { // the message drives one token
		if tok != t.mine && tok.By == t.me && t.failed == nil {
			tok.By = 0
		}
	}
}

// remove takes tokens out of the instance.
func (t *turn) remove(gone []*Token) {
	t.in.Tokens = slices.DeleteFunc(t.in.Tokens, func(tok *Token) bool { return slices.Contains(gone, tok) })
	if t.mine != nil && slices.Contains(gone, t.mine) {
		t.mine = nil
	}
}

// spawn adds a token below up.
func (t *turn) spawn(up *Token, branch string) *Token {
	tok := &Token{ID: t.in.tokens, Up: -1, Branch: branch}
	if up != nil {
		tok.Up = up.ID
	}
	t.in.tokens++
	t.in.Tokens = append(t.in.Tokens, tok)
	return tok
}
