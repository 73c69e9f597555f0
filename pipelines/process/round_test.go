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

// goesRound leads round over a timer whose time is always over: no check of the file can know.
const goesRound = `
  order:
    id: order.id
    data: {order: order}
    states:
      new:
        steps: [{call: shipping.book, as: booked, compensate: {call: shipping.cancel}}]
        next: [{goto: billing}]
      billing:
        steps: [{call: billing.charge, with: {amount: =order.total}, as: charge}]
        next: [{goto: waiting}]
      waiting: {timers: [{at: '="2020-01-01T00:00:00Z"', goto: billing}], receive: {stop: {goto: done}}}
      cancelling: {compensate: all, next: [{goto: done}]}
      done: {final: true}
`

// stuckRound wants the instance stuck, after so many calls and no more.
func stuckRound(t *testing.T, s *site, calls int) {
	t.Helper()
	s.wantCalls("billing.charge", calls)
	list, err := process.AllStuck(context.Background(), s.Store, "order", 10)
	if err != nil || len(list) != 1 || list[0].Problem.Reason != "goes_round" {
		t.Fatalf("stuck: %+v %v", list, err)
	}
	if d := s.Dead(); len(d) != 1 || !strings.Contains(d[0].Error.Message, "101 states within a minute, and waiting once more") {
		t.Errorf("dead letters %+v", d[0].Error)
	}
}

// An instance that goes round stops, is seen, goes on when somebody retries, and stops again.
func TestFault_M2_RoundIsBounded(t *testing.T) {
	s := start(t, goesRound, patterntest.Config{Answers: newBank().answers()})
	s.begin(`{"id":"W-1","total":9}`)
	stuckRound(t, s, 50)
	s.put(process.Retry("order", "W-1", "r1", s.Clock.Now()))
	s.wantCalls("billing.charge", 100)
	s.put(process.Cancel("order", "W-1", "c1", "it goes round", s.Clock.Now()))
	s.at("W-1", "done")
}

// The count is in the record: another life of the hub goes on with it.
func TestFault_M2_CountIsStored(t *testing.T) {
	everySecond := strings.Replace(goesRound, `{at: '="2020-01-01T00:00:00Z"'`, "{after: 1s", 1)
	b, store := newBank(), "sqlite:"+filepath.Join(t.TempDir(), "hub.db")
	s := start(t, everySecond, patterntest.Config{Store: store, Answers: b.answers()})
	s.begin(`{"id":"W-1","total":9}`)
	half := func() {
		for range 28 { // of 50 rounds of two states each that a minute may have
			s.Advance(time.Second)
		}
	}
	half()
	if s.at("W-1", "waiting"); len(s.Dead()) != 0 {
		t.Error("58 states are too many")
	}
	s.upgrade(t, everySecond, store, b)
	half()
	stuckRound(t, s, 50-29)
}

// Another minute begins anew.
func TestFault_M2_MinutesAreCountedApart(t *testing.T) {
	slow := strings.Replace(goesRound, `{at: '="2020-01-01T00:00:00Z"'`, "{after: 2s", 1)
	s := start(t, slow, patterntest.Config{Answers: newBank().answers()})
	s.begin(`{"id":"W-1","total":9}`)
	for range 120 {
		s.Advance(2 * time.Second)
	}
	if s.at("W-1", "waiting"); len(s.Dead()) != 0 {
		t.Error("60 states a minute are too many")
	}
}

// Branches of a long list enter a state each: that is no way round.
func TestFault_M2_ManyBranches(t *testing.T) {
	s := start(t, `
  order:
    id: order.id
    data: {order: order}
    states:
      picking:
        each: order.items
        item: line
        states: {pick: {steps: [{send: log, with: =line}], next: [{goto: packed}]}, packed: {final: true}}
        next: [{goto: done}]
      done: {final: true}
`, patterntest.Config{})
	items := make([]string, 300)
	for i := range items {
		items[i] = fmt.Sprintf(`{"sku":"S%d"}`, i)
	}
	s.begin(`{"id":"W-1","items":[` + strings.Join(items, ",") + `]}`)
	s.at("W-1", "done")
	s.clean()
}
