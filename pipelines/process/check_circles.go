package process

import (
	"slices"
	"strings"

	"orderhub/pipelines/yamlfile"
)

// circles tells ways round on which nothing is waited for: no event, no timer and no person. An instance would go round
// as fast as the machine can, and do everything again each time. It tells whether it found one.
func (c *checker) circles() (found bool) {
	told := map[*state]bool{}
	for _, s := range c.d.states {
		if told[s] {
			continue
		}
		round := c.around(s)
		for _, o := range round {
			told[o] = true
		}
		if round == nil {
			continue
		}
		found = true
		names := []string{s.name}
		for _, o := range round {
			names = append(names, o.name)
		}
		s.node.Errorf("E489", "let it wait on this way: for an event (receive:), some time (timers: [{after: 1m, goto: "+round[0].name+"}]) or a person (task:)",
			"it goes round without waiting for anything: %s", strings.Join(names, " → "))
	}
	return found
}

// around is a shortest way from s back to it on which nothing is waited for; nil: there is none.
func (c *checker) around(s *state) []*state {
	came := map[*state]*state{}
	for todo := []*state{s}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		for _, to := range c.atOnce(at) {
			if came[to] != nil {
				continue
			}
			if came[to] = at; to == s {
				round := []*state{s}
				for o := at; o != s; o = came[o] {
					round = append(round, o)
				}
				slices.Reverse(round)
				return round
			}
			todo = append(todo, to)
		}
	}
	return nil
}

// atOnce are the states that may follow s without anybody outside doing anything: into its branches, by its rules, by
// errors of its steps, and by events that the process signals to itself.
func (c *checker) atOnce(s *state) (out []*state) {
	for _, e := range c.way.into(s) {
		out = append(out, e.to)
	}
	if s.task == nil && c.endsAtOnce(s) {
		for _, e := range c.way.after(s) {
			out = append(out, e.to)
		}
	}
	asks := slices.ContainsFunc(s.steps, func(k *step) bool { return k.Asks })
	for _, e := range c.way.failing(s) {
		if asks || !e.wide { // a step that asks nobody fails by its own formulas alone: what is said for the whole process is not meant for it
			out = append(out, e.to)
		}
	}
	for _, r := range s.receive {
		if to := c.d.state(r.to); to != nil && signals(c.d.node.Get("states"), c.d.name, r.event) {
			out = append(out, to)
		}
	}
	return out
}

// endsAtOnce tells that all branches of s may end without waiting.
func (c *checker) endsAtOnce(s *state) bool {
	branches := c.way.into(s)
	return !slices.ContainsFunc(branches, func(b way) bool { return !c.endOfBranch(b.to) })
}

// endOfBranch tells that a way leads from s, the first state of a branch, to the end of the branch without waiting.
func (c *checker) endOfBranch(s *state) bool {
	seen := map[*state]bool{}
	for todo := []*state{s}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		if seen[at] || at.outer != s.outer {
			continue
		}
		if seen[at] = true; at.endsBranch() && at.task == nil && c.endsAtOnce(at) {
			return true
		}
		todo = append(todo, c.atOnce(at)...)
	}
	return false
}

// signals tells that a step below n signals the event to the instance that runs it.
func signals(n *yamlfile.Node, process, event string) bool {
	for m := range mapsBelow(n) {
		if s := m.Get("signal"); s != nil && strings.TrimPrefix(s.Get(process).Raw(), "=") == "id" && s.Get("event").Raw() == event {
			return true
		}
	}
	return false
}
