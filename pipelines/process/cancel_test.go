package process_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// TestCancelAtAnyPoint: wherever an order stands, its money comes back, and nothing is left of it.
func TestCancelAtAnyPoint(t *testing.T) {
	ways := map[string]func(s *site){
		"event": func(s *site) { s.tell("W-1", "cancel", "") },
		"hand":  func(s *site) { s.Put("process order", process.Cancel("order", "W-1", "C", "test", s.Clock.Now()).Msg) },
	}
	for point, c := range map[string]struct {
		moods []string
		wait  time.Duration
		taken int
		dead  int // of the start, which has no name to call it off by
	}{
		"the charge waits for another try": {[]string{"unavailable"}, 0, 1, 0},
		"the charge has failed":            {[]string{"rejected"}, 0, 0, 1},
		"the charge was lost":              {[]string{"lost", "lost"}, time.Minute, 1, 0},
		"it is booked":                     {nil, 0, 1, 0},
	} {
		for way, cancel := range ways {
			t.Run(point+" by "+way, func(t *testing.T) {
				b := newBank(c.moods...)
				s := start(t, undone, patterntest.Config{Answers: b.answers()})
				s.begin(`{"id":"W-1","total":9}`)
				s.Advance(c.wait)
				cancel(s)
				s.Settle()
				s.Advance(time.Minute)
				s.at("W-1", "cancelled")
				if b.kept() != 0 || b.taken() != c.taken {
					t.Errorf("%d charges taken, %d kept", b.taken(), b.kept())
				}
				s.cleanBut(c.dead)
			})
		}
	}
}

// While a far end is asked, its answer decides what there is to undo.
func TestCancelWhileAFarEndIsAsked(t *testing.T) {
	for _, op := range []string{"billing.charge", "shipping.book"} {
		t.Run(op, func(t *testing.T) {
			b := newBank()
			answers := b.answers()
			g := newGate(answers[op])
			answers[op] = g.answer
			s := start(t, undone, patterntest.Config{Answers: answers})
			s.hand(`{"id":"W-1","total":9}`)
			g.await(t)
			s.tell("W-1", "cancel", "")
			patterntest.Until(t, "it is told", func() bool { v := s.view("W-1"); return v.Leaving == "cancelling" || len(v.Early) == 1 })
			g.let()
			s.Settle()
			s.at("W-1", "cancelled")
			if got := strings.Join(b.log, " "); b.kept() != 0 || op == "billing.charge" && strings.Contains(got, "book") || op == "shipping.book" && !strings.Contains(got, "cancel refund") {
				t.Errorf("far ends: %s", got)
			}
			s.clean()
		})
	}
}

// What is asked when the order is cancelled fails: it is not tried again, and leads nowhere else; a doubt is cleared up.
func TestCancelWhileAFarEndFails(t *testing.T) {
	for mood, want := range map[string]string{"timeout": "charge charge refund c1", "lost": "charge charge refund c1", "rejected": "charge", "invalid": "charge", "throttled": "charge"} {
		t.Run(mood, func(t *testing.T) {
			b := newBank(mood)
			answers := b.answers()
			g := newGate(b.charge)
			answers["billing.charge"] = g.answer
			s := start(t, strings.Replace(undone, "      billing:\n", "      new: {steps: [{call: shipping.pick}], next: [{goto: billing}]}\n      billing:\n        errors: {invalid: {goto: held}}\n", 1), patterntest.Config{Answers: answers})
			s.hand(`{"id":"W-1","total":9}`)
			g.await(t)
			s.tell("W-1", "cancel", "")
			patterntest.Until(t, "it is leaving", func() bool { return s.view("W-1").Leaving == "cancelling" })
			g.let()
			g.let()
			s.Settle()
			s.at("W-1", "cancelled")
			if got := strings.Join(b.log, " "); got != "pick "+want || b.kept() != 0 {
				t.Errorf("far ends: %s, want %s", got, want)
			}
			s.clean()
		})
	}
}

// A cancel that comes while it is undone, or behind the end, changes nothing.
func TestCancelTwice(t *testing.T) {
	b := newBank()
	answers := b.answers()
	g := newGate(b.refund)
	answers["billing.refund"] = g.answer
	s := start(t, undone, patterntest.Config{Answers: answers})
	s.begin(`{"id":"W-1","total":9}`)
	s.tell("W-1", "cancel", "")
	g.await(t)
	s.Put("process order", process.Cancel("order", "W-1", "C", "test", s.Clock.Now()).Msg)
	patterntest.Until(t, "the second is taken", func() bool {
		return !slices.ContainsFunc(s.Waiting("process order"), func(d *hub.Delivery) bool { return d.Msg.ID == "C" })
	})
	g.let()
	s.Settle()
	s.at("W-1", "cancelled")
	patterntest.Want(t, "far ends", b.log, "charge", "book", "cancel", "refund c1")
	s.clean()
	s.put(process.Cancel("order", "W-1", "C2", "test", s.Clock.Now()))
	if dead := s.Dead(); len(dead) != 1 || dead[0].Error.Reason != "no_process" {
		t.Errorf("dead letters: %v", dead)
	}
	s.put(process.Cancel("order", "W-2", "C3", "test", s.Clock.Now()))
	if dead := s.Dead(); len(dead) != 2 {
		t.Errorf("one that never was is cancelled: %d dead letters", len(dead))
	}
	if b.kept() != 0 || len(s.Called("billing.refund")) != 1 {
		t.Errorf("%d refunds", len(s.Called("billing.refund")))
	}
}

func TestCancelOfAProcessThatUndoesNothing(t *testing.T) {
	s := start(t, review, patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	s.put(process.Cancel("order", "W-1", "C", "test", s.Clock.Now()))
	s.at("W-1", "review")
	if dead := s.Dead(); len(dead) != 1 || dead[0].Error.Reason != "no_cancel" || !strings.Contains(dead[0].Error.Message, "compensate: all") {
		t.Errorf("dead letters: %v", dead)
	}
}
