package process

import "slices"

// unreachable tells states that nothing leads to. What only they lead to is not told again.
func (c *checker) unreachable() {
	told := map[*state]bool{}
	lost := slices.DeleteFunc(slices.Clone(c.d.states), func(s *state) bool { return c.way.reached[s] })
	first := func(s *state) bool {
		return !slices.ContainsFunc(lost, func(o *state) bool {
			return o != s && slices.ContainsFunc(c.way.out[o], func(e way) bool { return e.to == s })
		})
	}
	for _, only := range []bool{true, false} { // then circles that nothing leads into
		for _, s := range lost {
			if told[s] || only && !first(s) {
				continue
			}
			s.node.Errorf("E480", "remove it, or write {goto: "+s.name+"} where it is to be entered", "no rule, event, timer or error leads to the state %s", s.name)
			for o := range c.way.reach([]*state{s}, nil) {
				told[o] = true
			}
		}
	}
}

// ends tells states that can't be left, and circles that no final state can be reached from.
func (c *checker) ends() {
	told := map[*state]bool{}
	for _, s := range c.d.states {
		if !c.stays(s) {
			continue
		}
		told[s] = true
		if s.task != nil {
			s.node.Errorf("E481", "add next: [{when: task.…, goto: …}, {goto: …}]", "the state %s can't be left: nothing says where it goes on when its task is answered", s.name)
		} else {
			s.node.Errorf("E481", "add next: [{goto: …}], receive: or timers: with a goto, or final: true", "the state %s can't be left", s.name)
		}
	}
	for _, s := range c.d.states {
		around := c.way.reach([]*state{s}, nil)
		ends := false
		for o := range around {
			ends = ends || told[o] || o.final && o.outer == nil
		}
		circle := c.way.path(s, s, func(*state, way) bool { return true })
		if ends || circle == "" {
			continue
		}
		for o := range around {
			told[o] = true
		}
		s.node.Errorf("E482", "lead one of them to a state with final: true", "no final state can be reached from the state %s: it goes round, %s", s.name, circle)
	}
}

// stays tells that nothing takes an instance out of s when its steps are done.
func (c *checker) stays(s *state) bool {
	if s.final || len(s.next) > 0 || s.endsBranch() {
		return false
	}
	for o := s; o != nil; o = o.outer {
		if slices.ContainsFunc(o.receive, func(r *reaction) bool { return r.to != "" }) ||
			slices.ContainsFunc(o.timers, func(t *timer) bool { return t.to != "" }) {
			return false
		}
	}
	for _, r := range c.d.receive {
		if r.to != "" && c.way.before(r)[s] {
			return false
		}
	}
	return !slices.ContainsFunc(c.d.states, func(o *state) bool { // a branch of it may leave it
		return o.in(s) && slices.ContainsFunc(c.way.out[o], func(e way) bool { return e.to != s && !e.to.in(s) })
	})
}

// otherwise tells rules that may all fail, in a state where nothing changes that.
func (c *checker) otherwise() {
	changes := slices.ContainsFunc(c.d.receive, func(r *reaction) bool { return r.to == "" })
	for _, s := range c.d.states {
		if len(s.next) == 0 || s.next[len(s.next)-1].when == nil || len(s.receive)+len(s.timers) > 0 || changes && s.outer == nil {
			continue
		}
		if len(cases{{}}.allFail(whens(s.next)).known(c.d.typeOf)) == 0 { // one of them holds whatever was answered
			continue
		}
		s.next[len(s.next)-1].node.Errorf("E483", "add {goto: …} as the last rule", "when no rule of the state %s holds, it goes nowhere: it waits for no event and no timer", s.name)
	}
}
