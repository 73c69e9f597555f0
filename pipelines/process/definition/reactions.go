package definition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"orderhub/pipelines"
	"orderhub/pipelines/schedule"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/formula"
	"orderhub/transforms/shape"
)

// reaction compiles what a rule, an event, a timer or an error does: a verb
// beside `when` and `goto`, or `steps`. more are keys that belong to the caller.
func (c *compiler) reaction(n *yamlfile.Node, within string, more ...string) *Reaction {
	r := &Reaction{Line: n.Line(), node: n}
	if !n.Is(yamlfile.Map, "E299", "write {goto: billing}, or a step as {send: ops.notices}", "a reaction is a map") {
		return r
	}
	r.When = c.b.Condition(n.Get("when"), c.b.Flow.Scope)
	beside := append([]string{"when", "goto"}, more...)
	if list := n.Get("steps"); list != nil {
		n.Allow("reaction", append(beside, "steps")...)
		for _, item := range list.Items() {
			c.quick(r, item, within)
		}
	} else if c.b.Pattern(n) != nil {
		c.quick(r, n, within, beside...)
	} else {
		n.Allow("reaction", beside...)
	}
	r.To = c.stateName(n.Get("goto"))
	return r
}

// quick adds a step that asks nobody: a reaction is one unit of work.
func (c *compiler) quick(r *Reaction, n *yamlfile.Node, within string, beside ...string) {
	if !c.fits(n) {
		return
	}
	m := c.b.One(n, within, beside...)
	if m.Asks {
		n.KeyNode(m.Verb).Errorf("E299", "goto a state that has it among its steps", "a reaction can't wait for an answer: %s asks somebody", m.Verb)
	}
	if m.Run != nil {
		r.Steps = append(r.Steps, m)
	}
}

// rules compiles `next:`.
func (c *compiler) rules(s *State, n *yamlfile.Node) []*Reaction {
	if !n.Is(yamlfile.List, "E299", `write next: [{when: charge.result == "approved", goto: paid}, {goto: cancelling}]`, "`next` is a list of rules") {
		return nil
	}
	var out []*Reaction
	for i, item := range n.Items() {
		if i > 0 && n.Items()[i-1].Kind() == yamlfile.Map && n.Items()[i-1].Get("when") == nil {
			item.Errorf("E263", "move it above the rule without `when`", "this rule is never reached: the one above it always holds")
		}
		r := c.reaction(item, s.Name+"/next ")
		if item.Kind() == yamlfile.Map && item.Get("goto") == nil {
			item.Errorf("E299", "add goto: and a state", "a rule of `next` leads to a state")
		}
		out = append(out, r)
	}
	return out
}

// reactions compiles `receive:` of a state, or of the whole process.
func (c *compiler) reactions(n *yamlfile.Node, scope *formula.Scope, within string, more ...string) []*Reaction {
	if !n.Is(yamlfile.Map, "E299", "write receive: {card_updated: {goto: billing}}", "`receive` is a map of events") {
		return nil
	}
	var out []*Reaction
	for key, value := range n.Entries() {
		c.b.Flow.Scope = scope.WithVar("event", c.d.eventShape(key.Raw()))
		for _, one := range value.Several() { // told apart by `when`
			r := c.reaction(one, within+"receive "+key.Raw()+" ", slices.Concat(more, []string{"schema"})...)
			r.Event = key.Raw()
			if u := one.Get("until"); u != nil && slices.Contains(more, "until") {
				r.Until = c.stateName(u)
			}
			out = append(out, r)
		}
	}
	return out
}

// errorsOf compiles `errors:`: what a class leads to.
func (c *compiler) errorsOf(n *yamlfile.Node, scope *formula.Scope, within string) map[string]*Reaction {
	c.b.Flow.Scope = scope.WithVar("error", shape.OpenObject)
	out := map[string]*Reaction{}
	for class, value := range c.b.ErrorClasses(n, "write {out_of_stock: {goto: cancelling}, other: {retry: patient}}") {
		if retry := value.Get("retry"); retry != nil && len(value.Keys()) == 1 {
			out[class] = &Reaction{Retry: c.b.Retry(retry), Line: value.Line()}
			continue
		}
		r := c.reaction(value, within+"errors "+class+" ")
		if r.To == "" && value.Kind() == yamlfile.Map {
			value.Errorf("E299", "add goto: and a state, or write {retry: patient}", "an error leads to a state, or is tried again")
		}
		out[class] = r
	}
	return out
}

