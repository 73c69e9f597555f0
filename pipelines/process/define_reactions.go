package process

import (
	"slices"
	"strconv"
	"strings"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// reaction compiles what a rule, an event, a timer or an error does: a verb
// beside `when` and `goto`, or `steps`. more are keys that belong to the caller.
func (c *compiler) reaction(n *yamlfile.Node, within string, more ...string) *reaction {
	r := &reaction{line: lineOf(n), node: n}
	if n.Kind() != yamlfile.Map {
		n.Errorf("E299", "write {goto: billing}, or a step as {send: ops.notices}", "a reaction is a map, this is %s", n.Kind())
		return r
	}
	if w := n.Get("when"); w != nil {
		r.when = c.b.Condition(w, c.b.Flow.Scope)
	}
	beside := append([]string{"when", "goto"}, more...)
	if list := n.Get("steps"); list != nil {
		n.Allow("reaction", append(beside, "steps")...)
		for _, item := range list.Items() {
			c.quick(r, item, within)
		}
	} else if c.b.Verb(n) != "" {
		c.quick(r, n, within, beside...)
	} else {
		n.Allow("reaction", beside...)
	}
	if g := n.Get("goto"); g != nil {
		if r.to = g.Str(); c.d.state(r.to) == nil && r.to != "" {
			pipelines.Unknown(g, "E292", "state", r.to, c.d.stateNames())
		}
	}
	return r
}

// quick adds a step that asks nobody: a reaction is one unit of work.
func (c *compiler) quick(r *reaction, n *yamlfile.Node, within string, beside ...string) {
	verb := c.b.Verb(n)
	if !c.fits(verb, n) {
		return
	}
	m := c.b.One(n, within, beside...)
	if m.Asks {
		n.KeyNode(verb).Errorf("E299", "goto a state that has it among its steps", "a reaction can't wait for an answer: %s asks somebody", verb)
	}
	if m.Run != nil {
		r.steps = append(r.steps, m)
	}
}

// rules compiles `next:`.
func (c *compiler) rules(s *state, n *yamlfile.Node) []*reaction {
	if n == nil {
		return nil
	}
	if n.Kind() != yamlfile.List {
		n.Errorf("E299", "write next: [{when: charge.result == \"approved\", goto: paid}, {goto: cancelling}]", "`next` is a list of rules, this is %s", n.Kind())
		return nil
	}
	var out []*reaction
	for i, item := range n.Items() {
		if i > 0 && n.Items()[i-1].Kind() == yamlfile.Map && n.Items()[i-1].Get("when") == nil {
			item.Errorf("E263", "move it above the rule without `when`", "this rule is never reached: the one above it always holds")
		}
		r := c.reaction(item, s.name+"/next ")
		if item.Kind() == yamlfile.Map && item.Get("goto") == nil {
			item.Errorf("E299", "add goto: and a state", "a rule of `next` leads to a state")
		}
		out = append(out, r)
	}
	return out
}

// reactions compiles `receive:` of a state, or of the whole process (s is nil).
func (c *compiler) reactions(n *yamlfile.Node, s *state, more ...string) []*reaction {
	if n == nil {
		return nil
	}
	if n.Kind() != yamlfile.Map {
		n.Errorf("E299", "write receive: {card_updated: {goto: billing}}", "`receive` is a map of events, this is %s", n.Kind())
		return nil
	}
	before := c.b.Flow.Scope
	if s == nil {
		c.b.Flow.Scope = c.d.scope
	}
	plain := c.b.Flow.Scope
	defer func() { c.b.Flow.Scope = before }()
	within := "receive "
	if s != nil {
		within = s.name + "/receive "
	}
	var out []*reaction
	for key, value := range n.Entries() {
		c.b.Flow.Scope = plain.WithVar("event", c.d.eventShape(key.Raw()))
		for _, one := range several(value) {
			r := c.reaction(one, within+key.Raw()+" ", slices.Concat(more, []string{"schema"})...)
			r.event = key.Raw()
			if u := one.Get("until"); u != nil && slices.Contains(more, "until") {
				if r.until = u.Str(); c.d.state(r.until) == nil {
					pipelines.Unknown(u, "E292", "state", r.until, c.d.stateNames())
				}
			}
			out = append(out, r)
		}
	}
	return out
}

// errorsOf compiles `errors:`: what a class leads to.
func (c *compiler) errorsOf(n *yamlfile.Node, within string) map[string]*reaction {
	if n == nil {
		return nil
	}
	if n.Kind() != yamlfile.Map {
		n.Errorf("E220", "write {out_of_stock: {goto: cancelling}, other: {retry: patient}}", "`errors` is a map of classes")
		return nil
	}
	known := append(c.b.Classes(), "other")
	before := c.b.Flow.Scope
	c.b.Flow.Scope = before.WithVar("error", shape.OpenObject)
	defer func() { c.b.Flow.Scope = before }()
	out := map[string]*reaction{}
	for key, value := range n.Entries() {
		class := key.Raw()
		if !slices.Contains(known, class) {
			pipelines.Unknown(key, "E221", "error class", class, known)
			continue
		}
		if retry := value.Get("retry"); retry != nil && len(value.Keys()) == 1 {
			out[class] = &reaction{retry: c.b.Retry(retry), line: lineOf(value)}
			continue
		}
		r := c.reaction(value, within+"errors "+class+" ")
		if r.to == "" && value.Kind() == yamlfile.Map {
			value.Errorf("E299", "add goto: and a state, or write {retry: patient}", "an error leads to a state, or is tried again")
		}
		out[class] = r
	}
	return out
}

// migrations reads `in_flight:`.
func (c *compiler) migrations(n *yamlfile.Node) map[int]migration {
	out := map[int]migration{}
	for key, value := range n.Entries() {
		number, err := strconv.Atoi(strings.TrimPrefix(key.Raw(), "v"))
		if err != nil || number < 1 || number >= c.d.Version {
			key.Errorf("E300", "write v1, v2, … up to the version before "+strconv.Itoa(c.d.Version), "%q is no older version", key.Raw())
			continue
		}
		m := migration{finish: value.Raw() == "finish"}
		if value.Kind() == yamlfile.Map && value.Get("move") != nil {
			value.Allow("in_flight", "move")
			m.move = map[string]string{}
			for from, to := range value.Get("move").Entries() {
				if c.d.state(to.Str()) == nil {
					pipelines.Unknown(to, "E292", "state", to.Raw(), c.d.stateNames())
				}
				m.move[from.Raw()] = to.Str()
			}
		} else if value.Raw() == "move" {
			m.move = map[string]string{}
		} else if !m.finish {
			value.Errorf("E300", "write finish, move, or {move: {packing: fulfilling}}", "running instances finish on their version, or move")
		}
		out[number] = m
	}
	return out
}
