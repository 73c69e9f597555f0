package definition

import (
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
)

// effects tells calls with `compensate:`, which is how money is marked, that an
// instance may make twice with nothing undone between.
func (c *checker) effects() {
	for _, s := range c.d.States {
		items := s.node.Get("steps").Items()
		for i, item := range items {
			if item.Get("compensate") != nil {
				c.effect(s, item, i == len(items)-1)
			}
		}
	}
}

// effect looks for a way from a step back to it on which its effect may have
// taken place, and stays. The `when` of its compensation says when it has.
func (c *checker) effect(s *State, item *yamlfile.Node, last bool) {
	when := strings.TrimPrefix(item.Get("compensate").Get("when").Raw(), "=")
	kept := c.setOnce(formula.ReadsOf(when).Names())
	open := func(from *State, e way) bool {
		if from != s && from.Compensates.Includes(s.Name) {
			return false
		}
		if from == s && e.failed != "" {
			return !last || unknownEffect(e.failed)
		}
		return from != s && !kept || !contradict(c.d.typeOf, when, e.holds, e.fails)
	}
	circle := c.way.path(s, s, open)
	if circle == "" {
		return
	}
	help := `say when it has its effect, as compensate: {when: charge.result == "approved", …}, and let the rules on this way exclude that; or lead it through a state with compensate:`
	if when != "" {
		help = "let a rule on this way exclude " + when + "; or lead it through a state with compensate:"
	}
	item.KeyNode("compensate").Errorf("E485", help, "this step may be done twice, and nothing undoes the first: %s", circle)
}

// unknownEffect tells that a step that failed so may have had its effect.
func unknownEffect(class string) bool {
	return slices.Contains([]string{string(hub.Timeout), string(hub.Unavailable), string(hub.Bug), "other"}, class)
}

// setOnce tells that no more than one place gives those variables a value: what was true of them on a way stays so.
func (c *checker) setOnce(names []string) bool {
	for _, name := range names {
		n := c.assigned(c.d.node.Get("states"), name) + c.assigned(c.d.node.Get("receive"), name)
		if name == c.d.DataName {
			n++
		}
		if n > 1 {
			return false
		}
	}
	return true
}

// assigned counts what gives the variable a value below n.
func (c *checker) assigned(n *yamlfile.Node, name string) (count int) {
	for m := range n.All() {
		for _, f := range given(c.s, m) {
			if f.Name == name {
				count++
			}
		}
	}
	return count
}

// denied tells rules without `when` that an unknown answer leads to, as if it were a no: `when` of the
// compensation is false of it, so that nothing would be undone. What a person is asked about is no such rule.
func (c *checker) denied() {
	for _, s := range c.d.States {
		if len(s.Next) == 0 || s.Next[len(s.Next)-1].When != nil {
			continue
		}
		last := s.Next[len(s.Next)-1]
		if to := c.d.State(last.To); to == nil || to.Task != nil {
			continue
		}
		for _, o := range c.d.States {
			if o != s && !o.in(s) {
				continue
			}
			for _, item := range o.node.Get("steps").Items() {
				c.deny(item, last.node, whens(s.Next))
			}
		}
	}
}

// deny looks for a result of the step of which the compensation's `when` and the rules are false, and that no schema and no rule names.
func (c *checker) deny(item, rule *yamlfile.Node, fails []string) {
	when := strings.TrimPrefix(item.Get("compensate").Get("when").Raw(), "=")
	as := item.Get("as").Raw()
	if when == "" || as == "" {
		return
	}
	paths := slices.DeleteFunc(formula.ReadsOf(when).Paths, func(p formula.Path) bool { return p[0] != as })
	for _, facts := range (cases{{}}).also(when, false).allFail(fails).known(c.d.typeOf) {
		named := slices.ContainsFunc(paths, func(p formula.Path) bool {
			f, says := facts[p.String()]
			return says && !f.none && !c.d.typeOf(p.String()).IsAny()
		})
		if !named && len(paths) > 0 {
			rule.Warnf("W484", "name each result in a rule of its own, and lead the rest to a state with task:; or list the results in the schema of the answer (reply: of the operation)",
				"this rule is taken for whatever %s may be, and %s is false then: what was done would stay, and nobody would know", paths[0], when)
			return
		}
	}
}
