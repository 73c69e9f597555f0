package pipelines_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/count"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/send"
	"orderhub/pipelines/translate"
)

func brokered(yaml string) patterntest.Config {
	return patterntest.Config{YAML: yaml, Registry: pipelines.Registry{
		Patterns: []pipelines.Pattern{call.Pattern(), reply.Pattern(), send.Pattern(), translate.Pattern(), filter.Pattern(), count.Pattern()}}}
}

func answering(yaml, op string, answer patterntest.Answer) patterntest.Config {
	c := brokered(yaml)
	c.Answers = map[string]patterntest.Answer{op: answer}
	return c
}

// A carried channel's messages go to its broker, with key and routing key, and
// with an ID of their own for each step that sends: a reader drops repeats by it.
func TestViaSends(t *testing.T) {
	h := patterntest.Start(t, brokered(`adapters: {in: {type: fake}, rabbit: {type: fake}}
channels: {orders: {type: direct, via: rabbit, key: body.id}, news: {type: topic, via: rabbit}}
pipelines:
  a:
    from: in
    steps:
      - send: orders
      - send: orders
      - send: {news: order.paid}
`))
	h.Must("a", `{"id":"W-1"}`)
	var ids []string
	for _, m := range h.Sent("rabbit channel orders") {
		ids = append(ids, m.ID)
		if m.Key != "W-1" || m.Correlation != "W-1" {
			t.Errorf("%+v", m)
		}
	}
	if len(ids) != 2 || ids[0] == ids[1] || !strings.HasPrefix(ids[0], "01") {
		t.Errorf("ids %q", ids)
	}
	if news := h.Sent("rabbit channel news"); len(news) != 1 || news[0].Headers["routing-key"] != "order.paid" || news[0].Key != "" {
		t.Errorf("%+v", news)
	}
}

// A reader of a carried channel is fed from outside: its messages are checked,
// known by their ID, and subscribed to as the configuration says.
func TestViaReads(t *testing.T) {
	h := patterntest.Start(t, brokered(`hub: {name: desk}
adapters: {in: {type: fake}, rabbit: {type: fake}}
channels: {news: {type: topic, via: rabbit, key: body.id}, out: {type: direct}}
pipelines:
  reader:
    from: {news: order.*}
    lanes: 3
    steps: [{send: out}]
  sink: {from: out, steps: [{filter: "false"}, {send: {news: a.b}}]}
`))
	s := h.Reader("reader")
	if s.Hub != "desk" || s.Pattern != "order.*" || s.Lanes != 3 || s.Key(h.Message("1", `{"id":"k"}`)) != "k" || s.Key(h.Message("1", `nonsense`)) != "" {
		t.Errorf("%+v", s)
	}
	for range 2 {
		if _, err := h.In("reader", h.Message("x-1", `{"id":"1"}`)); err != nil {
			t.Fatal(err)
		}
	}
	h.Settle()
	if got := len(h.Records("inbox")); got > 1 {
		t.Errorf("%d inbox records", got)
	}
}

const asking = `adapters: {in: {type: fake-web}}
channels: {stock: {type: direct, key: body.sku}}
pipelines:
  shop:
    from: in
    steps:
      - {call: stock, with: {sku: =body.sku}, timeout: 5s, as: got}
      - reply: {body: =got}
  stock:
    from: stock
    steps:
      - count: {name: asked, by: [body.sku]}
      - filter: body.sku != "unknown"
      - translate: {left: =body.n + 1}
      - reply: {body: {sku: asked, left: =body.left}}
`

// A call of a channel that the store carries is answered by the pipeline that reads it.
func TestCallThroughTheStore(t *testing.T) {
	config := brokered(strings.Replace(asking, "=body.n + 1", "=2", 1))
	h := patterntest.Start(t, config)
	if m := h.Must("shop", `{"sku":"A"}`); m == nil || string(m.Body.Bytes()) != `{"sku":"asked","left":2}` {
		t.Errorf("%+v", m)
	}
	if m := h.Must("shop", `{"sku":"unknown"}`); m == nil || string(m.Body.Bytes()) != `null` {
		t.Errorf("filtered out: %+v", m)
	}
	if got := h.Counters("count asked"); got["A"] != 1 || got["unknown"] != 1 {
		t.Errorf("%v", got)
	}
	if len(h.Dead()) != 0 || len(h.Waiting("stock")) != 0 {
		t.Error("something is left")
	}
}

// The error of the one who is asked is the caller's, and leaves no dead letter behind.
func TestCallFailsThroughTheStore(t *testing.T) {
	h := patterntest.Start(t, brokered(asking))
	_, err := h.In("shop", h.Message("1", `{"sku":"A"}`))
	if e := hub.AsError(err); e.Class != hub.Invalid || !strings.Contains(e.Error(), "body has no field n") && !strings.Contains(e.Error(), "body.n") {
		t.Errorf("%v", err)
	}
	h.Settle()
	if len(h.Dead()) != 0 {
		t.Errorf("dead letters %+v", h.Dead())
	}
}

