package instance

import (
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// The record is JSON, so that reports can be made of it with SQL; times are nanoseconds since 1970, and what is empty is
// left out. Each part of it is a table of its fields in their order. A field that no table has is refused: another version
// of the hub wrote it, and it would be lost with the next change.

var instanceFields = fields[Instance]{
	text("def", func(in *Instance) *string { return &in.Def }),
	number("version", func(in *Instance) *int { return &in.Version }),
	number("by", func(in *Instance) *int64 { return &in.By }),
	text("trace", func(in *Instance) *string { return &in.Trace }),
	text("tracestate", func(in *Instance) *string { return &in.TraceState }),
	moment("started", func(in *Instance) *time.Time { return &in.Started }),
	moment("changed", func(in *Instance) *time.Time { return &in.Changed }),
	moment("closed", func(in *Instance) *time.Time { return &in.Closed }),
	number("tokens", func(in *Instance) *int { return &in.tokens }),
	list("at", func(in *Instance) *[]*Token { return &in.Tokens }, pointer(tokenFields)),
	vars("vars", func(in *Instance) *hub.Vars { return &in.Vars }),
	list("undo", func(in *Instance) *[]Effect { return &in.Effects }, object(effectFields)),
	list("early", func(in *Instance) *[]Event { return &in.Early }, object(eventFields)),
	list("taken", func(in *Instance) *[]string { return &in.Taken }, texts),
	list("handled", func(in *Instance) *[]string { return &in.Handled }, texts),
	list("seen", func(in *Instance) *[]Seen { return &in.Seen }, object(seenFields)),
	fieldOf("leave", func(in *Instance) **Leave { return &in.Leave }, pointer(leaveFields)),
}

var tokenFields = fields[Token]{
	number("id", func(t *Token) *int { return &t.ID }),
	{"up", // 0: the root
		func(b *doc.Builder, name string, t *Token) { b.Key(name); b.Num(doc.Int(int64(t.Up + 1))) },
		func(v doc.Value, t *Token) (unknown string) { t.Up = int(integer(v)) - 1; return "" }},
	text("branch", func(t *Token) *string { return &t.Branch }),
	text("state", func(t *Token) *string { return &t.State }),
	number("visit", func(t *Token) *int { return &t.Visit }),
	moment("since", func(t *Token) *time.Time { return &t.Since }),
	moment("minute", func(t *Token) *time.Time { return &t.Minute }),
	number("entered", func(t *Token) *int { return &t.Entered }),
	number("step", func(t *Token) *int { return &t.Step }),
	text("phase", func(t *Token) *Phase { return &t.Phase }),
	number("run", func(t *Token) *int { return &t.Run }),
	number("by", func(t *Token) *int64 { return &t.By }),
	number("tries", func(t *Token) *int { return &t.Tries }),
	moment("due", func(t *Token) *time.Time { return &t.Due }),
	flag("doubt", func(t *Token) *bool { return &t.Doubt }),
	fieldOf("error", func(t *Token) **Problem { return &t.Error }, pointer(problemFields)),
	list("timers", func(t *Token) *[]time.Time { return &t.Timers }, times),
	fieldOf("task", func(t *Token) **Task { return &t.Task }, pointer(taskFields)),
	vars("vars", func(t *Token) *hub.Vars { return &t.Vars }),
}

var problemFields = fields[Problem]{
	text("class", func(p *Problem) *string { return &p.Class }),
	text("reason", func(p *Problem) *string { return &p.Reason }),
	text("where", func(p *Problem) *string { return &p.Where }),
	text("line", func(p *Problem) *string { return &p.Line }),
	text("message", func(p *Problem) *string { return &p.Message }),
	moment("time", func(p *Problem) *time.Time { return &p.Time }),
	moment("since", func(p *Problem) *time.Time { return &p.Since }),
	number("times", func(p *Problem) *int { return &p.Times }),
}

var effectFields = fields[Effect]{
	text("where", func(e *Effect) *string { return &e.Where }),
	text("state", func(e *Effect) *string { return &e.State }),
	text("visit", func(e *Effect) *string { return &e.Visit }),
	flag("doubt", func(e *Effect) *bool { return &e.Doubt }),
	vars("vars", func(e *Effect) *hub.Vars { return &e.Vars }),
}

var eventFields = fields[Event]{
	text("id", func(e *Event) *string { return &e.ID }),
	text("name", func(e *Event) *string { return &e.Name }),
	moment("time", func(e *Event) *time.Time { return &e.Time }),
	{"data",
		func(b *doc.Builder, name string, e *Event) { b.Key(name); b.Value(e.Data) },
		func(v doc.Value, e *Event) (unknown string) { e.Data = v; return "" }},
}

var seenFields = fields[Seen]{
	text("state", func(s *Seen) *string { return &s.State }),
	moment("time", func(s *Seen) *time.Time { return &s.Time }),
}

var leaveFields = fields[Leave]{
	number("token", func(l *Leave) *int { return &l.Token }),
	text("to", func(l *Leave) *string { return &l.To }),
}

var taskFields = fields[Task]{
	text("id", func(k *Task) *string { return &k.ID }),
	text("group", func(k *Task) *string { return &k.Group }),
	moment("due", func(k *Task) *time.Time { return &k.Due }),
	flag("undoing", func(k *Task) *bool { return &k.Undoing }),
}

// Encode is the instance as its record holds it.
func (in *Instance) Encode() []byte {
	b := &doc.Builder{}
	instanceFields.write(b, in)
	return b.Done().JSON()
}

// Decode reads a record.
func Decode(r hub.Record) (*Instance, error) {
	v, err := doc.Parse(r.Value)
	if err != nil {
		return nil, hub.Fail(hub.Bug, "corrupt_record", "%s %s: %w", r.Kind, r.Key, err)
	}
	in := &Instance{ID: r.Key, Record: r.Version}
	if unknown := instanceFields.read(v, in); unknown != "" {
		return nil, hub.Fail(hub.Bug, "corrupt_record", "%s %s, version %d, has the unknown field %q", r.Kind, r.Key, integer(v.Get("version")), unknown)
	}
	return in, nil
}
