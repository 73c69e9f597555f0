package process

import (
	"testing"

	"orderhub/hub"
)

// What leaves the machine is a dead letter, but for a store that is away: no step met that.
func TestErrorsThatLeaveTheMachine(t *testing.T) {
	for name, c := range map[string]struct {
		err   *hub.Error
		again bool
	}{
		"the store is away":                {&hub.Error{Class: hub.Unavailable}, true},
		"the tries of a step are used up":  {&hub.Error{Class: hub.Unavailable, Where: "order/billing/call billing.charge"}, false},
		"an event that came after the end": {&hub.Error{Class: hub.Rejected, Reason: "no_process"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			policy := never(c.err).Retry
			if policy == nil {
				policy = hub.DefaultRetry
			}
			if policy.Takes(c.err.Class) != c.again {
				t.Errorf("tried again: %v, want %v", !c.again, c.again)
			}
		})
	}
}
