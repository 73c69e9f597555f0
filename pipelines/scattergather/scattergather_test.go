package scattergather_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/count"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/scattergather"
	"orderhub/pipelines/translate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var boom = pipelines.Pattern{Verb: "boom", Compile: func(*pipelines.Build) hub.Step {
	return hub.StepFunc(func(context.Context, *hub.Exchange, hub.Next) error { panic("boom") })
}}

func config(step string) patterntest.Config {
	return patterntest.Config{
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{scattergather.Pattern(), call.Pattern(), count.Pattern(), fail.Pattern(), filter.Pattern(),
			reply.Pattern(), translate.Pattern(), boom}},
		YAML: `
adapters:
  web: {type: fake-web}
  a: {type: fake, ops: [quote]}
  b: {type: fake, ops: [quote]}
pipelines:
  p:
    from: web
    steps:
      ` + strings.ReplaceAll(strings.TrimSpace(step), "\n", "\n      ") + `
      - reply: {body: =body}
  mine:
    from: call
    steps: [{count: {name: asked}}, {translate: {from: mine, price: =body.n}}]
  failing:
    from: call
    steps: [{count: {name: failed}}, {fail: broken}]
  panics:
    from: call
    steps: [{boom: x}]
`}
}

// says is a far end that answers at once; fails one that refuses.
func says(body string) patterntest.Answer {
	return func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody([]byte(body))}, nil
	}
}

func fails(class hub.Class, why string) patterntest.Answer {
	return func(context.Context, *hub.Message) (*hub.Message, error) { return nil, hub.Fail(class, "x", "%s", why) }
}

