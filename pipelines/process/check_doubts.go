package process

import (
	"slices"

	"orderhub/pipelines/yamlfile"
)

// unsignalled tells events that no `signal` of the file names. Somebody may still send them by hand.
func (c *checker) unsignalled() {
	root := c.d.node.Root()
	var signalled []string
	for _, n := range []*yamlfile.Node{root.Get("pipelines"), root.Get(sectionKey)} {
		for m := range mapsBelow(n) {
			e := m.Get("signal").Get("event")
			if e == nil || m.Get("signal").Get(c.d.name) == nil {
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
				key.Warnf("W481", "add a step signal: {"+c.d.name+": =…, event: "+name+"}, or remove it", "no step signals the event %s: only hub process signal does", name)
			}
		}
	}
	tell(c.d.node.Get("receive"))
	for _, s := range c.d.states {
		tell(s.node.Get("receive"))
	}
}

// undoes tells states that undo what has nothing to undo.
func (c *checker) undoes() {
	undoable := func(s *state) bool {
		return slices.ContainsFunc(s.steps, func(k *step) bool { return k.compensate != nil })
	}
	for _, s := range c.d.states {
		if s.undo == nil {
			continue
		}
		n := s.node.Get("compensate")
		if s.undo.states == nil && !slices.ContainsFunc(c.d.states, undoable) {
			n.Warnf("W482", "add compensate: to the steps that are to be undone, or remove it", "nothing can be undone: no step of %s has `compensate`", c.d.name)
		}
		for i, name := range s.undo.states {
			if !undoable(c.d.state(name)) {
				n.Items()[i].Warnf("W482", "add compensate: to its steps, or remove it here", "nothing can be undone: no step of the state %s has `compensate`", name)
			}
		}
	}
}
