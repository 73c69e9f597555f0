package definition

import (
	"maps"
	"slices"
	"strings"

	"orderhub/pipelines"
)

// way leads from a state to another.
type way struct {
	to     *State
	holds  string   // what is true on it; "": nothing is known
	fails  []string // what is false on it: the rules that were tried before
	failed string   // error class that it is taken for; "": it isn't one of `errors`
	wide   bool     // of the `errors` of the whole process
}

// ways are all ways of a definition.
type ways struct {
	d       *Process
	out     map[*State][]way
	reached map[*State]bool // from where instances begin, move to, or are sent by `hub process cancel`
}

func waysOf(d *Process) *ways {
	w := &ways{d: d, out: map[*State][]way{}}
	for _, s := range d.States {
		w.out[s] = slices.Concat(w.into(s), w.after(s), w.asked(s, true), w.failing(s), w.around(s))
	}
	for _, r := range d.Receive {
		if to := d.State(r.To); to != nil {
			for s := range w.before(r) {
				w.out[s] = append(w.out[s], way{to: to})
			}
		}
	}
	w.reached = w.reach(w.roots(), nil)
	return w
}

// roots are the states where a token may be without a way to them.
func (w *ways) roots() []*State {
	roots := []*State{w.d.Initial}
	for _, v := range slices.Sorted(maps.Keys(w.d.inFlight)) {
		for _, name := range w.d.inFlight[v] {
			if s := w.d.State(name); s != nil {
				roots = append(roots, s)
			}
		}
	}
	if i := slices.IndexFunc(w.d.States, func(s *State) bool { return s.Outer == nil && s.Compensates != nil }); i >= 0 {
		roots = append(roots, w.d.States[i])
	}
	return roots
}

