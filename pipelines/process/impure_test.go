package process_test

import (
	"strings"
	"testing"

	"orderhub/pipelines/patterntest"
)

// changing chooses by what a table says: it may say otherwise when the answer comes.
const changing = `
  order:
    id: order.id
    data: {order: order}
    receive: {cancel: {goto: cancelling}}
    states:
      new: {next: [{when: 'table("limits", "a") != nil', goto: looking}, {goto: billing}]}
      billing: {steps: [{call: billing.charge, as: charge, compensate: {call: billing.refund, with: {charge: =charge.id}}}], next: [{goto: paid}]}
      looking: {steps: [{call: shipping.pick, as: looked}], next: [{goto: paid}]}
      paid: {receive: {sent: {goto: done}}}
      cancelling: {compensate: all, next: [{goto: done}]}
      done: {final: true}
`

// What a rule read changes while the far end is asked: the answer still belongs to the step that asked.
func TestAnswerOfTheStepThatAsked(t *testing.T) {
	b := newBank()
	answers := b.answers()
	g := newGate(b.charge)
	answers["billing.charge"] = g.answer
	s := start(t, changing, patterntest.Config{Answers: answers})
	s.hand(`{"id":"W-1","total":9}`)
	g.await(t)
	s.Put("limits", s.Message("L", `{"max":1}`))
	patterntest.Until(t, "the table has changed", func() bool { return len(s.Records("table limits")) == 1 })
	g.let()
	s.Settle()
	v := s.at("W-1", "paid")
	if !strings.Contains(string(v.Data), `"charge":{"id":"c1"}`) || len(v.Undo) != 1 {
		t.Errorf("data %s, undo %v", v.Data, v.Undo)
	}
	s.signal("W-1", "cancel", "")
	s.at("W-1", "done")
	if b.taken() != 1 || b.kept() != 0 {
		t.Errorf("%d charges taken, %d kept", b.taken(), b.kept())
	}
}
