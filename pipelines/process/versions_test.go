package process_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

const firstVersion = `
  order:
    version: 1
    id: order.id
    data: {order: order}
    states:
      billing: {steps: [{call: billing.charge, as: charge, compensate: {call: billing.refund, with: {charge: =charge.id}}}], next: [{goto: packing}]}
      packing: {receive: {sent: {goto: done}}, timers: [{after: 7d, send: ops, with: slow}, {after: 9d, goto: done}]}
      done: {final: true}
`

// secondVersion has another name for packing, and asks shipping at the end.
const secondVersion = `
  order:
    version: 2
    in_flight: {v1: %s}
    id: order.id
    data: {order: order}
    receive: {cancel: {goto: cancelling}}
    states:
      billing: {steps: [{call: billing.charge, as: charge, compensate: {call: billing.refund, with: {charge: =charge.id}}}], next: [{goto: fulfilling}]}
      fulfilling: {receive: {sent: {goto: booking}}, timers: [{after: 7d, send: ops, with: slow}, {after: 12d, goto: booking}]}
      booking: {steps: [{call: shipping.book}], next: [{goto: done}]}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
`

// upgrade stops the hub and starts it with another configuration, as `hub run` does.
func (s *site) upgrade(t *testing.T, processes, store string, b *bank) []process.Fate {
	t.Helper()
	clock := s.Clock
	s.Stop()
	s.Hub = start(t, processes, patterntest.Config{Store: store, Clock: clock, Answers: b.answers()}).Hub
	return s.prepare(t)
}

func (s *site) prepare(t *testing.T) []process.Fate {
	t.Helper()
	ps := process.Of(s.Plan)
	stranded, err := ps.Prepare(context.Background(), s.Store, s.Store.Commit)
	if err != nil {
		t.Fatal(err)
	}
	if len(stranded) == 0 {
		if err := ps.MoveAll(context.Background(), s.Store, s.Runtime.Commit); err != nil {
			t.Fatal(err)
		}
	}
	s.Settle()
	return stranded
}

func TestVersions(t *testing.T) {
	for name, c := range map[string]struct {
		inFlight string
		do       func(s *site)
		version  int
		state    string
		far      string
	}{
		"finish, by an event":             {"finish", func(s *site) { s.signal("W-1", "sent", "") }, 1, "done", "charge"},
		"finish, by a timer":              {"finish", func(s *site) { s.Advance(6 * 24 * time.Hour) }, 1, "done", "charge"},
		"finish, cancel is unknown to it": {"finish", func(s *site) { s.signal("W-1", "cancel", "") }, 1, "packing", "charge"},
		"move, by an event":               {"{move: {packing: fulfilling}}", func(s *site) { s.signal("W-1", "sent", "") }, 2, "done", "charge book"},
		"move, its timer is that of the new state, from when the old one was entered": {"{move: {packing: fulfilling}}", func(s *site) {
			s.Advance(8*24*time.Hour - time.Second)
			s.at("W-1", "fulfilling")
			s.Advance(time.Second)
		}, 2, "done", "charge book"},
		"move, and undone by the new compensation": {"{move: {packing: fulfilling}}", func(s *site) { s.signal("W-1", "cancel", "") }, 2, "cancelled", "charge refund c1"},
	} {
		t.Run(strings.ReplaceAll(name, ",", ""), func(t *testing.T) {
			store, b := "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), newBank()
			s := start(t, firstVersion, patterntest.Config{Store: store, Answers: b.answers()})
			s.prepare(t)
			s.begin(`{"id":"W-1","total":9}`)
			s.at("W-1", "packing")
			s.Advance(4 * 24 * time.Hour)
			if stranded := s.upgrade(t, strings.Replace(secondVersion, "%s", c.inFlight, 1), store, b); len(stranded) != 0 {
				t.Fatalf("stranded: %+v", stranded)
			}
			c.do(s)
			if v := s.at("W-1", c.state); v.Version != c.version {
				t.Errorf("it runs on version %d, want %d", v.Version, c.version)
			}
			s.begin(`{"id":"W-2","total":9}`)
			if v := s.at("W-2", "fulfilling"); v.Version != 2 {
				t.Errorf("a new one runs on version %d", v.Version)
			}
			if got := strings.Join(b.log, " "); !strings.HasPrefix(got, c.far+" charge") {
				t.Errorf("far ends: %s, want %s first", got, c.far)
			}
		})
	}
}

