package process

import (
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// decode reads the record of instance id.
func decode(r hub.Record) (*Instance, error) {
	v, err := doc.Parse(r.Value)
	if err != nil {
		return nil, hub.Fail(hub.Bug, "corrupt_record", "%s %s: %w", r.Kind, r.Key, err)
	}
	in := &Instance{ID: r.Key, record: r.Version}
	for name, f := range v.Fields() {
		switch name {
		case "def":
			in.Def = f.Str()
		case "version":
			in.Version = whole(f)
		case "by":
			in.By = number(f)
		case "started":
			in.Started = moment(f)
		case "changed":
			in.Changed = moment(f)
		case "closed":
			in.Closed = moment(f)
		case "tokens":
			in.tokens = whole(f)
		case "at":
			each(f, func(e doc.Value) { in.Tokens = append(in.Tokens, decodeToken(e)) })
		case "vars":
			in.Vars = hub.VarsOf(f)
		case "undo":
			each(f, func(e doc.Value) {
				in.Undo = append(in.Undo, Undo{Where: e.Get("where").Str(), State: e.Get("state").Str(), Visit: e.Get("visit").Str(),
					Doubt: e.Get("doubt").Bool(), Vars: hub.VarsOf(e.Get("vars"))})
			})
		case "early":
			each(f, func(e doc.Value) {
				in.Early = append(in.Early, Event{ID: e.Get("id").Str(), Name: e.Get("name").Str(), Time: moment(e.Get("time")), Data: e.Get("data")})
			})
		case "taken":
			each(f, func(e doc.Value) { in.Taken = append(in.Taken, e.Str()) })
		case "handled":
			each(f, func(e doc.Value) { in.Handled = append(in.Handled, e.Str()) })
		case "seen":
			each(f, func(e doc.Value) { in.Seen = append(in.Seen, Seen{e.Get("state").Str(), moment(e.Get("time"))}) })
		case "leave":
			e := f.At(0)
			in.Leave = &Leave{Token: whole(e.Get("token")), To: e.Get("to").Str()}
		default:
			return nil, hub.Fail(hub.Bug, "corrupt_record", "%s %s has the unknown field %q", r.Kind, r.Key, name)
		}
	}
	return in, nil
}

func decodeToken(v doc.Value) *Token {
	t := &Token{Up: -1}
	for name, f := range v.Fields() {
		switch name {
		case "id":
			t.ID = whole(f)
		case "up":
			t.Up = whole(f) - 1
		case "branch":
			t.Branch = f.Str()
		case "state":
			t.State = f.Str()
		case "visit":
			t.Visit = whole(f)
		case "since":
			t.Since = moment(f)
		case "minute":
			t.Minute = moment(f)
		case "entered":
			t.Entered = whole(f)
		case "step":
			t.Step = whole(f)
		case "phase":
			t.Phase = Phase(f.Str())
		case "run":
			t.Run = whole(f)
		case "by":
			t.By = number(f)
		case "tries":
			t.Tries = whole(f)
		case "due":
			t.Due = moment(f)
		case "doubt":
			t.Doubt = f.Bool()
		case "error":
			e := f.At(0)
			t.Error = &Problem{Class: e.Get("class").Str(), Reason: e.Get("reason").Str(), Where: e.Get("where").Str(),
				Line: e.Get("line").Str(), Message: e.Get("message").Str(), Time: moment(e.Get("time")),
				Since: moment(e.Get("first")), Times: whole(e.Get("times"))}
		case "timers":
			each(f, func(e doc.Value) { t.Timers = append(t.Timers, moment(e.Get("due"))) })
		case "task":
			e := f.At(0)
			t.Task = &Task{ID: e.Get("id").Str(), Group: e.Get("group").Str(), Due: moment(e.Get("due")), Undoing: e.Get("undoing").Bool()}
		case "vars":
			t.Vars = append(hub.Vars{}, hub.VarsOf(f)...)
		}
	}
	return t
}

func each(v doc.Value, f func(doc.Value)) {
	for _, e := range v.Elems() {
		f(e)
	}
}

func number(v doc.Value) int64 { n, _ := v.Num().Int64(); return n }
func whole(v doc.Value) int    { return int(number(v)) }

func moment(v doc.Value) time.Time {
	if n := number(v); n != 0 {
		return time.Unix(0, n).UTC()
	}
	return time.Time{}
}