// migrations reads `in_flight:`.
func (c *compiler) migrations(n *yamlfile.Node) map[int]map[string]string {
	out := map[int]map[string]string{}
	for key, value := range n.Entries() {
		number, err := strconv.Atoi(strings.TrimPrefix(key.Raw(), "v"))
		if err != nil || number < 1 || number >= c.d.Version {
			key.Errorf("E300", "write v1, v2, … up to the version before "+strconv.Itoa(c.d.Version), "%q is no older version", key.Raw())
			continue
		}
		move := value.Get("move")
		switch {
		case value.Raw() == "finish":
		case value.Raw() == "move":
			out[number] = map[string]string{}
		case move != nil:
			value.Allow("in_flight", "move")
			out[number] = map[string]string{}
			for from, to := range move.Entries() {
				out[number][from.Raw()] = c.stateName(to)
			}
		default:
			value.Errorf("E300", "write finish, move, or {move: {packing: fulfilling}}", "running instances finish on their version, or move")
		}
	}
	return out
}

// stateName is the name of a state that n gives; "": there is none.
func (c *compiler) stateName(n *yamlfile.Node) string {
	name := n.Str()
	if c.d.State(name) == nil && name != "" {
		pipelines.Unknown(n, "E292", "state", name, c.d.StateNames())
	}
	return name
}

// timersOf compiles `timers:`.
func (c *compiler) timersOf(s *State, n *yamlfile.Node) []*Timer {
	if !n.Is(yamlfile.List, "E299", "write timers: [{after: 7d, send: reminders}, {after: 14d, goto: cancelling}]", "`timers` is a list") {
		return nil
	}
	var out []*Timer
	for i, item := range n.Items() {
		if t := c.timerOf(item, fmt.Sprintf("%s/timer %d ", s.Name, i+1)); t != nil {
			out = append(out, t)
		}
	}
	return out
}

func (c *compiler) timerOf(n *yamlfile.Node, within string) *Timer {
	before := c.s.Faults()
	t := &Timer{Reaction: *c.reaction(n, within, "after", "at", "cron", "zone")}
	given := 0
	for _, k := range []string{"after", "at", "cron"} {
		if n.Get(k) != nil {
			given++
		}
	}
	if given != 1 {
		n.Errorf("E299", `write {after: 7d, …}, {at: =order.deliver_by, …} or {cron: "0 9 * * MON-FRI", zone: Europe/Berlin, …}`, "a timer has one of `after`, `at` and `cron`, this has %d", given)
		return nil
	}
	if a := n.Get("after"); a != nil {
		if t.After, _ = a.Duration(); t.After <= 0 {
			a.Errorf("E299", "write 30s, 7d", "a timer runs after some time")
		}
	}
	t.At = c.b.Expr(n.Get("at"), c.b.Flow.Scope)
	if k := n.Get("cron"); k != nil {
		c.cronOf(t, k, n.Get("zone"))
	} else {
		n.Refuse("E299", "remove it", "`%s` belongs to `cron`", "zone")
	}
	written := c.b.Pattern(n) != nil || len(n.Get("steps").Items()) > 0 || n.Get("goto") != nil // a step may have a fault of its own
	if !written && c.s.Faults() == before {
		n.Errorf("E299", "add a step, as send: ops.notices, or goto: and a state", "this timer does nothing")
	}
	return t
}

func (c *compiler) cronOf(t *Timer, n, zone *yamlfile.Node) {
	name := "UTC"
	if zone != nil {
		name = zone.Str()
	}
	s, err := schedule.Cron(n.Str(), name)
	if err != nil {
		at, what := n, err.Error()
		if strings.Contains(what, "time zone") && zone != nil {
			at = zone
		}
		at.Errorf("E299", `write minute hour day month weekday, as "0 9 * * MON-FRI", and zone: Europe/Berlin`, "%s", what)
		return
	}
	t.Cron = s
}
