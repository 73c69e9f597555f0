package process_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// card is the flow of a card that may be declined, or expired and renewed.
const card = `
  order:
    id: order.id
    data: {order: order}
    events: happened
    milestones: [paid]
    receive: {cancel: {goto: cancelling, until: shipped}}
    states:
      billing:
        steps:
          - call: billing.charge
            with: {amount: =order.total, card: =order.card}
            as: charge
            compensate: {when: charge.result == "approved", call: billing.refund, with: {charge: =charge.id}}
        next:
          - {when: charge.result == "approved", goto: paid}
          - {when: charge.result == "expired", goto: awaiting_card}
          - {goto: cancelling}
      awaiting_card:
        steps: [{send: {mail: expired, to: =order.id}}]
        receive: {card_updated: {set: {order.card: =event.card}, goto: billing}}
        timers:
          - {after: 7d, send: {mail: reminder, to: =order.id}}
          - {after: 14d, goto: cancelling}
      paid: {receive: {picked_up: {goto: shipped}}}
      shipped: {receive: {delivered: {goto: done}}}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
`

func TestExpiredCardIsUpdated(t *testing.T) {
	n := 0
	s := start(t, card, patterntest.Config{Answers: map[string]patterntest.Answer{
		"billing.charge": func(c context.Context, m *hub.Message) (*hub.Message, error) {
			if n++; n == 1 {
				return answer(`{"result":"expired"}`)(c, m)
			}
			return answer(`{"result":"approved","id":"c1"}`)(c, m)
		}}})
	s.begin(`{"id":"W-1","total":9.90,"card":"old"}`)
	v := s.at("W-1", "awaiting_card")
	if len(v.Places[0].Timers) != 2 || len(s.Sent("mail expired")) != 1 {
		t.Errorf("timers %v, mails %d", v.Places[0].Timers, len(s.Sent("mail expired")))
	}
	s.Advance(8 * 24 * time.Hour)
	if len(s.Sent("mail reminder")) != 1 {
		t.Error("no reminder")
	}
	s.Advance(5 * 24 * time.Hour)
	s.signal("W-1", "card_updated", `{"card":"new"}`)
	s.at("W-1", "paid")
	s.wantCalls("billing.charge", 2)
	if !strings.Contains(string(s.Called("billing.charge")[1].Body.Bytes()), `"card":"new"`) {
		t.Errorf("the second charge has %s", s.Called("billing.charge")[1].Body.Bytes())
	}
	s.Advance(30 * 24 * time.Hour)
	s.at("W-1", "paid")
	s.signal("W-1", "picked_up", "")
	s.signal("W-1", "delivered", "")
	if v = s.at("W-1", "done"); v.Closed.IsZero() {
		t.Error("it is not closed")
	}
	if len(s.Dead()) > 0 {
		t.Errorf("dead letters: %+v", s.Dead()[0].Error)
	}
}

func TestCardNeverUpdated(t *testing.T) {
	s := start(t, card, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`{"result":"expired"}`)}})
	s.begin(`{"id":"W-1","total":9.90}`)
	s.Advance(14*24*time.Hour - time.Second)
	s.at("W-1", "awaiting_card")
	s.Advance(time.Second)
	s.at("W-1", "cancelled")
	s.wantCalls("billing.refund", 0)
}

func TestCancelUndoesWhatWasDone(t *testing.T) {
	s := start(t, card, patterntest.Config{Answers: map[string]patterntest.Answer{
		"billing.charge": answer(`{"result":"approved","id":"c1"}`), "billing.refund": answer(`{}`)}})
	s.begin(`{"id":"W-1","total":9.90}`)
	s.at("W-1", "paid")
	s.signal("W-1", "cancel", "")
	s.at("W-1", "cancelled")
	s.wantCalls("billing.refund", 1)
	if body := string(s.Called("billing.refund")[0].Body.Bytes()); body != `{"charge":"c1"}` {
		t.Errorf("refunded %s", body)
	}
}

func TestCancelComesTooLate(t *testing.T) {
	s := start(t, card, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`{"result":"approved","id":"c1"}`)}})
	s.begin(`{"id":"W-1","total":9.90}`)
	s.signal("W-1", "picked_up", "")
	s.signal("W-1", "cancel", "")
	s.at("W-1", "shipped")
	s.signal("W-1", "delivered", "")
	s.at("W-1", "done")
}

func TestEventsComeEarly(t *testing.T) {
	s := start(t, card, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`{"result":"approved","id":"c1"}`)}})
	s.signal("W-1", "delivered", "")
	s.signal("W-1", "picked_up", "")
	if v := s.at("W-1", ""); len(v.Early) != 2 {
		t.Errorf("early events: %v", v.Early)
	}
	s.begin(`{"id":"W-1","total":9.90}`)
	s.at("W-1", "done")
	if waiting := s.Waiting("process order"); len(waiting) != 0 {
		t.Errorf("%d messages are left", len(waiting))
	}
}

func TestEventsThatNobodyTakes(t *testing.T) {
	s := start(t, card, patterntest.Config{})
	s.signal("W-9", "delivered", "")
	s.Advance(30 * 24 * time.Hour)
	dead := s.Dead()
	if len(dead) != 1 || dead[0].Error.Reason != "no_process" {
		t.Errorf("dead letters: %v", dead)
	}
}

func TestRepeatsChangeNothing(t *testing.T) {
	s := start(t, card, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`{"result":"expired"}`)}})
	start := process.Start("order", "W-1", "S", object(t, `{"id":"W-1","total":1}`), s.Clock.Now())
	s.put(start)
	s.put(start)
	again := process.Start("order", "W-1", "S2", object(t, `{"id":"W-1","total":2}`), s.Clock.Now())
	s.put(again)
	s.wantCalls("billing.charge", 1)
	e := process.Signal("order", "W-1", "E", "card_updated", object(t, `{"card":"x"}`), s.Clock.Now())
	s.put(e)
	s.put(e)
	s.wantCalls("billing.charge", 2)
	v := s.at("W-1", "awaiting_card")
	if len(v.Early) != 0 {
		t.Errorf("a repeat is kept: %v", v.Early)
	}
}