// reach are the states that can be reached from those, themselves included, without one of the state that is closed.
func (w *ways) reach(from []*State, closed *State) map[*State]bool {
	seen := map[*State]bool{}
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
func (w *ways) before(r *Reaction) map[*State]bool {
	in := w.reach(w.roots(), w.d.State(r.Until))
	delete(in, w.d.State(r.To))
	maps.DeleteFunc(in, func(s *State, _ bool) bool { return s.Final && s.Outer == nil })
	return in
}

// into leads to the branches of s.
func (w *ways) into(s *State) (out []way) {
	for _, f := range s.Branches {
		out = append(out, way{to: f.Initial})
	}
	if s.Each != nil {
		out = append(out, way{to: s.Each.Initial})
	}
	return out
}

// after are the rules of s: the first that holds wins.
func (w *ways) after(s *State) (out []way) {
	for i, r := range s.Next {
		if to := w.d.State(r.To); to != nil {
			out = append(out, way{to: to, holds: r.When.Source(), fails: whens(s.Next[:i])})
		}
	}
	return out
}

func whens(rules []*Reaction) (out []string) {
	for _, r := range rules {
		if r.When != nil {
			out = append(out, r.When.Source())
		}
	}
	return out
}

// asked are the events, the timers and the lateness of s. A state that waits for an event in its own name has tried its rules.
func (w *ways) asked(s *State, own bool) (out []way) {
	var fails []string
	if own && len(s.Branches) == 0 && s.Each == nil && s.Task == nil {
		fails = whens(s.Next)
	}
	add := func(r *Reaction, fails []string) {
		if r == nil {
			return
		}
		if to := w.d.State(r.To); to != nil {
			out = append(out, way{to: to, holds: r.When.Source(), fails: fails})
		}
	}
	for _, r := range s.Receive {
		add(r, fails)
	}
	for _, t := range s.Timers {
		add(&t.Reaction, nil)
	}
	if s.Task != nil {
		add(s.Task.Late, nil)
	}
	if s.Compensates != nil {
		add(w.d.Desk.Late, nil)
	}
	return out
}

// failing are the errors of the steps of s, from the inside out: its own, those of the states around it, those of the process.
func (w *ways) failing(s *State) (out []way) {
	if len(s.node.Get("steps").Items()) == 0 {
		return nil
	}
	var tables []map[string]*Reaction
	for o := s; o != nil; o = o.Outer {
		tables = append(tables, o.Errors)
	}
	decided := map[string]bool{} // by a table further inside
	for i, table := range append(tables, w.d.Errors) {
		now := maps.Clone(decided)
		for _, class := range slices.Sorted(maps.Keys(table)) {
			r := table[class]
			to := w.d.State(r.To)
			if to == nil || decided[class] || decided["other"] {
				continue
			}
			out = append(out, way{to: to, holds: r.When.Source(), failed: class, wide: i == len(tables)})
			now[class] = now[class] || r.When == nil
		}
		decided = now
	}
	return out
}

// around are the ways that s has from the states in whose branches it stands.
func (w *ways) around(s *State) (out []way) {
	for o := s.Outer; o != nil; o = o.Outer {
		out = append(out, w.asked(o, false)...)
	}
	for ; s.Outer != nil && s.EndsBranch(); s = s.Outer {
		out = append(out, w.after(s.Outer)...)
	}
	return out
}

// EndsBranch tells that a branch ends where s is done.
func (s *State) EndsBranch() bool {
	return s.Outer != nil && (s.Final || s.Next == nil && !s.Waits())
}

// path is a shortest way from a state to itself or to another, by names; "": there is none. open says what may be taken.
func (w *ways) path(from, to *State, open func(*State, way) bool) string {
	return names(shortest(from, to, func(s *State) (out []*State) {
		for _, e := range w.out[s] {
			if open(s, e) {
				out = append(out, e.to)
			}
		}
		return out
	}))
}

// names are the names of the states on a path.
func names(path []*State) string {
	return strings.Join(pipelines.Names(path, (*State).name), " → ")
}

// shortest is a shortest path from a state to itself or to another, both ends included; nil: there is none.
func shortest(from, to *State, next func(*State) []*State) []*State {
	came := map[*State]*State{}
	for todo := []*State{from}; len(todo) > 0; todo = todo[1:] {
		for _, s := range next(todo[0]) {
			if came[s] != nil {
				continue
			}
			came[s] = todo[0]
			if s != to {
				todo = append(todo, s)
				continue
			}
			path := []*State{to}
			for at := came[to]; at != from; at = came[at] {
				path = append(path, at)
			}
			path = append(path, from)
			slices.Reverse(path)
			return path
		}
	}
	return nil
}

// unreachable tells states that nothing leads to. What only they lead to is not told again.
func (c *checker) unreachable() {
	told := map[*State]bool{}
	lost := slices.DeleteFunc(slices.Clone(c.d.States), func(s *State) bool { return c.way.reached[s] })
	first := func(s *State) bool {
		return !slices.ContainsFunc(lost, func(o *State) bool {
			return o != s && slices.ContainsFunc(c.way.out[o], func(e way) bool { return e.to == s })
		})
	}
	for _, only := range []bool{true, false} { // then circles that nothing leads into
		for _, s := range lost {
			if told[s] || only && !first(s) {
				continue
			}
			s.node.Errorf("E480", "remove it, or write {goto: "+s.Name+"} where it is to be entered", "no rule, event, timer or error leads to the state %s", s.Name)
			for o := range c.way.reach([]*State{s}, nil) {
				told[o] = true
			}
		}
	}
}

// ends tells states that can't be left, and circles that no final state can be reached from.
func (c *checker) ends() {
	told := map[*State]bool{}
	for _, s := range c.d.States {
		if !c.stays(s) {
			continue
		}
		told[s] = true
		if s.Task != nil {
			s.node.Errorf("E481", "add next: [{when: task.…, goto: …}, {goto: …}]", "the state %s can't be left: nothing says where it goes on when its task is answered", s.Name)
		} else {
			s.node.Errorf("E481", "add next: [{goto: …}], receive: or timers: with a goto, or final: true", "the state %s can't be left", s.Name)
		}
	}
	for _, s := range c.d.States {
		around := c.way.reach([]*State{s}, nil)
		ends := false
		for o := range around {
			ends = ends || told[o] || o.Final && o.Outer == nil
		}
		circle := c.way.path(s, s, func(*State, way) bool { return true })
		if ends || circle == "" {
			continue
		}
		for o := range around {
			told[o] = true
		}
		s.node.Errorf("E482", "lead one of them to a state with final: true", "no final state can be reached from the state %s: it goes round, %s", s.Name, circle)
	}
}

// stays tells that nothing takes an instance out of s when its steps are done.
func (c *checker) stays(s *State) bool {
	if s.Final || len(s.Next) > 0 || s.EndsBranch() {
		return false
	}
	for o := s; o != nil; o = o.Outer {
		if slices.ContainsFunc(o.Receive, func(r *Reaction) bool { return r.To != "" }) ||
			slices.ContainsFunc(o.Timers, func(t *Timer) bool { return t.To != "" }) {
			return false
		}
	}
	for _, r := range c.d.Receive {
		if r.To != "" && c.way.before(r)[s] {
			return false
		}
	}
	return !slices.ContainsFunc(c.d.States, func(o *State) bool { // a branch of it may leave it
		return o.in(s) && slices.ContainsFunc(c.way.out[o], func(e way) bool { return e.to != s && !e.to.in(s) })
	})
}

// otherwise tells rules that may all fail, in a state where nothing changes that.
func (c *checker) otherwise() {
	changes := slices.ContainsFunc(c.d.Receive, func(r *Reaction) bool { return r.To == "" })
	for _, s := range c.d.States {
		if len(s.Next) == 0 || s.Next[len(s.Next)-1].When == nil || len(s.Receive)+len(s.Timers) > 0 || changes && s.Outer == nil {
			continue
		}
		if len(cases{{}}.allFail(whens(s.Next)).known(c.d.typeOf)) == 0 { // one of them holds whatever was answered
			continue
		}
		s.Next[len(s.Next)-1].node.Errorf("E483", "add {goto: …} as the last rule", "when no rule of the state %s holds, it goes nowhere: it waits for no event and no timer", s.Name)
	}
}
