package process_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
	"orderhub/pipelines/process/instance"
)

// long is a flow with everything that must outlive a stop: calls, retries, branches, timers, a task, events, compensation.
const long = `
  order:
    id: order.id
    data: {order: order}
    events: happened
    receive: {cancel: {goto: cancelling, until: done}}
    states:
      review: {task: {group: desk, ask: {approve: bool}, due: 1d, late: {send: ops, with: late}}, next: [{when: task.approve, goto: billing}, {goto: cancelling}]}
      billing:
        steps: [{call: billing.charge, with: {amount: =order.total}, as: charge, retry: {times: 3, wait: 1h..1h}, compensate: {call: billing.refund, with: {charge: =charge.id}}}]
        next: [{goto: filling}]
      filling:
        parallel:
          goods: {states: {away: {receive: {arrived: {goto: there}}, timers: [{after: 1d, send: ops, with: slow}]}, there: {final: true}}}
          paper: {steps: [{call: shipping.book, as: booked, compensate: {call: shipping.cancel, with: {id: =booked.id}}}]}
        next: [{goto: ready}]
      ready: {receive: {sent: {goto: done}}, timers: [{after: 2d, send: ops, with: idle}]}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
`

// follow takes an order through long; between every two steps it lets the hub be changed.
func follow(t *testing.T, s *site, last string, between func()) {
	for _, step := range []func(){
		func() { s.begin(`{"id":"W-1","total":9}`) },
		func() { s.Advance(24 * time.Hour) }, // the task is late
		func() { s.fillIn(s.task().ID, "ann", `{"approve":true}`) },
		func() { s.Advance(time.Hour) },      // the charge is tried again
		func() { s.Advance(24 * time.Hour) }, // the goods are slow
		func() { s.signal("W-1", "arrived", "") },
		func() { s.Advance(48 * time.Hour) }, // it stands idle
		func() { s.signal("W-1", last, "") },
	} {
		step()
		between()
	}
}

// TestStops: an order reaches the same end whether the hub is stopped between any two steps, or never.
func TestStops(t *testing.T) {
	for name, c := range map[string]struct {
		store string
		stop  bool
	}{"memory": {"memory:", false}, "sqlite": {"sqlite:hub.db", false}, "sqlite and stops": {"sqlite:hub.db", true}} {
		for last, end := range map[string]string{"sent": "done", "cancel": "cancelled"} {
			t.Run(name+" "+end, func(t *testing.T) {
				store := strings.Replace(c.store, "hub.db", filepath.Join(t.TempDir(), "hub.db"), 1)
				b := newBank("lost")
				clock := patterntest.NewClock()
				s := start(t, long, patterntest.Config{Store: store, Clock: clock, Answers: b.answers()})
				follow(t, s, last, func() {
					if c.stop {
						s.Stop()
						s.Hub = start(t, long, patterntest.Config{Store: store, Clock: clock, Answers: b.answers()}).Hub
					}
				})
				s.at("W-1", end)
				want := []string{"charge", "charge", "book"}
				if end == "cancelled" {
					want = append(want, "cancel", "refund c1")
				}
				patterntest.Want(t, "far ends", b.log, want...)
				patterntest.Want(t, "told", s.WaitingBodies("ops"), `"late"`, `"slow"`, `"idle"`)
				if b.taken() != 1 {
					t.Errorf("%d charges", b.taken())
				}
				s.clean()
			})
		}
	}
}

