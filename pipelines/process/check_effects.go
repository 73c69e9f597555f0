package process

import (
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// effects tells calls with `compensate:`, which is how money is marked, that an
// instance may make twice with nothing undone between.
func (c *checker) effects() {
	for _, s := range c.d.states {
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
func (c *checker) effect(s *state, item *yamlfile.Node, last bool) {
	when := strings.TrimPrefix(item.Get("compensate").Get("when").Raw(), "=")
	kept := c.setOnce(rootsOf(when))
	open := func(from *state, e way) bool {
		if from != s && from.undoes(s) {
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

// undoes tells that s undoes the steps of o.
func (s *state) undoes(o *state) bool {
	return s.undo != nil && (s.undo.states == nil || slices.Contains(s.undo.states, o.name))
}

// unknownEffect tells that a step that failed so may have had its effect.
func unknownEffect(class string) bool {
	return slices.Contains([]string{string(hub.Timeout), string(hub.Unavailable), string(hub.Bug), "other"}, class)
}

// rootsOf are the names that a formula reads.
func rootsOf(source string) (out []string) {
	for _, path := range fieldPath.FindAllString(source, -1) {
		if r := rootOf(path); isName(r) && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

func rootOf(path string) string { return strings.TrimSuffix(firstPart(path), "?") }

// setOnce tells that no more than one place gives those variables a value: what was true of them on a way stays so.
func (c *checker) setOnce(names []string) bool {
	for _, name := range names {
		n := assigned(c.d.node.Get("states"), name) + assigned(c.d.node.Get("receive"), name)
		if name == c.d.dataName {
			n++
		}
		if n > 1 {
			return false
		}
	}
	return true
}

// assigned counts what gives the variable a value below n.
func assigned(n *yamlfile.Node, name string) (count int) {
	for m := range mapsBelow(n) {
		for key, value := range m.Entries() {
			switch k := key.Raw(); {
			case k == "as" && value.Raw() == name, k == "task" && name == k:
				count++
			case k == "set":
				for path := range value.Entries() {
					if firstPart(path.Raw()) == name {
						count++
					}
				}
			}
		}
	}
	return count
}
