package process

import (
	"strconv"
	"time"

	"orderhub/pipelines/yamlfile"
)

// retention tells timers that fire when the history of what they belong to is gone.
func (c *checker) retention() {
	keep := c.s.Plan().Keep
	for _, s := range c.d.states {
		for _, t := range s.timers {
			if t.after > keep {
				t.node.Get("after").Errorf("E484", "write hub: {keep: "+days(t.after)+"}, or more",
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
	var in *state
	for _, s := range c.d.states {
		for _, t := range s.timers {
			if t.to != "" && t.after > longest {
				longest, at, in = t.after, t.node.Get("after"), s
			}
		}
	}
	if longest <= c.d.Early || len(c.d.eventNames()) == 0 {
		return
	}
	if early := c.d.node.Get("early"); early != nil {
		at = early
	}
	at.Warnf("W480", "write early: "+days(longest), "an event that comes early waits %s, and the state %s may last %s", days(c.d.Early), in.name, days(longest))
}

// days is a duration as people write it in the file.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return d.String()
}