// hangs until the call is given up.
func hangs(ctx context.Context, _ *hub.Message) (*hub.Message, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func run(t *testing.T, step string, a, b patterntest.Answer) (*patterntest.Hub, string, error) {
	t.Helper()
	c := config(step)
	c.Answers = map[string]patterntest.Answer{"a.quote": a, "b.quote": b}
	h := patterntest.Start(t, c)
	m := h.Message("M", `{"n":5}`)
	r, err := h.In("p", m)
	if err != nil {
		return h, "", err
	}
	return h, string(r.Body.Bytes()), nil
}

func TestReplies(t *testing.T) {
	for name, tc := range map[string]struct {
		step string
		a, b patterntest.Answer
		want string
	}{
		"the list, in order": {"- scatter_gather: {to: [a.quote, mine, b.quote]}", says("1"), says("2"), `[1,{"from":"mine","price":5},2]`},
		"give":               {`- scatter_gather: {to: [a.quote, b.quote], give: "=first(sortBy(replies, .price))"}`, says(`{"price":9}`), says(`{"price":7}`), `{"price":7}`},
		"as":                 {"- scatter_gather: {to: [a.quote, b.quote], give: {size: =size}}\n  as: got\n- translate: {size: =got.size, own: =body.n}", says("1"), says("2"), `{"size":2,"own":5}`},
		"failures": {`- scatter_gather: {to: [a.quote, b.quote], need: 1, give: {got: =replies, bad: =failures}}`, fails(hub.Rejected, "no car"), says("2"),
			`{"got":[2],"bad":[{"to":"a.quote","class":"rejected","message":"no car"}]}`},
		"none needed": {`- scatter_gather: {to: [a.quote, b.quote], need: 0}`, fails(hub.Rejected, "no"), fails(hub.Unavailable, "no"), `[]`},
		"names and bodies": {`- scatter_gather: {to: {first: {call: a.quote, with: {p: =body.n}}, second: b.quote, third: mine}, give: {first: =answers.first, third: =answers.third.price}}`,
			func(_ context.Context, m *hub.Message) (*hub.Message, error) { return &hub.Message{Body: m.Body}, nil }, says("2"), `{"first":{"p":5},"third":5}`},
		"a list of both": {`- scatter_gather: {to: [{call: a.quote, with: 7}, b.quote], give: '=answers["a.quote"] + size'}`,
			func(_ context.Context, m *hub.Message) (*hub.Message, error) { return &hub.Message{Body: m.Body}, nil }, says("2"), `9`},
		"the same twice": {`- scatter_gather: {to: [a.quote, a.quote]}`, says("1"), nil, `[1,1]`},
	} {
		t.Run(name, func(t *testing.T) {
			h, got, err := run(t, tc.step, tc.a, tc.b)
			if err != nil || got != tc.want {
				t.Errorf("%s %v, want %s", got, err, tc.want)
			}
			keys := map[string]bool{}
			calls := slices.Concat(h.Called("a.quote"), h.Called("b.quote"))
			for _, m := range calls {
				keys[m.Headers.Get(hub.HeaderIdempotency)] = true
			}
			if len(keys) != len(calls) {
				t.Errorf("%d Idempotency-Keys for %d calls: %v", len(keys), len(calls), keys)
			}
		})
	}
}

func TestWith(t *testing.T) {
	for _, step := range []string{"- scatter_gather: {to: [a.quote], with: {n: =body.n + 1}}", "- scatter_gather: {to: [a.quote]}\n  with: {n: =body.n + 1}\n  headers: {x: =body.n}"} {
		h, _, err := run(t, step, says("1"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := patterntest.Bodies(h.Called("a.quote")); !slices.Equal(got, []string{`{"n":6}`}) {
			t.Errorf("asked %q", got)
		}
	}
}

func TestAskedAtTheSameTime(t *testing.T) {
	meet := make(chan bool)
	h, got, err := run(t, "- scatter_gather: {to: [a.quote, b.quote]}",
		func(context.Context, *hub.Message) (*hub.Message, error) { meet <- true; return says("1")(nil, nil) },
		func(context.Context, *hub.Message) (*hub.Message, error) { <-meet; return says("2")(nil, nil) })
	if err != nil || got != "[1,2]" {
		t.Errorf("%s %v", got, err)
	}
	h.Stop()
}

func isError(t *testing.T, err error, class hub.Class, parts ...string) {
	t.Helper()
	e, ok := errors.AsType[*hub.Error](err)
	if !ok || e.Class != class {
		t.Fatalf("error %v, want class %s", err, class)
	}
	for _, p := range parts {
		if !strings.Contains(e.Error(), p) {
			t.Errorf("error %q does not tell %q", e, p)
		}
	}
}

func TestTooFew(t *testing.T) {
	_, _, err := run(t, "- scatter_gather: {to: [a.quote, b.quote]}", fails(hub.Rejected, "no car"), says("2"))
	isError(t, err, hub.Unavailable, "1 of 2 answered, 2 needed", "a.quote: no car")
	_, _, err = run(t, "- scatter_gather: {to: [a.quote, panics]}", says("1"), nil)
	isError(t, err, hub.Unavailable, "panics: ", "boom")
}

func TestFailedPipelineLeavesNothing(t *testing.T) {
	h, got, err := run(t, "- scatter_gather: {to: [mine, failing], need: 1}", nil, nil)
	if err != nil || got != `[{"from":"mine","price":5}]` {
		t.Fatal(got, err)
	}
	h.Settle()
	if a, f := h.Counters(count.Kind("asked"))[""], h.Counters(count.Kind("failed"))[""]; a != 1 || f != 0 {
		t.Errorf("counted %d and %d: what the called pipelines change is kept if they answer", a, f)
	}
}

// waiting runs the step and lets the wait end.
func waiting(t *testing.T, step string, a, b patterntest.Answer) (h *patterntest.Hub, body string, err error) {
	t.Helper()
	c := config(step)
	c.Answers = map[string]patterntest.Answer{"a.quote": a, "b.quote": b}
	h = patterntest.Start(t, c)
	done := make(chan bool)
	go func() {
		defer close(done)
		var r *hub.Message
		if r, err = h.In("p", h.Message("M", `{"n":5}`)); err == nil {
			body = string(r.Body.Bytes())
		}
	}()
	h.Clock.Await(t, 3*time.Second)
	for len(h.Called("a.quote"))+len(h.Called("b.quote")) < 2 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond) // the fast one returns: nothing tells when its answer lies in the channel
	h.Clock.Advance(3 * time.Second)
	<-done
	return h, body, err
}

func TestWait(t *testing.T) {
	var cancelled atomic.Bool
	slow := func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		defer func() { cancelled.Store(ctx.Err() != nil) }()
		return hangs(ctx, m)
	}
	_, got, err := waiting(t, "- scatter_gather: {to: [a.quote, b.quote], wait: 3s, need: 1, give: {got: =replies, bad: =failures}}", slow, says("2"))
	if err != nil || got != `{"got":[2],"bad":[{"to":"a.quote","class":"timeout","message":"no answer within 3s"}]}` {
		t.Errorf("%s %v", got, err)
	}
	if !cancelled.Load() {
		t.Error("the call that was given up is not cancelled")
	}
}

// TestWaitBoundsCalls: who is asked is told that the answer counts until the wait is over.
func TestWaitBoundsCalls(t *testing.T) {
	var left time.Duration
	timed := func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		end, _ := ctx.Deadline()
		left = time.Until(end)
		return says("1")(ctx, m)
	}
	if _, _, err := run(t, "- scatter_gather: {to: [a.quote], wait: 20s}", timed, nil); err != nil || left <= 0 || left > 20*time.Second {
		t.Errorf("%v left, %v", left, err)
	}
}

