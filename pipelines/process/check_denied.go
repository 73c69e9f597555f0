package process

import (
	"slices"
	"strings"

	"orderhub/pipelines/yamlfile"
)

// denied tells rules without `when` that an unknown answer leads to, as if it were a no: `when` of the
// compensation is false of it, so that nothing would be undone. What a person is asked about is no such rule.
func (c *checker) denied() {
	for _, s := range c.d.states {
		if len(s.next) == 0 || s.next[len(s.next)-1].when != nil {
			continue
		}
		last := s.next[len(s.next)-1]
		if to := c.d.state(last.to); to == nil || to.task != nil {
			continue
		}
		for _, o := range c.d.states {
			if o != s && !o.in(s) {
				continue
			}
			for _, item := range o.node.Get("steps").Items() {
				c.deny(item, last.node, whens(s.next))
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
	var paths []string
	for _, path := range fieldPath.FindAllString(when, -1) {
		if path = strings.ReplaceAll(path, "?", ""); rootOf(path) == as {
			paths = append(paths, path)
		}
	}
	for _, facts := range (cases{{}}).also(when, false).allFail(fails).known(c.d.typeOf) {
		named := slices.ContainsFunc(paths, func(path string) bool {
			f, says := facts[path]
			return says && !f.none && !c.d.typeOf(path).IsAny()
		})
		if !named && len(paths) > 0 {
			rule.Warnf("W484", "name each result in a rule of its own, and lead the rest to a state with task:; or list the results in the schema of the answer (reply: of the operation)",
				"this rule is taken for whatever %s may be, and %s is false then: what was done would stay, and nobody would know", paths[0], when)
			return
		}
	}
}
