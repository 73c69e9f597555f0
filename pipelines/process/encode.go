package process

import (
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// The record is JSON, so that reports can be made of it with SQL; times are
// nanoseconds since 1970, and what is empty is left out.

type writer struct{ b doc.Builder }

func (w *writer) text(name, s string) {
	if s != "" {
		w.b.Key(name)
		w.b.Str(s)
	}
}

func (w *writer) number(name string, n int64) {
	if n != 0 {
		w.b.Key(name)
		w.b.Num(doc.Int(n))
	}
}

func (w *writer) time(name string, t time.Time) {
	if !t.IsZero() {
		w.number(name, t.UnixNano())
	}
}

func (w *writer) flag(name string, on bool) {
	if on {
		w.b.Key(name)
		w.b.Bool(true)
	}
}

func (w *writer) vars(name string, vars hub.Vars) {
	if vars == nil {
		return
	}
	w.b.Key(name)
	w.b.BeginObject()
	for _, v := range vars {
		w.b.Key(v.Name)
		w.b.Value(v.Value)
	}
	w.b.EndObject()
}

func (w *writer) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	w.b.Key(name)
	w.b.BeginArray()
	for _, s := range list {
		w.b.Str(s)
	}
	w.b.EndArray()
}

func list[T any](w *writer, name string, all []T, one func(T)) {
	if len(all) == 0 {
		return
	}
	w.b.Key(name)
	w.b.BeginArray()
	for _, e := range all {
		w.b.BeginObject()
		one(e)
		w.b.EndObject()
	}
	w.b.EndArray()
}

// encode is the instance as its record holds it.
func (in *Instance) encode() []byte {
	w := &writer{}
	w.b.BeginObject()
	w.text("def", in.Def)
	w.number("version", int64(in.Version))
	w.number("by", in.By)
	w.time("started", in.Started)
	w.time("changed", in.Changed)
	w.time("closed", in.Closed)
	w.number("tokens", int64(in.tokens))
	list(w, "at", in.Tokens, w.token)
	w.vars("vars", in.Vars)
	list(w, "undo", in.Undo, func(u Undo) {
		w.text("where", u.Where)
		w.text("state", u.State)
		w.text("visit", u.Visit)
		w.flag("doubt", u.Doubt)
		w.vars("vars", u.Vars)
	})
	list(w, "early", in.Early, func(e Event) {
		w.text("id", e.ID)
		w.text("name", e.Name)
		w.time("time", e.Time)
		w.b.Key("data")
		w.b.Value(e.Data)
	})
	w.texts("taken", in.Taken)
	w.texts("handled", in.Handled)
	list(w, "seen", in.Seen, func(s Seen) {
		w.text("state", s.State)
		w.time("time", s.Time)
	})
	if l := in.Leave; l != nil {
		list(w, "leave", []*Leave{l}, func(l *Leave) {
			w.number("token", int64(l.Token))
			w.text("to", l.To)
		})
	}
	w.b.EndObject()
	return w.b.Done().JSON()
}

func (w *writer) token(t *Token) {
	w.number("id", int64(t.ID))
	w.number("up", int64(t.Up+1)) // 0, left out: the root
	w.text("branch", t.Branch)
	w.text("state", t.State)
	w.number("visit", int64(t.Visit))
	w.time("since", t.Since)
	w.time("minute", t.Minute)
	w.number("entered", int64(t.Entered))
	w.number("step", int64(t.Step))
	w.text("phase", string(t.Phase))
	w.number("run", int64(t.Run))
	w.number("by", t.By)
	w.number("tries", int64(t.Tries))
	w.time("due", t.Due)
	w.flag("doubt", t.Doubt)
	if p := t.Error; p != nil {
		list(w, "error", []*Problem{p}, func(p *Problem) {
			w.text("class", p.Class)
			w.text("reason", p.Reason)
			w.text("where", p.Where)
			w.text("line", p.Line)
			w.text("message", p.Message)
			w.time("time", p.Time)
			w.time("first", p.Since)
			w.number("times", int64(p.Times))
		})
	}
	list(w, "timers", t.Timers, func(due time.Time) { w.time("due", due) })
	if k := t.Task; k != nil {
		list(w, "task", []*Task{k}, func(k *Task) {
			w.text("id", k.ID)
			w.text("group", k.Group)
			w.time("due", k.Due)
			w.flag("undoing", k.Undoing)
		})
	}
	w.vars("vars", t.Vars)
}