func TestWaitIsOverWithTooFew(t *testing.T) {
	_, _, err := waiting(t, "- scatter_gather: {to: [a.quote, b.quote], wait: 3s}", hangs, says("2"))
	isError(t, err, hub.Timeout, "1 of 2 answered, 2 needed: a.quote: no answer within 3s")
}

func TestLateReplyIsDroppedAndNoted(t *testing.T) {
	late := func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		<-ctx.Done()
		return says("1")(ctx, m)
	}
	h, got, err := waiting(t, "- count: {name: n}\n- scatter_gather: {to: [a.quote, b.quote], wait: 3s, need: 1}", late, says("2"))
	if err != nil || got != "[2]" {
		t.Errorf("%s %v", got, err)
	}
	if history := h.History("M"); !slices.Contains(history, "late_reply a.quote") {
		t.Errorf("history %q", history)
	}
}

// A far end that does not heed the end of its context does not hold the message.
func TestDeafFarEnd(t *testing.T) {
	release := make(chan bool)
	deaf := func(context.Context, *hub.Message) (*hub.Message, error) { <-release; return says("1")(nil, nil) }
	_, got, err := waiting(t, "- scatter_gather: {to: [a.quote, b.quote], wait: 3s, need: 1}", deaf, says("2"))
	if err != nil || got != "[2]" {
		t.Errorf("%s %v", got, err)
	}
	close(release)
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct{ step, want string }{
		"no to":       {"- scatter_gather: {need: 1}", `needs "to"`},
		"empty":       {"- scatter_gather: {to: []}", `to`},
		"unknown":     {"- scatter_gather: {to: [a.quote], neeed: 1}", `did you mean "need"`},
		"operation":   {"- scatter_gather: {to: [a.quot]}", `did you mean "a.quote"`},
		"pipeline":    {"- scatter_gather: {to: [p]}", `not for calls`},
		"too many":    {"- scatter_gather: {to: [a.quote], need: 2}", `only 1 are asked`},
		"duration":    {"- scatter_gather: {to: [a.quote], wait: 3}", `wait`},
		"give":        {"- scatter_gather: {to: [a.quote], give: =replys}", `did you mean "replies"`},
		"failure":     {"- scatter_gather: {to: [a.quote], give: '=map(failures, .clas)'}", `did you mean "class"`},
		"one":         {"- scatter_gather: {to: a.quote}", `several are asked`},
		"nobody":      {"- scatter_gather: {to: {x: {with: 1}}}", `says nothing of whom is asked`},
		"a send":      {"- scatter_gather: {to: {x: {send: a}}}", `says nothing of whom is asked`},
		"a key":       {"- scatter_gather: {to: {x: {call: a.quote, hedders: 1}}}", `did you mean "headers"`},
		"answer":      {"- scatter_gather: {to: {x: a.quote}, give: =answers.y}", `known: x`},
		"with twice":  {"- scatter_gather: {to: [a.quote], with: 1}\n  with: 2", `two`},
		"type behind": {"- scatter_gather: {to: [a.quote], give: {count: =size}}\n- filter: body.cont == 1", `did you mean "count"`},
		"variable":    {"- scatter_gather: {to: [a.quote], give: {count: =size}}\n  as: got\n- filter: got.cont == 1", `did you mean "count"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := patterntest.Problems(t, config(tc.step))
			if !strings.Contains(got, tc.want) || !strings.Contains(got, "error") {
				t.Errorf("got\n%s\nwant %s", got, tc.want)
			}
		})
	}
}
