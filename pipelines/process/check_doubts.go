package process

import (
	"slices"

	"orderhub/pipelines/yamlfile"
)

// unsignalled tells events that no `signal` of the file names. Somebody may still send them by hand.
func (c *checker) unsignalled() {
	root := c.d.node.Root()
	names, any := signalled(root.Get("pipelines"), c.d.Name, nil)
	names, more := signalled(root.Get(sectionKey), c.d.Name, names)
	if any || more {
		return
	}
	told := map[string]bool{}
	tell := func(n *yamlfile.Node) {
		for key := range n.Entries() {
			if name := key.Raw(); !slices.Contains(names, name) && !told[name] {
				told[name] = true
				key.Warnf("W481", "add a step signal: {"+c.d.Name+": =…, event: "+name+"}, or remove it", "no step signals the event %s: only hub process signal does", name)
			}
		}
	}
	tell(c.d.node.Get("receive"))
	for _, s := range c.d.states {
		tell(s.node.Get("receive"))
	}
}

// signalled are the events of a process that steps below n signal; any: some step may signal any of them.
func signalled(n *yamlfile.Node, process string, names []string) (all []string, any bool) {
	for key, value := range n.Entries() {
		if e := value.Get("event"); key.Raw() == "signal" && value.Get(process) != nil && e != nil {
			any = any || e.IsFormula()
			names = append(names, e.Raw())
		}
		var more bool
		names, more = signalled(value, process, names)
		any = any || more
	}
	for _, item := range n.Items() {
		var more bool
		names, more = signalled(item, process, names)
		any = any || more
	}
	return names, any
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
			n.Warnf("W482", "add compensate: to the steps that are to be undone, or remove it", "nothing can be undone: no step of %s has `compensate`", c.d.Name)
		}
		for i, name := range s.undo.states {
			if !undoable(c.d.state(name)) {
				n.Items()[i].Warnf("W482", "add compensate: to its steps, or remove it here", "nothing can be undone: no step of the state %s has `compensate`", name)
			}
		}
	}
}
