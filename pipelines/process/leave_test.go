package process_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// second charges in its second step: then the instance is stored while the far end is asked.
const second = `
  order:
    id: order.id
    data: {order: order}
    receive: {cancel: {goto: cancelling, until: done}}
    states:
      first: {steps: [{call: shipping.pick}], next: [{goto: billing}]}
      billing:
        steps: [{call: billing.charge, with: {amount: =order.total}, as: charge, retry: {times: 3, wait: 1h..1h}, compensate: {call: billing.refund, with: {charge: =charge.id}}}]
        next: [{goto: held}]
      held: {receive: {sent: {goto: done}}}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
`

// A cancel comes while a far end is asked, and the hub stops before the answer:
// the next run does not know whether there was an effect, and finds out.
func TestStopWhileALeaveWaits(t *testing.T) {
	for name, moods := range map[string][]string{"first try": nil, "second try": {"unavailable"}} {
		t.Run(name, func(t *testing.T) {
			file := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
			b := newBank(moods...)
			answers := b.answers()
			asked := make(chan struct{}, 10)
			answers["billing.charge"] = func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
				reply, err := b.charge(ctx, m)
				if err != nil {
					return reply, err
				}
				asked <- struct{}{} // it has its effect, and the answer never comes
				<-ctx.Done()
				return nil, ctx.Err()
			}
			s := start(t, second, patterntest.Config{Store: file, Answers: answers})
			s.hand(`{"id":"W-1","total":9}`)
			if moods != nil { // the first try has no effect; the second, in an hour, is the one that the stop meets
				s.Settle()
				s.Clock.Advance(2 * time.Hour)
			}
			<-asked
			p := process.Signal("order", "W-1", "E", "cancel", object(t, `{}`), s.Clock.Now())
			if err := s.Runtime.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{p}}); err != nil {
				t.Fatal(err)
			}
			for s.view("W-1").Leaving == "" {
				time.Sleep(time.Millisecond)
			}
			clock := s.Clock
			s.Runtime.Drain = 50 * time.Millisecond
			s.Stop()
			s.Hub = start(t, second, patterntest.Config{Store: file, Clock: clock, Answers: b.answers()}).Hub
			s.Settle()
			s.at("W-1", "cancelled")
			if picks := len(slices.DeleteFunc(slices.Clone(b.log), func(what string) bool { return what != "pick" })); picks != 1 {
				t.Errorf("the finished first step ran %d times", picks)
			}
			if b.taken() != 1 || b.kept() != 0 {
				t.Errorf("%d charges taken, %d kept", b.taken(), b.kept())
			}
		})
	}
}
