package process_test

import (
	"strings"
	"testing"
	"time"

	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// filling pays and picks at once; the goods may be waited for.
const filling = `
  order:
    id: order.id
    data: {order: order}
    receive: {cancel: {goto: cancelling, until: shipped}}
    states:
      filling:
        parallel:
          money:
            steps:
              - {call: billing.charge, with: {amount: =order.total}, as: charge, retry: {times: 3, wait: 1m}, compensate: {call: billing.refund, with: {charge: =charge.id}}}
          goods:
            states:
              asking:
                steps: [{call: shipping.pick, with: =order.items, as: picked}]
                next: [{when: picked.there, goto: packing}, {goto: waiting}]
              waiting:
                receive: {arrived: {goto: packing}, lost: {goto: cancelling}}
                timers: [{after: 14d, goto: cancelling}]
              packing: {steps: [{send: log, with: packed}]}
        next: [{goto: shipped}]
        errors: {rejected: {goto: cancelling}}
      shipped: {steps: [{call: shipping.book, with: {charge: =charge.id, parcel: =picked.parcel}}], next: [{goto: done}]}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
`

func fill(t *testing.T, answers map[string]patterntest.Answer) *site {
	all := map[string]patterntest.Answer{"billing.charge": answer(`{"id":"c1"}`), "billing.refund": answer(`{}`),
		"shipping.pick": answer(`{"there":true,"parcel":"p1"}`), "shipping.book": answer(`{}`)}
	for op, a := range answers {
		all[op] = a
	}
	return start(t, filling, patterntest.Config{Answers: all})
}

// places are where the instance stands: "filling/goods:waiting".
func places(v *process.View) string {
	var out []string
	for _, p := range v.Places {
		out = append(out, strings.TrimPrefix(p.Branch+":"+p.State, ":")+"="+string(p.Phase))
	}
	return strings.Join(out, " ")
}

func TestBranchesJoin(t *testing.T) {
	money, goods := newGate(answer(`{"id":"c1"}`)), newGate(answer(`{"there":true,"parcel":"p1"}`))
	s := fill(t, map[string]patterntest.Answer{"billing.charge": money.answer, "shipping.pick": goods.answer})
	s.hand(`{"id":"W-1","total":9}`)
	money.await(t)
	goods.await(t) // both are asked, though none has answered
	if got, want := places(s.at("W-1", "filling")), "filling=forked filling/money:money=running filling/goods:asking=running"; got != want {
		t.Errorf("it stands at %s, want %s", got, want)
	}
	goods.let()
	patterntest.Until(t, "the goods are packed", func() bool { return strings.Contains(places(s.view("W-1")), "packing=done") })
	s.wantCalls("shipping.book", 0)
	money.let()
	s.Settle()
	s.at("W-1", "done")
	if got := bodies(s, "shipping.book"); got != `{"charge":"c1","parcel":"p1"}` {
		t.Errorf("booked %s", got)
	}
}

func TestBranchWaits(t *testing.T) {
	for name, c := range map[string]struct {
		days        time.Duration
		event, want string
	}{
		"until an event":    {13, "arrived", "done"},
		"until its timer":   {14, "", "cancelled"},
		"until it is left":  {2, "lost", "cancelled"},
		"until all is left": {2, "cancel", "cancelled"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fill(t, map[string]patterntest.Answer{"shipping.pick": answer(`{"there":false,"parcel":"p1"}`)})
			s.begin(`{"id":"W-1","total":9}`)
			s.Advance(c.days*24*time.Hour - time.Second)
			if got, want := places(s.at("W-1", "filling")), "filling=forked filling/money:money=done filling/goods:waiting=waiting"; got != want {
				t.Errorf("it stands at %s, want %s", got, want)
			}
			if c.event != "" {
				s.signal("W-1", c.event, "")
			} else {
				s.Advance(time.Second)
			}
			s.at("W-1", c.want)
			refunds := 0
			if c.want == "cancelled" {
				refunds = 1
			}
			s.wantCalls("billing.refund", refunds)
			s.Advance(60 * 24 * time.Hour)
			s.at("W-1", c.want)
			s.clean()
		})
	}
}

