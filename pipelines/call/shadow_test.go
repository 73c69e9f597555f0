package call_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/count"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
)

func shadowed(options string, answer patterntest.Answer) patterntest.Config {
	c := config("- {call: out.ask, with: {q: =body.n}, as: got, shadow: {call: new.ask" + options + "}}\n- reply: {body: =got}")
	c.YAML = strings.Replace(c.YAML, "out: {type: fake, ops: [ask]}", "out: {type: fake, ops: [ask]}, new: {type: fake, ops: [ask]}", 1)
	c.Answers = answers(`{"price":9,"eta":"2d","id":"a"}`)
	c.Answers["new.ask"] = answer
	return c
}

func says(body string) patterntest.Answer {
	return func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody([]byte(body))}, nil
	}
}

func results(h *patterntest.Hub) string { return fmt.Sprint(h.Counters(count.Kind(call.ShadowCounts))) }

func TestShadow(t *testing.T) {
	for name, c := range map[string]struct {
		options string
		answer  patterntest.Answer
		want    string
	}{
		"same fields":     {", compare: [price, eta]", says(`{"eta":"2d","price":9.00,"id":"b"}`), "map[new.ask|same:1]"},
		"same documents":  {"", says(`{"id":"a","eta":"2d","price":9}`), "map[new.ask|same:1]"},
		"other field":     {", compare: [price, eta]", says(`{"eta":"2d","price":10,"id":"a"}`), "map[new.ask|differs:1]"},
		"missing field":   {", compare: [price]", says(`{}`), "map[new.ask|differs:1]"},
		"other documents": {"", says(`{"id":"b","eta":"2d","price":9}`), "map[new.ask|differs:1]"},
		"fails": {"", func(context.Context, *hub.Message) (*hub.Message, error) {
			return nil, hub.Fail(hub.Unavailable, "away", "away")
		}, "map[new.ask|failed:1]"},
		"panics": {"", func(context.Context, *hub.Message) (*hub.Message, error) { return nil, errors.New("odd") }, "map[new.ask|failed:1]"},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, shadowed(c.options, c.answer))
			if m := h.Must("p", `{"n":1}`); string(m.Body.Bytes()) != `{"price":9,"eta":"2d","id":"a"}` {
				t.Errorf("the user noticed: %s", m.Body.Bytes())
			}
			h.Settle()
			if got := results(h); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			asked := h.Called("new.ask")
			if len(asked) != 1 || string(asked[0].Body.Bytes()) != `{"q":1}` {
				t.Errorf("asked %v", asked)
			}
			if len(h.Dead()) != 0 {
				t.Error("a shadow call left a dead letter")
			}
		})
	}
}

// A new app that hangs is not noticed: the answer does not wait for it, and what piles up is skipped.
func TestShadowHangs(t *testing.T) {
	release := make(chan struct{})
	h := patterntest.Start(t, shadowed(", timeout: 1h", func(ctx context.Context, _ *hub.Message) (*hub.Message, error) {
		<-release
		return nil, errors.New("late")
	}))
	for range 9 {
		h.Must("p", `{"n":1}`)
	}
	for deadline := time.Now().Add(30 * time.Second); len(h.Called("new.ask")) < 4; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no shadow call is made")
		}
	}
	h.Clock.Advance(2 * time.Minute)
	close(release)
	h.Settle()
	if got := results(h); got != "map[new.ask|failed:4 new.ask|skipped:5]" {
		t.Error(got)
	}
}

// The sample is a share of the messages, and the same ones on every attempt.
func TestShadowSample(t *testing.T) {
	h := patterntest.Start(t, shadowed(", sample: 10%", says(`{}`)))
	for i := range 400 {
		for range 2 {
			if _, err := h.In("p", h.Message(fmt.Sprint("m-", i), `{"n":1}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.Settle()
	asked := map[string]int{}
	for _, m := range h.Called("new.ask") {
		asked[m.Root()]++
	}
	if n := len(asked); n < 20 || n > 70 {
		t.Errorf("%d of 400 in the sample of 10%%", n)
	}
	for id := range maps.Keys(asked) {
		if asked[id] != 2 {
			t.Errorf("%s asked %d times", id, asked[id])
		}
	}
}

func TestShadowProblems(t *testing.T) {
	patterntest.Faults(t, config, map[string][3]string{
		"scalar":  {"- {call: out.ask, shadow: out.ask}", "7:33: error[E269]: `shadow` says which call is made beside the real one", "write shadow: {call:"},
		"no call": {"- {call: out.ask, shadow: {sample: 10%}}", "7:25: error[E269]: `shadow` says which call", "write shadow: {call:"},
		"unknown": {"- {call: out.ask, shadow: {call: out.aks}}", `7:40: error[E244]: out has no operation "aks"`, "did you mean"},
		"key":     {"- {call: out.ask, shadow: {call: out.ask, sampel: 1%}}", `7:49: error[E101]: unknown shadow field "sampel"`, `did you mean "sample"?`},
		"sample":  {"- {call: out.ask, shadow: {call: out.ask, sample: 10}}", "7:57: error[E269]: `sample` is a share of the calls", "write sample: 10%"},
		"much":    {"- {call: out.ask, shadow: {call: out.ask, sample: 101%}}", "7:57: error[E269]: `sample` is a share", "write sample: 10%"},
		"compare": {"- {call: out.ask, shadow: {call: out.ask, compare: price}}", "7:58: error[E269]: `compare` is a list", "write compare: [price, eta]"},
	})
}

// A call in a pipeline that is called has its shadow, too.
func TestShadowInside(t *testing.T) {
	c := patterntest.Config{YAML: `adapters: {web: {type: fake-web}, out: {type: fake, ops: [ask]}, new: {type: fake, ops: [ask]}}
pipelines:
  p: {from: web, steps: [{call: inner, as: got}, {reply: {body: =got}}]}
  inner: {from: call, steps: [{call: out.ask, shadow: {call: new.ask}}]}
`, Registry: pipelines.Registry{Patterns: []pipelines.Pattern{call.Pattern(), reply.Pattern()}}, Answers: answers(`{"x":1}`)}
	c.Answers["new.ask"] = says(`{"x":1}`)
	h := patterntest.Start(t, c)
	h.Must("p", `{}`)
	h.Settle()
	if got := results(h); got != "map[new.ask|same:1]" {
		t.Error(got)
	}
}
