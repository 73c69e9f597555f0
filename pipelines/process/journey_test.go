package process_test

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

const reacts = `
  order:
    id: order.id
    data: {order: order}
    states:
      billing:
        steps: [{call: billing.charge, with: {amount: =order.total}, as: charge}]
        errors: {rejected: {set: {share: '=order.total / number(order.items[0].sku)'}, goto: refused}}
        next: [{goto: done}]
      done: {final: true}
      refused: {final: true}
`

// An error inside the reaction to a step's error: the place, its dead letter and its history tell both.
func TestFault_V9_ReactionOfAState(t *testing.T) {
	s := start(t, reacts, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": script("rejected")}})
	s.begin(`{"id":"W-1","total":9,"items":[{"sku":"no number"}]}`)
	p := s.at("W-1", "billing").Places[0]
	const first = "while handling rejected far_end at order/billing/call billing.charge"
	if p.Phase != process.Failed || p.Error == nil || !strings.Contains(p.Error.Message, "sku") || !strings.Contains(p.Error.Message, "while handling rejected") {
		t.Errorf("place %+v", p.Error)
	}
	dead := s.Dead()
	if len(dead) != 1 || dead[0].Error.First == nil || dead[0].Error.First.Class != hub.Rejected || dead[0].Error.First.Where != "order/billing/call billing.charge" {
		t.Fatalf("dead letters %+v", dead)
	}
	if text := strings.Join(s.History("W-1"), "\n"); !strings.Contains(text, "while handling rejected") {
		t.Errorf("history has no %q: %s", first, text)
	}
}

// A problem's text that is cut stays text.
func TestFault_P4_ProblemCutInsideARune(t *testing.T) {
	for _, before := range []string{"", "a"} {
		s := start(t, reacts, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": func(context.Context, *hub.Message) (*hub.Message, error) {
			return nil, hub.Fail(hub.Invalid, "x", "%s", before+strings.Repeat("ž", 1000))
		}}})
		s.begin(`{"id":"W-1","total":9}`)
		p := s.at("W-1", "billing").Places[0]
		if p.Error == nil || !utf8.ValidString(p.Error.Message) || len(p.Error.Message) < 498 || len(p.Error.Message) > 500 {
			t.Errorf("place %+v", p.Error)
		}
	}
}

// Another unit was quicker: that costs a step no attempt, as it costs a message none.
func TestFault_P4_ConflictCostsNoAttempt(t *testing.T) {
	n := 0
	s := start(t, retried, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		if n++; n <= 5 {
			return nil, hub.AsError(hub.ErrConflict)
		}
		return answer(`{"id":"c1"}`)(ctx, m)
	}}})
	s.begin(`{"id":"W-1","total":9}`)
	for range 6 {
		if p := s.view("W-1").Places; len(p) > 0 && p[0].Tries != 0 {
			t.Errorf("%d tries after %d calls", p[0].Tries, n)
		}
		s.Advance(2 * time.Minute)
	}
	s.at("W-1", "done")
}