// A stop while a far end is asked: it is asked again with the same key.
func TestStopWhileAFarEndIsAsked(t *testing.T) {
	store := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
	b := newBank()
	answers := b.answers()
	g := newGate(b.charge)
	answers["billing.charge"] = g.answer
	s := start(t, undone, patterntest.Config{Store: store, Answers: answers})
	s.hand(`{"id":"W-1","total":9}`)
	g.await(t)
	clock := s.Clock
	s.Runtime.Drain = 50 * time.Millisecond // the far end takes longer
	s.Stop()
	first := s.calls("billing.charge")
	s.Hub = start(t, undone, patterntest.Config{Store: store, Clock: clock, Answers: b.answers()}).Hub
	s.Settle()
	s.at("W-1", "held")
	if second := s.calls("billing.charge"); len(first) != 1 || !slices.Equal(first, second) {
		t.Errorf("keys %q and %q", first, second)
	}
	s.signal("W-1", "cancel", "")
	s.at("W-1", "cancelled")
	if b.taken() != 1 || b.kept() != 0 {
		t.Errorf("%d charges taken, %d kept", b.taken(), b.kept())
	}
	s.clean()
}

// A stop while two branches ask: each is asked again with its own key, and a branch that was left meanwhile is not.
func TestStopWhileBranchesAsk(t *testing.T) {
	for name, c := range map[string]struct{ event, end, far string }{
		"and go on":    {"", "done", "charge"},
		"and are left": {"cancel", "cancelled", "charge refund c1"},
	} {
		t.Run(name, func(t *testing.T) {
			store := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
			b := newBank()
			money, goods := newGate(b.charge), newGate(answer(`{"there":true}`))
			s := start(t, filling, patterntest.Config{Store: store, Answers: map[string]patterntest.Answer{"billing.charge": money.answer, "shipping.pick": goods.answer}})
			s.hand(`{"id":"W-1","total":9}`)
			money.await(t)
			goods.await(t)
			if c.event != "" {
				s.tell("W-1", c.event, "")
				patterntest.Until(t, "it is leaving", func() bool { return s.view("W-1").Leaving == "cancelling" })
			}
			s.Runtime.Drain = 50 * time.Millisecond
			clock, keys := s.Clock, append(s.calls("billing.charge"), s.calls("shipping.pick")...)
			s.Stop()
			answers := b.answers()
			answers["shipping.pick"] = answer(`{"there":true}`)
			s.Hub = start(t, filling, patterntest.Config{Store: store, Clock: clock, Answers: answers}).Hub
			s.Settle()
			s.at("W-1", c.end)
			patterntest.Want(t, "keys", append(s.calls("billing.charge"), s.calls("shipping.pick")...), keys...)
			if got := strings.Join(b.log, " "); !strings.HasPrefix(got, c.far) || b.taken() != 1 {
				t.Errorf("far ends: %s, want %s", got, c.far)
			}
			s.clean()
		})
	}
}

// Another hub went on with the instance since this one saw it last: what it drives is not taken for something old.
func TestInstanceInMemoryIsOld(t *testing.T) {
	s := start(t, firstVersion, patterntest.Config{Answers: newBank().answers()})
	s.begin(`{"id":"W-1","total":9}`)
	s.at("W-1", "packing")
	rec, err := s.Store.Get(t.Context(), "process order", "W-1")
	if err != nil {
		t.Fatal(err)
	}
	in, err := instance.Decode(rec)
	if err != nil {
		t.Fatal(err)
	}
	tok := in.Root()
	tok.State, tok.Step, tok.Phase, tok.Visit, tok.Run = "billing", 0, instance.Running, tok.Visit+1, tok.Run+1
	drive := &hub.Message{ID: "D1", Correlation: "W-1", Time: s.Clock.Now(), Headers: hub.Headers{"process": fmt.Sprintf("drive %d %d", tok.ID, tok.Run)}}
	if err := s.Store.Commit(t.Context(), &hub.Unit{Writes: []hub.Write{{Kind: rec.Kind, Key: rec.Key, Value: in.Encode(), IfVersion: rec.Version}}}); err != nil {
		t.Fatal(err)
	}
	s.put(hub.Put{Queue: "process order", Msg: drive})
	s.wantCalls("billing.charge", 2)
	if v := s.at("W-1", "packing"); v.Places[0].Phase != process.Waiting {
		t.Errorf("nobody drives it any more: %+v", v.Places)
	}
}
