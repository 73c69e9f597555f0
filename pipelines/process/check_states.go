package process

import (
	"slices"

	"orderhub/pipelines/yamlfile"
)

// finals tells what a final state can't do: it ends as soon as its steps, branches and task are done.
func (c *checker) finals() {
	for _, s := range c.d.states {
		if !s.final {
			continue
		}
		waits := len(s.forks) > 0 || s.each != nil || s.task != nil
		useless := map[string]bool{"next": true, "receive": !waits, "timers": !waits && s.node.Get("steps") == nil}
		for _, k := range s.node.Keys() {
			if useless[k] {
				s.node.KeyNode(k).Errorf("E487", "remove it, or final: true", "the state %s is final: `%s` has no effect", s.name, k)
			}
		}
	}
}

// lists tells keys that belong to `each`, in states without it.
func (c *checker) lists() {
	for _, s := range c.d.states {
		if s.node.Get("each") != nil {
			continue
		}
		for _, k := range []string{"states", "item", "as"} {
			if n := s.node.KeyNode(k); n != nil {
				n.Errorf("E488", "add each: and a list, or remove it", "`%s` belongs to `each`, and the state %s has none", k, s.name)
				break
			}
		}
	}
}

// branches tells a goto that leads into a branch from outside: the branch would have no others beside it to wait for.
func (c *checker) branches() {
	for _, s := range c.d.states {
		all := slices.Clone(s.next)
		all = append(all, s.receive...)
		for _, t := range s.timers {
			all = append(all, &t.reaction)
		}
		if s.task != nil {
			all = append(all, s.task.late)
		}
		for _, r := range s.errors {
			all = append(all, r)
		}
		for _, r := range all {
			c.inward(r, s)
		}
	}
	for _, r := range append(slices.Clone(c.d.receive), c.d.desk.late) {
		c.inward(r, nil)
	}
	for _, r := range c.d.errors {
		c.inward(r, nil)
	}
}

// inward tells a goto of r from s; nil: from anywhere.
func (c *checker) inward(r *reaction, s *state) {
	if r == nil || r.to == "" {
		return
	}
	to := c.d.state(r.to)
	for ; s != nil; s = s.outer {
		if slices.Contains(s.level, to) {
			return
		}
	}
	if to.outer != nil {
		o := to.outermost()
		r.node.Get("goto").Errorf("E486", "goto "+o.name+", which begins all its branches, or a state outside", "the state %s stands inside a branch of %s: nothing leads into it from outside", to.name, to.outer.name)
	}
}

// outermost is the state of the process's own that s stands in.
func (s *state) outermost() *state {
	for s.outer != nil {
		s = s.outer
	}
	return s
}

// elements tells branches of `each` that do the same whatever their element is.
func (c *checker) elements() {
	for _, s := range c.d.states {
		if s.each != nil && !mentions(s.node.Get("states"), s.each.item) && !mentions(s.node.Get("states"), "index") {
			s.node.KeyNode("each").Warnf("W483", "name it in a formula, as ="+s.each.item, "nothing in the branches of %s uses the element, %s", s.name, s.each.item)
		}
	}
}

// mentions tells that some formula below n may name the variable.
func mentions(n *yamlfile.Node, name string) bool {
	if n.Kind() == yamlfile.Scalar {
		return slices.ContainsFunc(fieldPath.FindAllString(n.Raw(), -1), func(path string) bool { return rootOf(path) == name })
	}
	for _, value := range n.Entries() {
		if mentions(value, name) {
			return true
		}
	}
	return slices.ContainsFunc(n.Items(), func(item *yamlfile.Node) bool { return mentions(item, name) })
}