// A request that comes again after its work is durable gets the same reply, and
// the work is not done again: of the store's own callers and of a broker's.
func TestReplyIsKept(t *testing.T) {
	h := patterntest.Start(t, brokered(`adapters: {rabbit: {type: fake}}
channels: {stock: {type: direct, via: rabbit}, done: {type: direct}}
pipelines:
  stock:
    from: stock
    steps:
      - {count: {name: asked}}
      - reply: {body: {id: =id}}
  sink: {from: done, steps: [{filter: "false"}, {send: stock}]}
`))
	m := h.Message("r-1", `{}`).WithHeader("reply-to", "amq.reply")
	var bodies []string
	for range 3 {
		got, err := h.In("stock", m)
		if err != nil || got == nil {
			t.Fatal(got, err)
		}
		bodies = append(bodies, string(got.Body.Bytes()))
	}
	if bodies[1] != bodies[0] || bodies[2] != bodies[0] {
		t.Errorf("%q", bodies)
	}
	if got := h.Counters("count asked"); got[""] != 1 {
		t.Errorf("%v", got)
	}
}

// A request's error goes to who asks, and a command's to the store, from one and the same source.
func TestRequestsAndCommands(t *testing.T) {
	h := patterntest.Start(t, answering(`adapters: {rabbit: {type: fake, ops: [ask]}}
channels: {stock: {type: direct, via: rabbit}}
pipelines:
  stock:
    from: stock
    steps:
      - {call: rabbit.ask, as: got}
      - reply: {body: =got}
`, "rabbit.ask", func(context.Context, *hub.Message) (*hub.Message, error) {
		return nil, hub.Fail(hub.Unavailable, "away", "away")
	}))
	if _, err := h.In("stock", h.Message("r-1", `{}`).WithHeader("reply-to", "amq.reply")); hub.AsError(err).Class != hub.Unavailable || err == nil {
		t.Errorf("request: %v", err)
	}
	if n := len(h.Waiting("stock#0")); n != 0 {
		t.Errorf("%d wait", n)
	}
	if _, err := h.In("stock", h.Message("c-1", `{}`)); err != nil {
		t.Errorf("command: %v", err)
	}
	if n := len(h.Waiting("stock#0")); n != 1 {
		t.Errorf("%d wait", n)
	}
}

// What comes too late is no work any more: a request is dropped, a command is a dead letter.
func TestExpiredFromOutside(t *testing.T) {
	h := patterntest.Start(t, brokered(`adapters: {rabbit: {type: fake}}
channels: {stock: {type: direct, via: rabbit}}
pipelines:
  stock:
    from: stock
    steps:
      - {count: {name: asked}}
      - reply: 200
`))
	late := *h.Message("r-1", `{}`)
	late.Expires = h.Clock.Now().Add(-time.Second)
	if got, err := h.In("stock", late.WithHeader("reply-to", "amq.reply")); got != nil || err != nil {
		t.Errorf("%v %v", got, err)
	}
	if len(h.Dead()) != 0 {
		t.Error("a request became a dead letter")
	}
	if _, err := h.In("stock", &late); err != nil {
		t.Error(err)
	}
	if d := h.Dead(); len(d) != 1 || d[0].Error.Reason != "expired" {
		t.Errorf("%+v", d)
	}
	if got := h.Counters("count asked"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// A broker that is not there: the store stands in for its channels and its places.
func TestAbsentBroker(t *testing.T) {
	config := brokered(`adapters: {in: {type: fake}, rabbit: {type: fake}}
channels: {orders: {type: direct, via: rabbit}, left: {type: direct}}
pipelines:
  a:
    from: in
    steps:
      - send: orders
      - send: {rabbit: direct sales}
      - send: {rabbit: topic news order.paid}
  b: {from: orders, steps: [{count: {name: b}}]}
  c: {from: {rabbit: direct sales}, steps: [{count: {name: c}}]}
  d: {from: {rabbit: topic news order.*}, steps: [{count: {name: d}}]}
  e: {from: {rabbit: topic news stock.*}, steps: [{count: {name: e}}, {send: left}]}
`)
	config.Registry.Absent = func(adapter string) bool { return adapter == "rabbit" }
	h := patterntest.Start(t, config)
	h.Must("a", `{}`)
	h.Settle()
	for name, want := range map[string]int64{"b": 1, "c": 1, "d": 1, "e": 0} {
		if got := h.Counters("count " + name)[""]; got != want {
			t.Errorf("%s got %d, want %d", name, got, want)
		}
	}
}

// Late replies are dropped and counted; their callers had their timeouts. The log tells of the first, and how many more there were.
func TestLateReply(t *testing.T) {
	const requests = 20
	release, log := make(chan struct{}), &bytes.Buffer{} // it is read when the hub has stopped
	c := answering(`adapters: {in: {type: fake-web, ops: [slow]}}
channels: {stock: {type: direct}}
pipelines:
  shop:
    from: in
    steps:
      - {call: stock, timeout: 50ms, as: got}
      - reply: {body: =got}
  stock:
    from: stock
    steps:
      - {call: in.slow, as: x}
      - reply: 200
`, "in.slow", func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		<-release
		return m, nil
	})
	c.Log = log
	h := patterntest.Start(t, c)
	var asked sync.WaitGroup
	for range requests {
		asked.Go(func() {
			_, err := h.In("shop", h.Message("", `{}`))
			if e := hub.AsError(err); err == nil || e.Class != hub.Timeout {
				t.Errorf("%v", err)
			}
		})
	}
	asked.Wait()
	close(release)
	h.Settle()
	patterntest.Until(t, "count of the late replies", func() bool { return h.Runtime.LateReplies() == requests })
	h.Stop()
	if text := log.String(); strings.Count(text, "late_reply") != 2 || !strings.Contains(text, "reply dropped") || !strings.Contains(text, "place=request count=19") {
		t.Errorf("want a line of the first, and one of the others:\n%s", text)
	}
}