// A branch that is left while its sibling's call runs: the call's result is waited for, and undone.
func TestLeavingWaitsForACall(t *testing.T) {
	money := newGate(answer(`{"id":"c1"}`))
	s := fill(t, map[string]patterntest.Answer{"billing.charge": money.answer, "shipping.pick": answer(`{"there":false}`)})
	s.hand(`{"id":"W-1","total":9}`)
	money.await(t)
	patterntest.Until(t, "the goods are waited for", func() bool { return strings.Contains(places(s.view("W-1")), "waiting=waiting") })
	s.tell("W-1", "lost", "")
	patterntest.Until(t, "it is leaving", func() bool { return s.view("W-1").Leaving == "cancelling" })
	if v := s.at("W-1", "filling"); !strings.Contains(places(v), "money=running") {
		t.Errorf("the running call is left: %s", places(v))
	}
	money.let()
	s.Settle()
	s.at("W-1", "cancelled")
	s.wantCalls("billing.refund", 1)
	if got := bodies(s, "billing.refund"); got != `{"charge":"c1"}` {
		t.Errorf("refunded %s", got)
	}
	s.clean()
}

// A call that waits for another try is called off; nothing came of it.
func TestLeavingCallsOffARetry(t *testing.T) {
	s := fill(t, map[string]patterntest.Answer{"billing.charge": refuse("throttled"), "shipping.pick": answer(`{"there":false}`)})
	s.begin(`{"id":"W-1","total":9}`)
	s.signal("W-1", "lost", "")
	s.at("W-1", "cancelled")
	asked := len(s.Called("billing.charge"))
	s.Advance(24 * time.Hour)
	if n := len(s.Called("billing.charge")); n != asked {
		t.Errorf("%d calls came behind the end", n-asked)
	}
	s.wantCalls("billing.refund", 0)
	s.clean()
}

// An error that the branch says nothing of belongs to the state around it, and leads all branches out.
func TestErrorLeavesItsSiblings(t *testing.T) {
	s := fill(t, map[string]patterntest.Answer{"billing.charge": script("timeout", "rejected"), "shipping.pick": answer(`{"there":false}`)})
	s.begin(`{"id":"W-1","total":9}`)
	s.at("W-1", "filling")
	s.Advance(time.Minute)
	s.at("W-1", "cancelled")
	s.clean()
}

func TestBranchesInBranches(t *testing.T) {
	s := start(t, `
  order:
    id: order.id
    data: {order: order}
    states:
      outer:
        parallel:
          a: {parallel: {b: {steps: [{call: billing.charge, as: one}]}, c: {states: {d: {steps: [{call: shipping.pick, as: two}], next: [{goto: e}]}, e: {final: true}}}}}
          f: {steps: [{set: {three: 3}}]}
        next: [{goto: done}]
      done: {final: true, steps: [{send: ops, with: {one: =one, two: =two, three: =three}}]}
`, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`1`), "shipping.pick": answer(`2`)}})
	s.begin(`{"id":"W-1"}`)
	s.at("W-1", "done")
	patterntest.Want(t, "sent", s.WaitingBodies("ops"), `{"one":1,"two":2,"three":3}`)
	s.clean()
}

const leaving = `
  order:
    id: order.id
    data: {order: order}
    receive: {cancel: {goto: cancelling}, restart: {goto: again}}
    states:
      booking:
        steps: [{send: log, with: begun}, {call: shipping.book}]
        timers: [{after: 1h, goto: late}]
        next: [{goto: held}]
      held: {receive: {sent: {goto: done}}}
      late: {next: [{goto: done}]}
      again: {next: [{goto: held}]}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
`

// What is being left leads nowhere else: neither by its timers, nor by an event that comes meanwhile.
func TestWhatIsLeftLeadsNowhereElse(t *testing.T) {
	for name, c := range map[string]struct {
		first, second, want string
		wait                time.Duration
	}{
		"a timer":        {"cancel", "", "cancelled", time.Hour},
		"an event":       {"cancel", "restart", "cancelled", 0},
		"an event waits": {"restart", "cancel", "cancelled", 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(answer(`{}`))
			s := start(t, leaving, patterntest.Config{Answers: map[string]patterntest.Answer{"shipping.book": g.answer}})
			s.hand(`{"id":"W-1"}`)
			g.await(t)
			s.tell("W-1", c.first, "")
			patterntest.Until(t, "it is leaving", func() bool { return s.view("W-1").Leaving != "" })
			s.Clock.Advance(c.wait)
			if c.second != "" {
				s.tell("W-1", c.second, "")
			}
			patterntest.Until(t, "nothing is left to be taken", func() bool { return s.idle() })
			g.let()
			s.Settle()
			s.at("W-1", c.want)
			s.clean()
		})
	}
}
