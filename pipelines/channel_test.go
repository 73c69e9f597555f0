package pipelines_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
)

// start runs a configuration with all patterns and the fake adapters of patterntest.
func start(t *testing.T, yaml string, answers map[string]patterntest.Answer) *patterntest.Hub {
	t.Helper()
	return patterntest.Start(t, patterntest.Config{YAML: yaml, Registry: language(), Answers: answers})
}

// topics are patterns with the keys that AMQP 0-9-1 (3.1.3.3) lets them match, and that it does not.
var topics = []struct {
	pattern  string
	yes, not []string
}{
	{"order.paid", []string{"order.paid"}, []string{"order", "order.paid.eu", "order.Paid", "paid.order", ""}},
	{"order.*", []string{"order.paid", "order."}, []string{"order", "order.paid.eu", ""}},
	{"*.paid", []string{"order.paid", ".paid"}, []string{"paid", "a.order.paid"}},
	{"*", []string{"order"}, []string{"", "order.paid"}},
	{"*.*", []string{"a.b", "."}, []string{"a", "a.b.c", ""}},
	{"#", []string{"", "order", "order.paid.eu", "..."}, nil},
	{"order.#", []string{"order", "order.paid", "order.paid.eu"}, []string{"", "orders.paid", "a.order"}},
	{"#.eu", []string{"eu", "order.eu", "order.paid.eu"}, []string{"", "eu.order", "order.paid"}},
	{"a.#.b", []string{"a.b", "a.x.b", "a.x.y.b", "a.b.b"}, []string{"a", "b", "a.b.c", "ab", "a.x"}},
	{"a.*.#.c", []string{"a.b.c", "a.b.x.c", "a.c.c"}, []string{"a.c", "a.b", "a"}},
	{"#.a.#", []string{"a", "x.a", "a.x", "x.y.a.z"}, []string{"", "b", "ab"}},
	{"#.*", []string{"a", "a.b"}, []string{""}},
	{"a..b", []string{"a..b"}, []string{"a.b", "a.x.b"}},
	{"a.*.b", []string{"a..b", "a.x.b"}, []string{"a.b"}},
}

func TestTopicPatterns(t *testing.T) {
	var b strings.Builder
	b.WriteString("adapters: {web: {type: fake-web}, far: {type: fake}}\nchannels: {events: {type: topic}}\npipelines:\n")
	b.WriteString("  in: {from: {web: in}, steps: [{send: {events: =body.key}}]}\n")
	for i, c := range topics {
		fmt.Fprintf(&b, "  p%d: {from: {events: %q}, steps: [{send: {far: p%d}}]}\n", i, c.pattern, i)
	}
	h := start(t, b.String(), nil)
	keys := map[string]bool{}
	for _, c := range topics {
		for _, k := range slices.Concat(c.yes, c.not) {
			if !keys[k] {
				h.Must("in", fmt.Sprintf(`{"key":%q}`, k))
			}
			keys[k] = true
		}
	}
	h.Settle()
	for i, c := range topics {
		var got []string
		for _, m := range h.Sent(fmt.Sprint("far p", i)) {
			got = append(got, m.Headers.Get(hub.HeaderRoutingKey))
		}
		for _, k := range c.yes {
			if !slices.Contains(got, k) {
				t.Errorf("%q does not match %q", c.pattern, k)
			}
		}
		for _, k := range c.not {
			if slices.Contains(got, k) {
				t.Errorf("%q matches %q", c.pattern, k)
			}
		}
	}
}

func TestHeadersAndFanout(t *testing.T) {
	h := start(t, `
adapters: {web: {type: fake-web}, far: {type: fake}}
channels: {feed: {type: headers}, all: {type: fanout}}
pipelines:
  in:
    from: {web: in}
    steps:
      - send: feed
        headers: {Region: =body.region, kind: order}
      - send: all
  eu: {from: {feed: {region: eu, Kind: order}}, steps: [{send: {far: eu}}]}
  any: {from: {feed: {kind: order}}, steps: [{send: {far: any}}]}
  other: {from: {feed: {kind: other}}, steps: [{send: {far: other}}]}
  one: {from: all, steps: [{send: {far: one}}]}
  two: {from: all, steps: [{send: {far: two}}]}
`, nil)
	h.Must("in", `{"region":"eu"}`)
	h.Must("in", `{"region":"us"}`)
	h.Settle()
	for target, want := range map[string]int{"eu": 1, "any": 2, "other": 0, "one": 2, "two": 2} {
		if got := len(h.Sent("far " + target)); got != want {
			t.Errorf("%s got %d, want %d", target, got, want)
		}
	}
}

