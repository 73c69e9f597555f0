package process_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
)

// picking takes every item, one after another for those that are away.
const picking = `
  order:
    id: order.id
    data: {order: order}
    receive: {cancel: {goto: cancelling}}
    states:
      picking:
        each: order.items
        item: line
        as: parcels
        states:
          asking:
            steps: [{call: shipping.pick, with: {sku: =line.sku, n: =index}, as: got, compensate: {send: log, with: {back: =got.sku, line: =line.sku, n: =index}}}]
            next: [{when: got.n == 1, goto: waiting}, {goto: taken}]
          waiting: {timers: [{after: 1h, goto: taken}]}
          taken: {steps: [{set: {shelf: '="S-" + line.sku'}}], final: true}
        next: [{goto: held}]
      held: {receive: {shipped: {goto: done}}}
      done: {final: true, steps: [{send: ops, with: {shelves: '=map(parcels, .shelf)', lines: '=map(parcels, .line.sku)', places: '=map(parcels, .index)', all: =parcels}}]}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      cancelled: {final: true}
`

const threeItems = `{"id":"W-1","items":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]}`

func TestEachItem(t *testing.T) {
	s := start(t, picking, patterntest.Config{Answers: map[string]patterntest.Answer{"shipping.pick": echo}})
	s.begin(threeItems)
	if got, want := places(s.at("W-1", "picking")), "picking=forked picking/0:taken=done picking/1:waiting=waiting picking/2:taken=done"; got != want {
		t.Errorf("it stands at %s, want %s", got, want)
	}
	s.Advance(time.Hour) // the second is the last
	s.at("W-1", "held")
	s.signal("W-1", "shipped", "")
	s.at("W-1", "done")
	got := strings.Join(s.WaitingBodies("ops"), " ")
	if want := `{"shelves":["S-a","S-b","S-c"],"lines":["a","b","c"],"places":[0,1,2],"all":[`; !strings.HasPrefix(got, want) {
		t.Errorf("results\n%s, want\n%s", got, want)
	}
	s.wantCalls("shipping.pick", 3)
	s.clean()
}

func TestEachOfNothing(t *testing.T) {
	for _, body := range []string{`{"id":"W-1","items":[]}`, `{"id":"W-1"}`} {
		s := start(t, strings.Replace(picking, "each: order.items", "each: order.items ?? []", 1), patterntest.Config{})
		s.begin(body)
		s.at("W-1", "held")
		s.signal("W-1", "shipped", "")
		patterntest.Want(t, body, s.WaitingBodies("ops"), `{"shelves":[],"lines":[],"places":[],"all":[]}`)
		s.clean()
	}
}

// Every item is undone with its own element and result.
func TestEachIsUndone(t *testing.T) {
	s := start(t, picking, patterntest.Config{Answers: map[string]patterntest.Answer{"shipping.pick": func(c context.Context, m *hub.Message) (*hub.Message, error) {
		if strings.Contains(string(m.Body.Bytes()), `"c"`) {
			return nil, hub.Fail(hub.Rejected, "gone", "no c")
		}
		return echo(c, m)
	}}})
	s.begin(threeItems)
	s.at("W-1", "picking")
	s.signal("W-1", "cancel", "")
	s.at("W-1", "cancelled")
	undone := s.WaitingBodies("log")
	slices.Sort(undone) // which of them answered first is chance
	patterntest.Want(t, "undone", undone, `{"back":"a","line":"a","n":0}`, `{"back":"b","line":"b","n":1}`)
	s.clean() // the dead letter of the third is gone with what failed
}

func TestEachKeepsAKeyOfItsOwn(t *testing.T) {
	s := start(t, picking, patterntest.Config{Answers: map[string]patterntest.Answer{"shipping.pick": echo}})
	s.begin(threeItems)
	seen := map[string]bool{}
	for _, k := range s.calls("shipping.pick") {
		seen[k] = true
	}
	for _, want := range []string{"order:W-1/1.0/1/order/asking/call.shipping.pick", "order:W-1/1.1/1/order/asking/call.shipping.pick", "order:W-1/1.2/1/order/asking/call.shipping.pick"} {
		if !seen[want] {
			t.Errorf("no call has the key %s: %v", want, seen)
		}
	}
}
