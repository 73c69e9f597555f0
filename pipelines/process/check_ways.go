package process

import (
	"maps"
	"slices"
	"strings"
)

// way leads from a state to another.
type way struct {
	to     *state
	holds  string   // what is true on it; "": nothing is known
	fails  []string // what is false on it: the rules that were tried before
	failed string   // error class that it is taken for; "": it isn't one of `errors`
	wide   bool     // of the `errors` of the whole process
}

// ways are all ways of a definition.
type ways struct {
	d       *Definition
	out     map[*state][]way
	reached map[*state]bool // from where instances begin, move to, or are sent by `hub process cancel`
}

func waysOf(d *Definition) *ways {
	w := &ways{d: d, out: map[*state][]way{}}
	for _, s := range d.states {
		w.out[s] = slices.Concat(w.into(s), w.after(s), w.asked(s, true), w.failing(s), w.around(s))
	}
	for _, r := range d.receive {
		if to := d.state(r.to); to != nil {
			for s := range w.before(r) {
				w.out[s] = append(w.out[s], way{to: to})
			}
		}
	}
	w.reached = w.reach(w.roots(), nil)
	return w
}

// roots are the states where a token may be without a way to them.
func (w *ways) roots() []*state {
	roots := []*state{w.d.initial}
	for _, v := range slices.Sorted(maps.Keys(w.d.inFlight)) {
		for _, name := range w.d.inFlight[v].move {
			if s := w.d.state(name); s != nil {
				roots = append(roots, s)
			}
		}
	}
	if i := slices.IndexFunc(w.d.states, func(s *state) bool { return s.outer == nil && s.undo != nil }); i >= 0 {
		roots = append(roots, w.d.states[i])
	}
	return roots
}

// reach are the states that can be reached from those, themselves included, without one of the state that is closed.
func (w *ways) reach(from []*state, closed *state) map[*state]bool {
	seen := map[*state]bool{}
	for todo := from; len(todo) > 0; todo = todo[1:] {
		s := todo[0]
		if seen[s] || s == closed {
			continue
		}
		seen[s] = true
		for _, e := range w.out[s] {
			todo = append(todo, e.to)
		}
	}
	return seen
}

// before are the states in which an event of the whole process is taken.
func (w *ways) before(r *reaction) map[*state]bool {
	in := w.reach(w.roots(), w.d.state(r.until))
	delete(in, w.d.state(r.to))
	maps.DeleteFunc(in, func(s *state, _ bool) bool { return s.final && s.outer == nil })
	return in
}

// into leads to the branches of s.
func (w *ways) into(s *state) (out []way) {
	for _, f := range s.forks {
		out = append(out, way{to: f.initial})
	}
	if s.each != nil {
		out = append(out, way{to: s.each.initial})
	}
	return out
}

// after are the rules of s: the first that holds wins.
func (w *ways) after(s *state) (out []way) {
	for i, r := range s.next {
		if to := w.d.state(r.to); to != nil {
			out = append(out, way{to: to, holds: r.condition(), fails: whens(s.next[:i])})
		}
	}
	return out
}

func whens(rules []*reaction) (out []string) {
	for _, r := range rules {
		if r.when != nil {
			out = append(out, r.condition())
		}
	}
	return out
}

// condition is the text of `when`; "": it has none.
func (r *reaction) condition() string {
	if r.when == nil {
		return ""
	}
	return r.when.Source()
}

// asked are the events, the timers and the lateness of s. A state that waits for an event in its own name has tried its rules.
func (w *ways) asked(s *state, own bool) (out []way) {
	var fails []string
	if own && len(s.forks) == 0 && s.each == nil && s.task == nil {
		fails = whens(s.next)
	}
	add := func(r *reaction, fails []string) {
		if r == nil {
			return
		}
		if to := w.d.state(r.to); to != nil {
			out = append(out, way{to: to, holds: r.condition(), fails: fails})
		}
	}
	for _, r := range s.receive {
		add(r, fails)
	}
	for _, t := range s.timers {
		add(&t.reaction, nil)
	}
	if s.task != nil {
		add(s.task.late, nil)
	}
	if s.undo != nil {
		add(w.d.desk.late, nil)
	}
	return out
}

// failing are the errors of the steps of s, from the inside out: its own, those of the states around it, those of the process.
func (w *ways) failing(s *state) (out []way) {
	if len(s.node.Get("steps").Items()) == 0 {
		return nil
	}
	var tables []map[string]*reaction
	for o := s; o != nil; o = o.outer {
		tables = append(tables, o.errors)
	}
	decided := map[string]bool{} // by a table further inside
	for i, table := range append(tables, w.d.errors) {
		now := maps.Clone(decided)
		for _, class := range slices.Sorted(maps.Keys(table)) {
			r := table[class]
			to := w.d.state(r.to)
			if to == nil || decided[class] || decided["other"] {
				continue
			}
			out = append(out, way{to: to, holds: r.condition(), failed: class, wide: i == len(tables)})
			now[class] = now[class] || r.when == nil
		}
		decided = now
	}
	return out
}

// around are the ways that s has from the states in whose branches it stands.
func (w *ways) around(s *state) (out []way) {
	for o := s.outer; o != nil; o = o.outer {
		out = append(out, w.asked(o, false)...)
	}
	for ; s.outer != nil && s.endsBranch(); s = s.outer {
		out = append(out, w.after(s.outer)...)
	}
	return out
}

// endsBranch tells that a branch ends where s is done.
func (s *state) endsBranch() bool {
	return s.outer != nil && (s.final || s.next == nil && !s.waits())
}

// path is a shortest way from s to itself or to another state, by names; "": there is none. open says what may be taken.
func (w *ways) path(from, to *state, open func(*state, way) bool) string {
	came := map[*state]*state{}
	for todo := []*state{from}; len(todo) > 0; todo = todo[1:] {
		s := todo[0]
		for _, e := range w.out[s] {
			if came[e.to] != nil || !open(s, e) {
				continue
			}
			if came[e.to] = s; e.to == to {
				names := []string{to.name}
				for at := s; at != from; at = came[at] {
					names = append(names, at.name)
				}
				slices.Reverse(names)
				return from.name + " → " + strings.Join(names, " → ")
			}
			todo = append(todo, e.to)
		}
	}
	return ""
}
