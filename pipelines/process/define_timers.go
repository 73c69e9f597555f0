package process

import (
	"fmt"
	"strings"

	"orderhub/pipelines/yamlfile"
)

// timersOf compiles `timers:`.
func (c *compiler) timersOf(s *state, n *yamlfile.Node) []*timer {
	if n == nil {
		return nil
	}
	if n.Kind() != yamlfile.List {
		n.Errorf("E299", "write timers: [{after: 7d, send: reminders}, {after: 14d, goto: cancelling}]", "`timers` is a list, this is %s", n.Kind())
		return nil
	}
	var out []*timer
	for i, item := range n.Items() {
		before := c.s.Faults()
		t := &timer{reaction: *c.reaction(item, fmt.Sprintf("%s/timer %d ", s.name, i+1), "after", "at", "cron", "zone")}
		given := 0
		for _, k := range []string{"after", "at", "cron"} {
			if item.Get(k) != nil {
				given++
			}
		}
		if given != 1 {
			item.Errorf("E299", `write {after: 7d, …}, {at: =order.deliver_by, …} or {cron: "0 9 * * MON-FRI", zone: Europe/Berlin, …}`, "a timer has one of `after`, `at` and `cron`, this has %d", given)
			continue
		}
		if a := item.Get("after"); a != nil {
			t.after, _ = a.Duration()
			if t.after <= 0 {
				a.Errorf("E299", "write 30s, 7d", "a timer runs after some time")
			}
		}
		if a := item.Get("at"); a != nil {
			t.at = c.b.Expr(a, c.b.Flow.Scope)
		}
		if k := item.Get("cron"); k != nil {
			c.cronOf(t, k, item.Get("zone"))
		} else if z := item.KeyNode("zone"); z != nil {
			z.Errorf("E299", "remove it", "`zone` belongs to `cron`")
		}
		written := c.b.Verb(item) != "" || len(item.Get("steps").Items()) > 0 || item.Get("goto") != nil // a step may have a fault of its own
		if !written && c.s.Faults() == before {
			item.Errorf("E299", "add a step, as send: ops.notices, or goto: and a state", "this timer does nothing")
		}
		out = append(out, t)
	}
	return out
}

func (c *compiler) cronOf(t *timer, n, zone *yamlfile.Node) {
	name := "UTC"
	if zone != nil {
		name = zone.Str()
	}
	s, err := parseCron(n.Str(), name)
	if err != nil {
		at, what := n, err.Error()
		if strings.Contains(what, "time zone") && zone != nil {
			at = zone
		}
		at.Errorf("E299", `write minute hour day month weekday, as "0 9 * * MON-FRI", and zone: Europe/Berlin`, "%s", what)
		return
	}
	t.cron = s
}
