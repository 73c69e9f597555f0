package pipelines_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
)

// TestOnePlanOpenedTwice: a plan does not change when it is opened. A second runtime opens it while the first one works,
// each has handles of its own, and one goes on when the other is closed.
func TestOnePlanOpenedTwice(t *testing.T) {
	var n atomic.Int64
	c := patterntest.Config{Registry: language(), YAML: `
adapters: {web: {type: fake-web}, mail: {type: fake}, far: {type: fake, ops: [ask]}, rabbit: {type: fake}}
channels:
  orders: {type: direct, key: body.id}
  news: {type: topic}
  out: {type: direct, via: rabbit}
pipelines:
  in:
    from: {web: POST /orders}
    steps:
      - {enrich: {call: far.ask, into: body.extra, cache: 1h}}
      - {send: orders}
      - {reply: {status: 201, body: =body}}
  work:
    from: orders
    steps:
      - {call: far.ask, as: got, shadow: {call: far.ask}}
      - {send: {news: order.paid}}
      - {send: {mail: paid}, with: {id: =body.id, n: =got.n}}
      - {send: out}
  sum:
    from: {news: "order.*"}
    steps:
      - {aggregate: {by: body.id, until: size == 2, give: {n: =size}}}
      - {count: sums}
`, Answers: map[string]patterntest.Answer{"far.ask": func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody(fmt.Appendf(nil, `{"n":%d}`, n.Add(1))), Headers: hub.Headers{hub.HeaderStatus: "200"}}, nil
	}}}
	first := patterntest.Start(t, c)
	work := func(h *patterntest.Hub) {
		for i := range 10 {
			m := h.Message("", fmt.Sprintf(`{"id":"o-%d"}`, i))
			if r, err := h.In("in", m); err != nil || !strings.Contains(string(r.Body.Bytes()), fmt.Sprintf(`"id":"o-%d"`, i)) {
				t.Errorf("%v %v", r, err)
			}
		}
	}
	worked := make(chan bool)
	go func() { defer close(worked); work(first) }()
	second := first.Twin(t)
	work(second)
	<-worked
	first.Settle()
	first.Stop()
	work(second)
	second.Settle()
	if got := second.Counters("count sums"); got[""] != 10 {
		t.Errorf("the second hub counted %v, and had each of 10 orders twice", got)
	}
	if mails, out := len(first.Sent("mail paid")), len(first.Sent("rabbit channel out")); mails != 30 || out != 30 {
		t.Errorf("%d mails and %d messages on the broker of 30 orders", mails, out)
	}
}
