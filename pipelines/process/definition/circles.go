package definition

import (
	"slices"
	"strings"

	"orderhub/pipelines/yamlfile"
)

// circles tells ways round on which nothing is waited for: no event, no timer and no person. An instance would go round
// as fast as the machine can, and do everything again each time. It tells whether it found one.
func (c *checker) circles() (found bool) {
	told := map[*State]bool{}
	for _, s := range c.d.States {
		if told[s] {
			continue
		}
		round := shortest(s, s, c.atOnce)
		if round == nil {
			continue
		}
		for _, o := range round {
			told[o] = true
		}
		found = true
		s.node.Errorf("E489", "let it wait on this way: for an event (receive:), some time (timers: [{after: 1m, goto: "+round[1].Name+"}]) or a person (task:)",
			"it goes round without waiting for anything: %s", names(round))
	}
	return found
}

// atOnce are the states that may follow s without anybody outside doing anything: into its branches, by its rules, by
// errors of its steps, and by events that the process signals to itself.
func (c *checker) atOnce(s *State) (out []*State) {
	for _, e := range c.way.into(s) {
		out = append(out, e.to)
	}
	if s.Task == nil && c.endsAtOnce(s) {
		for _, e := range c.way.after(s) {
			out = append(out, e.to)
		}
	}
	asks := slices.ContainsFunc(s.Steps, func(k *Step) bool { return k.Asks })
	for _, e := range c.way.failing(s) {
		if asks || !e.wide { // a step that asks nobody fails by its own formulas alone: what is said for the whole process is not meant for it
			out = append(out, e.to)
		}
	}
	for _, r := range s.Receive {
		if to := c.d.State(r.To); to != nil && signals(c.d.node.Get("states"), c.d.Name, r.Event) {
			out = append(out, to)
		}
	}
	return out
}

// endsAtOnce tells that all branches of s may end without waiting.
func (c *checker) endsAtOnce(s *State) bool {
	branches := c.way.into(s)
	return !slices.ContainsFunc(branches, func(b way) bool { return !c.endOfBranch(b.to) })
}

// endOfBranch tells that a way leads from s, the first state of a branch, to the end of the branch without waiting.
func (c *checker) endOfBranch(s *State) bool {
	seen := map[*State]bool{}
	for todo := []*State{s}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		if seen[at] || at.Outer != s.Outer {
			continue
		}
		if seen[at] = true; at.EndsBranch() && at.Task == nil && c.endsAtOnce(at) {
			return true
		}
		todo = append(todo, c.atOnce(at)...)
	}
	return false
}

// signals tells that a step below n signals the event to the instance that runs it.
func signals(n *yamlfile.Node, process, event string) bool {
	for m := range n.All() {
		if s := m.Get("signal"); s != nil && strings.TrimPrefix(s.Get(process).Raw(), "=") == "id" && s.Get("event").Raw() == event {
			return true
		}
	}
	return false
}
