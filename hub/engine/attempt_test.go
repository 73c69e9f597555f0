package engine_test

import (
	"context"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
)

// ambiguousRun carries one message whose step always ends so, on virtual time, and gives when it was tried and what the dead letter says.
func ambiguousRun(t *testing.T, policy *hub.Retry, end func(try int) error) (tries []time.Duration, last *hub.Failure) {
	t.Helper()
	clock := &stillClock{now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
	begin := clock.now
	stage := &engine.Stage{Name: "s", Queue: "q", Run: func(context.Context, *hub.Exchange) error {
		tries = append(tries, clock.now.Sub(begin))
		return end(len(tries))
	}}
	if policy != nil {
		stage.React = func(*hub.Error) hub.Reaction { return hub.Reaction{Retry: policy} }
	}
	b := stepped(t, clock, stage)
	b.put("q", "m", "")
	for range 48 * 60 { // two days
		b.steps("q")
		clock.now = clock.now.Add(time.Minute)
	}
	dead := b.dead()
	if len(dead) != 1 {
		t.Fatalf("%d dead letters", len(dead))
	}
	return tries, dead[0].Error
}

// What may have been done is done twice at most, with half an hour between, and then waits for a person as a dead letter.
func TestFault_B2_AmbiguousIsTriedOnceMore(t *testing.T) {
	cut := func(int) error { return hub.RetryAmbiguous.Error("cut") }
	for name, c := range map[string]struct {
		policy *hub.Retry
		end    func(int) error
		tries  int
	}{
		"default":        {nil, cut, 2},
		"eager policy":   {&hub.Retry{Times: 50, Min: time.Second, Max: time.Second}, cut, 2},
		"policy of none": {&hub.Retry{Errors: []hub.Class{"-"}}, cut, 1},
		"parked":         {nil, func(int) error { return hub.ParkAmbiguous.Error("cut") }, 1},
		"after other ends": {nil, func(try int) error {
			return map[bool]error{true: hub.Fail(hub.Unavailable, "smtp_450", "busy"), false: cut(0)}[try < 3]
		}, 3},
		"untried before": {nil, func(try int) error {
			return map[bool]error{true: hub.Fail(hub.Unavailable, hub.AuthRequired, "530"), false: cut(0)}[try < 3]
		}, 4},
	} {
		tries, last := ambiguousRun(t, c.policy, c.end)
		if len(tries) != c.tries || last.Reason != hub.Ambiguous {
			t.Errorf("%s: tried at %v, then %+v", name, tries, last)
		}
		if n := len(tries); name != "after other ends" && n > 1 && tries[n-1]-tries[n-2] < hub.AmbiguousPause {
			t.Errorf("%s: the second after %s", name, tries[n-1]-tries[n-2])
		}
	}
}
