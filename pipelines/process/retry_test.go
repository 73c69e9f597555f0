package process_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

const retried = `
  order:
    id: order.id
    data: {order: order}
    errors: {rejected: {set: {why: =error.message}, goto: refused}}
    states:
      billing:
        steps:
          - {call: billing.charge, with: {amount: =order.total}, retry: {times: 2, wait: 1m..1m, errors: [timeout, unavailable]}, as: charge}
          - {send: ops, with: {charged: =charge.id}}
        errors: {invalid: {when: order.total > 10, goto: refused}, throttled: {retry: {times: 1, wait: 1h..1h, errors: [throttled]}}}
        next: [{goto: done}]
      done: {final: true}
      refused: {final: true, steps: [{send: log, with: {why: '=why ?? "none"'}}]}
`

func TestRetryIsSeen(t *testing.T) {
	s := start(t, retried, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": script("timeout", "unavailable", `{"id":"c1"}`)}})
	s.begin(`{"id":"W-1","total":9}`)
	for tries := 1; tries <= 2; tries++ {
		p := s.at("W-1", "billing").Places[0]
		if p.Phase != process.Running || p.Step != "order/billing/call billing.charge" || p.Tries != tries || p.Error == nil || p.Due.IsZero() {
			t.Errorf("try %d: %+v", tries, p)
		}
		s.Advance(p.Due.Sub(s.Clock.Now()))
	}
	s.at("W-1", "done")
	s.wantCalls("billing.charge", 1)
	if n := len(s.Called("billing.charge")); n != 3 {
		t.Errorf("%d calls, want 3 with one key", n)
	}
	patterntest.Want(t, "sent once", s.WaitingBodies("ops"), `{"charged":"c1"}`)
	s.clean()
}

// failed is a process whose charge failed for good.
func failed(t *testing.T, answers ...string) *site {
	s := start(t, retried, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": script(answers...)}})
	s.begin(`{"id":"W-1","total":9}`)
	s.Advance(10 * time.Minute)
	s.Advance(10 * time.Minute)
	p := s.at("W-1", "billing").Places[0]
	dead := s.Dead()
	if p.Phase != process.Failed || p.Error.Class != "timeout" || len(dead) != 1 || dead[0].Error.Where != "order/billing/call billing.charge" {
		t.Fatalf("place %+v, dead letters %v", p, dead)
	}
	list, err := process.AllStuck(context.Background(), s.Store, "order", 10)
	if err != nil || len(list) != 1 || list[0].Instance != "W-1" || list[0].State != "billing" || list[0].Problem.Class != "timeout" {
		t.Fatalf("stuck: %+v %v", list, err)
	}
	return s
}

func TestRetriesAreUsedUp(t *testing.T) {
	for name, again := range map[string]func(s *site){
		"by hand": func(s *site) { s.put(process.Retry("order", "W-1", "R", s.Clock.Now())) },
		"by a replay": func(s *site) {
			if err := s.Store.Commit(context.Background(), &hub.Unit{Settles: []hub.Settle{{Seq: s.Dead()[0].Seq, Replay: true}}}); err != nil {
				t.Fatal(err)
			}
			s.Runtime.WakeAll()
			s.Settle()
		},
	} {
		t.Run(name+" and it holds", func(t *testing.T) {
			s := failed(t, "timeout", "timeout", "timeout", `{"id":"c1"}`)
			again(s)
			s.at("W-1", "done")
			s.wantCalls("billing.charge", 1)
			patterntest.Want(t, "sent once", s.WaitingBodies("ops"), `{"charged":"c1"}`)
			s.clean()
		})
		t.Run(name+" and it fails again", func(t *testing.T) {
			s := failed(t, "timeout")
			again(s)
			s.Advance(10 * time.Minute)
			s.Advance(10 * time.Minute)
			if p := s.at("W-1", "billing").Places[0]; p.Phase != process.Failed {
				t.Errorf("place %+v", p)
			}
			if n := len(s.Called("billing.charge")); n != 6 {
				t.Errorf("%d calls, want 3 more", n)
			}
			if n := len(s.Dead()); n != 1 {
				t.Errorf("%d dead letters of one place", n)
			}
		})
	}
}

// Both ways at once: the steps run once.
func TestRetryByHandAndByReplay(t *testing.T) {
	s := failed(t, "timeout", "timeout", "timeout", `{"id":"c1"}`)
	seq := s.Dead()[0].Seq
	s.put(process.Retry("order", "W-1", "R", s.Clock.Now()))
	s.at("W-1", "done")
	if err := s.Store.Commit(context.Background(), &hub.Unit{Settles: []hub.Settle{{Seq: seq, Replay: true}}}); !errors.Is(err, hub.ErrConflict) {
		t.Fatalf("its dead letter is gone, and a replay of it says %v", err)
	}
	s.Runtime.WakeAll()
	s.Settle()
	s.wantCalls("billing.charge", 1)
	patterntest.Want(t, "sent once", s.WaitingBodies("ops"), `{"charged":"c1"}`)
	s.clean()
}

func TestErrorsLeadToStates(t *testing.T) {
	for name, c := range map[string]struct{ answer, body, state, log string }{
		"of the process":             {"rejected", `{"id":"W-1","total":9}`, "refused", `{"why":"refused"}`},
		"of the state":               {"invalid", `{"id":"W-1","total":11}`, "refused", `{"why":"none"}`},
		"whose condition fails":      {"invalid", `{"id":"W-1","total":9}`, "billing", ""},
		"that nobody says a word of": {"bug", `{"id":"W-1","total":9}`, "billing", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, retried, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": refuse(hub.Class(c.answer))}})
			s.begin(c.body)
			s.at("W-1", c.state)
			if got := strings.Join(s.WaitingBodies("log"), " "); got != c.log {
				t.Errorf("logged %s, want %s", got, c.log)
			}
			want := 0
			if c.state == "billing" {
				want = 1
			}
			if n := len(s.Dead()); n != want {
				t.Errorf("%d dead letters, want %d", n, want)
			}
		})
	}
}

// A class that the state tries again in its own way.
func TestErrorsTryAgain(t *testing.T) {
	s := start(t, retried, patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": script("throttled", "throttled", "throttled", `{"id":"c1"}`)}})
	s.begin(`{"id":"W-1","total":9}`)
	for range 3 { // an answer that asks to come later costs no try
		s.at("W-1", "billing")
		s.Advance(time.Hour)
	}
	s.at("W-1", "done")
	s.clean()
}