// TestDurableSubscriber: each reader has a queue of its own, so that one that fails or is paused loses nothing and holds nobody.
func TestDurableSubscriber(t *testing.T) {
	h := start(t, `
adapters: {web: {type: fake-web}, far: {type: fake}}
channels: {events: {type: topic}, kept: {type: direct}}
pipelines:
  in: {from: {web: in}, steps: [{send: {events: order.paid}}, {send: kept}]}
  bad: {from: {events: "#"}, steps: [{fail: broken}]}
  slow: {from: {events: "#"}, steps: [{send: {far: slow}}]}
  good: {from: {events: "#"}, steps: [{send: {far: good}}]}
`, nil)
	h.Runtime.Pause(map[string]bool{"slow": true}, true)
	h.Must("in", `{}`)
	await(t, "good has it", func() bool { return len(h.Sent("far good")) == 1 })
	if w := h.Waiting("events>slow"); len(w) != 1 || w[0].State != hub.Ready {
		t.Errorf("the paused reader's queue holds %v", w)
	}
	h.Runtime.Pause(map[string]bool{"slow": true}, false)
	h.Settle()
	if len(h.Sent("far slow")) != 1 {
		t.Error("the paused reader lost its message")
	}
	if d := h.Dead(); len(d) != 1 || d[0].Queue != "events>bad" || d[0].Error.Class != "broken" {
		t.Errorf("dead letters %v", d)
	}
	if w := h.Waiting("kept"); len(w) != 1 { // a direct channel that nobody reads keeps its messages
		t.Errorf("the direct channel holds %d", len(w))
	}
}

func TestDatatypeChannelRefuses(t *testing.T) {
	h := startWith(t, `
adapters: {web: {type: fake-web}}
schemas: {order: schemas/order.json}
channels: {orders: {type: direct, schema: order, key: body.order_id}, bad: {type: direct}}
pipelines:
  in: {from: {web: in}, steps: [{send: orders}], errors: {invalid: {send: bad}}}
`, nil)
	_, err := h.In("in", h.Message("m1", `{"order_id":"A","total":"many","items":[]}`))
	e := hub.AsError(err)
	if err == nil || e.Class != hub.Invalid || e.Reason != "schema" || e.Where != "in/send orders" || len(e.Fields) != 1 || e.Fields[0].Pointer != "/total" {
		t.Fatalf("error %+v", e)
	}
	if len(h.Waiting("orders")) != 0 || len(h.Waiting("bad")) != 1 {
		t.Errorf("orders holds %d, bad %d", len(h.Waiting("orders")), len(h.Waiting("bad")))
	}
}

func TestKeyAndCorrelation(t *testing.T) {
	h := start(t, `
adapters: {web: {type: fake-web}}
channels: {keyed: {type: direct, key: body.id}, plain: {type: direct}, numbers: {type: direct, key: body.n}}
pipelines:
  in: {from: {web: in}, steps: [{send: keyed}, {send: plain}, {send: numbers}]}
  set: {from: {web: set}, steps: [{set: {correlation: =body.c, key: mine}}, {send: keyed}, {send: plain}]}
`, nil)
	m := h.Message("m1", `{"id":"A","n":7.50}`)
	m.Key = "from-outside"
	if _, err := h.In("in", m); err != nil {
		t.Fatal(err)
	}
	if _, err := h.In("set", h.Message("m2", `{"id":"B","c":"C-1"}`)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, q := range []string{"keyed", "plain", "numbers"} {
		for _, d := range h.Waiting(q) {
			got = append(got, fmt.Sprintf("%s %s key=%s correlation=%s", q, d.Msg.ID, d.Msg.Key, d.Msg.Correlation))
		}
	}
	want := []string{
		"keyed m1 key=A correlation=A",         // a keyed channel's key is the correlation of a message without one
		"keyed m2 key=B correlation=C-1",       // and leaves one that is there
		"plain m1 key= correlation=",           // no key: no order, whatever the source's key was
		"plain m2 key= correlation=C-1",        //
		"numbers m1 key=7.50 correlation=7.50", // a number is a key as it is written
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestKeyThatFails(t *testing.T) {
	h := start(t, `
adapters: {web: {type: fake-web}}
channels: {keyed: {type: direct, key: body.order.id}}
pipelines:
  in: {from: {web: in}, steps: [{send: keyed}]}
`, nil)
	_, err := h.In("in", h.Message("m1", `{"order":null}`))
	e := hub.AsError(err)
	if err == nil || e.Class != hub.Invalid || !strings.HasSuffix(e.Line, "pipelines.yaml:3:39") || !strings.Contains(e.Error(), "key of channel keyed") {
		t.Errorf("error %v at %q", e, e.Line)
	}
}
