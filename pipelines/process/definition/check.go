package definition

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// checker is one check of the whole of a definition whose parts have no faults.
type checker struct {
	s   *pipelines.SectionBuild
	d   *Process
	way *ways
}

// Check tells what is wrong with d.
func Check(s *pipelines.SectionBuild, d *Process) {
	c := &checker{s: s, d: d, way: waysOf(d)}
	c.finals()
	c.lists()
	c.branches()
	c.retention()
	if len(c.way.reached) < len(d.States) {
		c.unreachable()
		return // what leads to nothing else would be told twice
	}
	if c.ends(); c.circles() {
		return
	}
	c.otherwise()
	c.effects()
}

// Doubt tells what may be meant so, or not. It is asked when nothing in the file
// is wrong: a step that has a fault may be just what is missed here.
func Doubt(s *pipelines.SectionBuild, d *Process) {
	c := &checker{s: s, d: d}
	c.patience()
	c.unsignalled()
	c.undoes()
	c.elements()
	c.denied()
}

// finals tells what a final state can't do: it ends as soon as its steps, branches and task are done.
func (c *checker) finals() {
	for _, s := range c.d.States {
		if !s.Final {
			continue
		}
		waits := len(s.Branches) > 0 || s.Each != nil || s.Task != nil
		useless := map[string]bool{"next": true, "receive": !waits, "timers": !waits && s.node.Get("steps") == nil}
		for _, k := range s.node.Keys() {
			if useless[k] {
				s.node.KeyNode(k).Errorf("E487", "remove it, or final: true", "the state %s is final: `%s` has no effect", s.Name, k)
			}
		}
	}
}

// lists tells keys that belong to `each`, in states without it.
func (c *checker) lists() {
	for _, s := range c.d.States {
		if s.node.Get("each") != nil {
			continue
		}
		for _, k := range []string{"states", "item", "as"} {
			if n := s.node.KeyNode(k); n != nil {
				n.Errorf("E488", "add each: and a list, or remove it", "`%s` belongs to `each`, and the state %s has none", k, s.Name)
				break
			}
		}
	}
}

// branches tells a goto that leads into a branch from outside: the branch would have no others beside it to wait for.
func (c *checker) branches() {
	for _, s := range c.d.States {
		for _, r := range s.reactions() {
			c.inward(r, s)
		}
	}
	for _, r := range slices.AppendSeq(append(slices.Clone(c.d.Receive), c.d.Desk.Late), maps.Values(c.d.Errors)) {
		c.inward(r, nil)
	}
}

// reactions are all that s may do behind its steps, or when one of them fails.
func (s *State) reactions() []*Reaction {
	all := slices.AppendSeq(slices.Concat(s.Next, s.Receive), maps.Values(s.Errors))
	for _, t := range s.Timers {
		all = append(all, &t.Reaction)
	}
	if s.Task != nil && s.Task.Late != nil {
		all = append(all, s.Task.Late)
	}
	return all
}

// inward tells a goto of r from s; nil: from anywhere.
func (c *checker) inward(r *Reaction, s *State) {
	if r == nil || r.To == "" {
		return
	}
	to := c.d.State(r.To)
	for ; s != nil; s = s.Outer {
		if slices.Contains(s.Level, to) {
			return
		}
	}
	if to.Outer != nil {
		o := to.outermost()
		r.node.Get("goto").Errorf("E486", "goto "+o.Name+", which begins all its branches, or a state outside", "the state %s stands inside a branch of %s: nothing leads into it from outside", to.Name, to.Outer.Name)
	}
}

// outermost is the state of the process's own that s stands in.
func (s *State) outermost() *State {
	for s.Outer != nil {
		s = s.Outer
	}
	return s
}

// elements tells branches of `each` that do the same whatever their element is.
func (c *checker) elements() {
	for _, s := range c.d.States {
		if s.Each != nil && !mentions(s.node.Get("states"), s.Each.Item) && !mentions(s.node.Get("states"), "index") {
			s.node.KeyNode("each").Warnf("W483", "name it in a formula, as ="+s.Each.Item, "nothing in the branches of %s uses the element, %s", s.Name, s.Each.Item)
		}
	}
}

// mentions tells that some formula below n may name the variable.
func mentions(n *yamlfile.Node, name string) bool {
	for at := range n.All() {
		if at.Kind() == yamlfile.Scalar && slices.Contains(formula.ReadsOf(at.Raw()).Names(), name) {
			return true
		}
	}
	return false
}

// retention tells timers that fire when the history of what they belong to is gone.
func (c *checker) retention() {
	keep := c.s.Plan().Retention.History
	for _, s := range c.d.States {
		for _, t := range s.Timers {
			if t.After > keep {
				t.node.Get("after").Errorf("E484", "write hub: {retention: {history: "+days(t.After)+"}}, or more",
					"this timer is longer than the history is kept (%s): nobody could tell why it fired", days(keep))
			}
		}
	}
}

// patience tells a process whose events wait less long than its states may last:
// an event that comes before its state would be dropped while that may still come.
func (c *checker) patience() {
	var longest time.Duration
	var at *yamlfile.Node
	var in *State
	for _, s := range c.d.States {
		for _, t := range s.Timers {
			if t.To != "" && t.After > longest {
				longest, at, in = t.After, t.node.Get("after"), s
			}
		}
	}
	if longest <= c.d.Early || len(c.d.EventNames()) == 0 {
		return
	}
	if early := c.d.node.Get("early"); early != nil {
		at = early
	}
	at.Warnf("W480", "write early: "+days(longest), "an event that comes early waits %s, and the state %s may last %s", days(c.d.Early), in.Name, days(longest))
}

// days is a duration as people write it in the file.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return d.String()
}

// unsignalled tells events that no `signal` of the file names. Somebody may still send them by hand.
func (c *checker) unsignalled() {
	root := c.d.node.Root()
	var signalled []string
	for _, n := range []*yamlfile.Node{root.Get("pipelines"), root.Get(Section)} {
		for m := range n.All() {
			e := m.Get("signal").Get("event")
			if e == nil || m.Get("signal").Get(c.d.Name) == nil {
				continue
			}
			if e.IsFormula() { // it may be any of them
				return
			}
			signalled = append(signalled, e.Raw())
		}
	}
	told := map[string]bool{}
	tell := func(n *yamlfile.Node) {
		for key := range n.Entries() {
			if name := key.Raw(); !slices.Contains(signalled, name) && !told[name] {
				told[name] = true
				key.Warnf("W481", "add a step signal: {"+c.d.Name+": =…, event: "+name+"}, or remove it", "no step signals the event %s: only hub process signal does", name)
			}
		}
	}
	tell(c.d.node.Get("receive"))
	for _, s := range c.d.States {
		tell(s.node.Get("receive"))
	}
}

// undoes tells states that undo what has nothing to undo.
func (c *checker) undoes() {
	undoable := func(s *State) bool {
		return slices.ContainsFunc(s.Steps, func(k *Step) bool { return k.Compensation != nil })
	}
	for _, s := range c.d.States {
		if s.Compensates == nil {
			continue
		}
		n := s.node.Get("compensate")
		if s.Compensates.States == nil && !slices.ContainsFunc(c.d.States, undoable) {
			n.Warnf("W482", "add compensate: to the steps that are to be undone, or remove it", "nothing can be undone: no step of %s has `compensate`", c.d.Name)
		}
		for i, name := range s.Compensates.States {
			if !undoable(c.d.State(name)) {
				n.Items()[i].Warnf("W482", "add compensate: to its steps, or remove it here", "nothing can be undone: no step of the state %s has `compensate`", name)
			}
		}
	}
}

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