// What fits no state of the new version is told, and nothing is moved.
func TestVersionStrands(t *testing.T) {
	for name, c := range map[string]struct{ processes, why, help string }{
		"no word of the old version": {strings.Replace(secondVersion, "    in_flight: {v1: %s}\n", "", 1), "", ""},
		"a state that is gone":       {strings.Replace(secondVersion, "%s", "move", 1), "version 2 has no state packing", "write in_flight: {v1: {move: {packing: …}}}, or finish"},
		"an edit without a version":  {strings.Replace(strings.Replace(secondVersion, "    in_flight: {v1: %s}\n", "", 1), "version: 2", "version: 1", 1), "version 1 has no state packing", "give the changed process version: 2 and write in_flight: {v1: finish}"},
	} {
		t.Run(name, func(t *testing.T) {
			store, b := "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), newBank()
			s := start(t, firstVersion, patterntest.Config{Store: store, Answers: b.answers()})
			s.prepare(t)
			s.begin(`{"id":"W-1","total":9}`)
			stranded := s.upgrade(t, c.processes, store, b)
			if c.why == "" {
				if len(stranded) != 0 {
					t.Errorf("stranded: %+v", stranded)
				}
				s.signal("W-1", "sent", "")
				s.at("W-1", "done")
				return
			}
			if len(stranded) != 1 || stranded[0].State != "packing" || stranded[0].Count != 1 || stranded[0].Why != c.why || stranded[0].Help != c.help {
				t.Errorf("stranded: %+v", stranded)
			}
		})
	}
}

// What the new version can't undo is a person's.
func TestVersionWithoutACompensation(t *testing.T) {
	store, b := "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), newBank()
	s := start(t, firstVersion, patterntest.Config{Store: store, Answers: b.answers()})
	s.prepare(t)
	s.begin(`{"id":"W-1","total":9}`)
	second := strings.Replace(strings.Replace(secondVersion, "%s", "{move: {packing: fulfilling}}", 1), ", compensate: {call: billing.refund, with: {charge: =charge.id}}", "", 1)
	if stranded := s.upgrade(t, second, store, b); len(stranded) != 0 {
		t.Fatalf("stranded: %+v", stranded)
	}
	s.signal("W-1", "cancel", "")
	if k := s.task(); !strings.Contains(k.Why, "this version has no compensation of order/billing/call billing.charge") {
		t.Errorf("task: %s", k.Why)
	}
	s.fillIn(s.task().ID, "ann", `{"done":true}`)
	s.at("W-1", "cancelled")
	s.clean()
}

// A branch that has ended is counted nowhere, also when its instance moves to another version.
func TestVersionOfEndedBranches(t *testing.T) {
	const processes = `
  order:
    version: %d
    in_flight: {}
    id: order.id
    data: {order: order}
    states:
      filling:
        parallel:
          papers: {steps: [{send: log}]}
          goods: {receive: {packed: {goto: done}}}
        next: [{goto: done}]
      done: {final: true}
`
	store, b := "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), newBank()
	s := start(t, fmt.Sprintf(processes, 1), patterntest.Config{Store: store, Answers: b.answers()})
	s.prepare(t)
	s.begin(`{"id":"W-1"}`)
	s.at("W-1", "filling")
	if stranded := s.upgrade(t, strings.Replace(fmt.Sprintf(processes, 2), "{}", "{v1: move}", 1), store, b); len(stranded) != 0 {
		t.Fatalf("stranded: %+v", stranded)
	}
	populations, err := process.Populations(context.Background(), s.Store, process.Of(s.Plan), "order")
	if err != nil || len(populations) != 2 {
		t.Errorf("populations %+v %v", populations, err)
	}
	for _, p := range populations {
		if p.Version != 2 || p.Count != 1 || p.State == "papers" {
			t.Errorf("%d tokens are counted in %s of version %d", p.Count, p.State, p.Version)
		}
	}
	s.signal("W-1", "packed", "")
	s.at("W-1", "done")
	s.clean()
}
