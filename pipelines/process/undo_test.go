package process_test

import (
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// undone charges, books and waits; all of it can be undone.
const undone = `
  order:
    id: order.id
    data: {order: order}
    receive: {cancel: {goto: cancelling}}
    compensation: {group: money, due: 4h, late: {send: ops, with: {late: =id}}, retry: {times: 2, wait: 1m..1m}}
    states:
      billing:
        steps: [{call: billing.charge, with: {amount: =order.total}, as: charge, retry: {times: 1, wait: 1m..1m}, compensate: {call: billing.refund, with: {charge: =charge.id}}}]
        next: [{goto: booking}]
      booking:
        steps: [{call: shipping.book, with: {charge: =charge.id}, as: booked, compensate: {call: shipping.cancel, with: {id: =booked.id}}}]
        next: [{goto: held}]
      held: {receive: {sent: {goto: done}, unbook: {goto: unbooking}}}
      unbooking: {compensate: [booking], next: [{goto: held}]}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
`

// held is an order that is charged and booked, at far ends that answer to refunds as given.
func held(t *testing.T, refund patterntest.Answer) (*site, *bank) {
	b := newBank()
	answers := b.answers()
	if refund != nil {
		answers["billing.refund"] = refund
	}
	s := start(t, undone, patterntest.Config{Answers: answers})
	s.begin(`{"id":"W-1","total":9}`)
	v := s.at("W-1", "held")
	patterntest.Want(t, "can be undone", v.Undo, "order/booking/call shipping.book", "order/billing/call billing.charge")
	return s, b
}

func TestNewestIsUndoneFirst(t *testing.T) {
	s, b := held(t, nil)
	s.signal("W-1", "cancel", "")
	s.at("W-1", "cancelled")
	patterntest.Want(t, "far ends", b.log, "charge", "book", "cancel", "refund c1")
	s.clean()
}

func TestSomeIsUndone(t *testing.T) {
	s, b := held(t, nil)
	s.signal("W-1", "unbook", "")
	if v := s.at("W-1", "held"); len(v.Undo) != 1 || b.kept() != 1 {
		t.Errorf("left to be undone: %v", v.Undo)
	}
	s.signal("W-1", "cancel", "")
	s.at("W-1", "cancelled")
	patterntest.Want(t, "far ends", b.log, "charge", "book", "cancel", "refund c1")
	s.clean()
}

func TestUndoingFailsForAWhile(t *testing.T) {
	s, _ := held(t, script("timeout", "unavailable", `{}`))
	s.signal("W-1", "cancel", "")
	for range 2 {
		if p := s.at("W-1", "cancelling").Places[0]; p.Phase != process.Running || p.Error == nil || p.Due.IsZero() {
			t.Errorf("place %+v", p)
		}
		s.Advance(time.Minute)
	}
	s.at("W-1", "cancelled")
	s.wantCalls("billing.refund", 1)
	s.clean()
}

// What can't be undone is a person's: done by hand, or to be tried again.
func TestUndoingCanNotSucceed(t *testing.T) {
	for name, c := range map[string]struct {
		refund  []string
		answers []string
		calls   int // of the refund
	}{
		"refused, and done by hand":     {[]string{"rejected"}, []string{`{"done":true,"note":"by bank"}`}, 1},
		"refused, and tried again":      {[]string{"rejected", `{}`}, []string{`{"done":false}`}, 2},
		"refused again":                 {[]string{"rejected", "rejected", `{}`}, []string{`{"done":false}`, `{"done":false}`}, 3},
		"away too long":                 {[]string{"timeout", "timeout", "timeout", `{}`}, []string{`{"done":false}`}, 4},
		"away too long, done by hand":   {[]string{"timeout"}, []string{`{"done":true}`}, 3},
		"refused, then away, then done": {[]string{"rejected", "timeout", `{}`}, []string{`{"done":false}`}, 3},
	} {
		t.Run(strings.ReplaceAll(name, ",", ""), func(t *testing.T) {
			s, _ := held(t, script(c.refund...))
			s.signal("W-1", "cancel", "")
			for range 3 {
				s.Advance(time.Minute)
			}
			for _, a := range c.answers {
				k := s.task()
				if v := s.at("W-1", "cancelling"); k.Group != "money" || !strings.Contains(k.Why, "order/billing/call billing.charge can't be undone") || v.Places[0].Phase != process.Waiting {
					t.Errorf("task %+v, place %+v", *k, v.Places[0])
				}
				s.fillIn(k.ID, "ann", a)
				for range 3 {
					s.Advance(time.Minute)
				}
			}
			s.at("W-1", "cancelled")
			if n := len(s.Called("billing.refund")); n != c.calls {
				t.Errorf("%d refunds asked for, want %d", n, c.calls)
			}
			s.wantCalls("billing.refund", 1)
			s.clean()
		})
	}
}

func TestNobodySeesToTheUndoing(t *testing.T) {
	s, _ := held(t, refuse(hub.Rejected))
	s.signal("W-1", "cancel", "")
	s.Advance(4 * time.Hour)
	patterntest.Want(t, "told", s.WaitingBodies("ops"), `{"late":"W-1"}`)
	if !s.task().Late {
		t.Error("the task is not late")
	}
	s.fillIn(s.task().ID, "ann", `{"done":true}`)
	s.at("W-1", "cancelled")
	s.clean()
}

// A charge of which nobody knows: it is asked again with the key that it had, and then given back, or was never made.
func TestUndoingOfADoubt(t *testing.T) {
	for name, c := range map[string]struct {
		moods   []string
		wait    time.Duration // before it is cancelled; a minute uses up the tries
		refunds int
		task    string
	}{
		"taken, the first answer lost":       {[]string{"lost"}, 0, 1, ""},
		"taken, both answers lost":           {[]string{"lost", "lost"}, time.Minute, 1, ""},
		"never taken":                        {[]string{"timeout", "timeout", "rejected"}, time.Minute, 0, ""},
		"never taken, until it is asked for": {[]string{"timeout"}, 0, 1, ""},
		"away for a while":                   {[]string{"lost", "lost", "timeout"}, time.Minute, 1, ""},
		"away for good":                      {[]string{"timeout", "timeout", "timeout", "timeout", "timeout"}, time.Minute, 0, "it is not known whether"},
	} {
		t.Run(strings.ReplaceAll(name, ",", ""), func(t *testing.T) {
			b := newBank(c.moods...)
			s := start(t, undone, patterntest.Config{Answers: b.answers()})
			s.begin(`{"id":"W-1","total":9}`)
			s.at("W-1", "billing")
			s.Advance(c.wait)
			s.at("W-1", "billing")
			s.signal("W-1", "cancel", "")
			for range 3 {
				s.Advance(time.Minute)
			}
			if c.task != "" {
				if k := s.task(); !strings.Contains(k.Why, c.task) {
					t.Errorf("task %+v", *k)
				}
				s.fillIn(s.task().ID, "ann", `{"done":true}`)
			}
			s.at("W-1", "cancelled")
			s.wantCalls("billing.charge", 1)
			s.wantCalls("billing.refund", c.refunds)
			if b.kept() != 0 || b.taken() != c.refunds {
				t.Errorf("%d charges taken, %d kept", b.taken(), b.kept())
			}
			s.clean()
		})
	}
}
