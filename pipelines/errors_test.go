package pipelines_test

import (
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
)

// TestStepAndPipelineErrors: a step's own reaction sees the message as the step had it, the pipeline's as it came.
func TestStepAndPipelineErrors(t *testing.T) {
	const yaml = fakes + `
channels: {orders: {type: direct}, bad: {type: direct}, step: {type: direct}}
pipelines:
  in: {from: {web: in}, steps: [{send: orders}]}
  work:
    from: orders
    steps:
      - translate: {id: =body.id, changed: true}
      - {fail: {class: odd, say: odd one}STEP}
    errors:
      odd: {send: bad}
`
	for name, c := range map[string]struct{ step, queue, body string }{
		"pipeline":         {"", "bad", `{"id":"A"}`},
		"step":             {", errors: {odd: {send: step}}", "step", `{"id":"A","changed":true}`},
		"step, not its":    {", errors: {invalid: {send: step}}", "bad", `{"id":"A"}`},
		"step, all others": {", errors: {other: {send: step}}", "step", `{"id":"A","changed":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, strings.ReplaceAll(yaml, "STEP", c.step), nil)
			h.Must("in", `{"id":"A"}`)
			h.Settle()
			got := patterntest.Bodies(patterntest.Messages(h.Waiting(c.queue)))
			if len(got) != 1 || got[0] != c.body || len(h.Waiting("bad"))+len(h.Waiting("step")) != 1 || len(h.Dead()) != 0 {
				t.Errorf("%s holds %q, want %s; %d dead", c.queue, got, c.body, len(h.Dead()))
			}
		})
	}
}

// TestReactionOfInnerSteps: inside out, the first step that has a reaction for the class gives it.
func TestReactionOfInnerSteps(t *testing.T) {
	h := start(t, fakes+`
channels: {orders: {type: direct}, inner: {type: direct}, outer: {type: direct}, last: {type: direct}}
pipelines:
  in: {from: {web: in}, steps: [{send: orders}]}
  work:
    from: orders
    steps:
      - route:
          - {when: body.n == 1, fail: one, errors: {one: {send: inner}}}
          - {when: body.n == 2, fail: two, errors: {one: {send: inner}}}
          - {else: true, fail: three}
        errors: {two: {send: outer}}
    errors: {other: {send: last}}
`, nil)
	for _, n := range []string{"1", "2", "3"} {
		h.Must("in", `{"n":`+n+`}`)
	}
	h.Settle()
	for queue, want := range map[string]string{"inner": `{"n":1}`, "outer": `{"n":2}`, "last": `{"n":3}`} {
		if got := patterntest.Bodies(patterntest.Messages(h.Waiting(queue))); len(got) != 1 || got[0] != want {
			t.Errorf("%s holds %q, want %s", queue, got, want)
		}
	}
}

// TestFailedReaction: error steps that fail themselves leave a dead letter with their own error, and nothing of what they did.
func TestFailedReaction(t *testing.T) {
	h := start(t, fakes+`
channels: {orders: {type: direct}, bad: {type: direct}}
pipelines:
  in: {from: {web: in}, steps: [{send: orders}]}
  work:
    from: orders
    steps: [{fail: odd}]
    errors:
      odd: [{send: bad}, {fail: odder}]
`, nil)
	h.Must("in", `{}`)
	h.Settle()
	if d := h.Dead(); len(d) != 1 || d[0].Error.Class != "odder" || len(h.Waiting("bad")) != 0 {
		t.Errorf("dead %+v, bad %d", d, len(h.Waiting("bad")))
	}
}

// TestRetryByClass: a policy takes the classes it names; the others have the default of their class.
func TestRetryByClass(t *testing.T) {
	const yaml = fakes + `
retries:
  soon: {times: 2, wait: 1s, errors: [timeout, rejected]}
  plain: {times: 1, wait: 1s}
channels: {orders: {type: direct}}
pipelines:
  in: {from: {web: in}, steps: [{send: orders}]}
  work:
    from: orders
    steps: [{call: far.ask, as: x, RETRY}]
`
	for _, c := range []struct {
		retry string
		class hub.Class
		runs  int // in the first ten seconds
		dead  bool
	}{
		{"retry: soon", hub.Timeout, 3, true},
		{"retry: soon", hub.Rejected, 3, true},
		{"retry: soon", hub.Invalid, 1, true},
		{"retry: plain", hub.Unavailable, 2, true},
		{"retry: plain", hub.Rejected, 1, true},
		{"retry: never", hub.Timeout, 1, true},
		{"retry: never", hub.Throttled, 1, true},
		{"errors: {other: {retry: never}}", hub.Timeout, 1, true},
		{"errors: {timeout: {retry: never}}", hub.Timeout, 1, true},
		{"errors: {timeout: {retry: never}}", hub.Rejected, 1, true},
		{"retry: {times: 1, wait: 1s}", hub.Timeout, 2, true},
		{"errors: {timeout: {retry: plain}}", hub.Timeout, 2, true},
		{"errors: {other: {retry: plain}}", hub.Timeout, 2, true},
		{"errors: {other: {retry: plain}}", hub.Rejected, 1, true},
	} {
		t.Run(c.retry+" "+string(c.class), func(t *testing.T) {
			h := start(t, strings.ReplaceAll(yaml, "RETRY", c.retry), map[string]patterntest.Answer{"far.ask": failing(c.class)})
			h.Must("in", `{}`)
			h.Settle()
			for range 10 {
				h.Advance(time.Second)
			}
			if n := len(h.Called("far.ask")); n != c.runs || len(h.Dead()) == 1 != c.dead {
				t.Errorf("ran %d times, %d dead; want %d, %v", n, len(h.Dead()), c.runs, c.dead)
			}
			var keys []string
			for _, m := range h.Called("far.ask") {
				if k := m.Headers.Get(hub.HeaderIdempotency); len(keys) == 0 || keys[0] != k {
					keys = append(keys, k)
				}
			}
			if len(keys) != 1 {
				t.Errorf("the Idempotency-Key changes with the attempt: %q", keys)
			}
		})
	}
}

// TestRunTimeErrorOfAFormula names the formula's place and what was found there, and keeps its reason.
func TestRunTimeErrorOfAFormula(t *testing.T) {
	const yaml = fakes + `
channels: {a: {type: direct}}
pipelines:
  in:
    from: {web: in}
    steps:
      - STEP
      - send: a
`
	for _, c := range []struct{ step, body, line, text, reason string }{
		{"set: {x: =lower(body.user.email)}", `{"user":{"mail":"a@b.c"}}`, ":8:18", `body.user = {"mail":"a@b.c"}`, "transform"},
		{"translate: {a: 1, x: =body.n * 2}", `{"n":"two"}`, ":8:30", `"two"`, "transform"},
		{"filter: body.n > 3", `{"n":"two"}`, ":8:17", `"two"`, "transform"},
		{"send: {far: x}\n        with: {x: =body.n.m}", `{"n":5}`, ":9:19", "body.n = 5", "transform"},
		{"split: body.n.m", `{"n":5}`, ":8:16", "body.n = 5", "transform"},
		{"set: {x: '=repeat(body.t, 100000000)'}", `{"t":"xxxxxxxxxxxxxxxxxxxx"}`, ":8:18", "", "expression_limit"},
		{"filter: len(repeat(body.t, 100000000)) > 1", `{"t":"xxxxxxxxxxxxxxxxxxxx"}`, ":8:17", "", "expression_limit"},
		{"set: {x: '=table(body.kind, \"k\")'}", `{"kind":7}`, ":8:18", "", "transform"},
	} {
		t.Run(c.step, func(t *testing.T) {
			h := start(t, strings.ReplaceAll(yaml, "STEP", c.step), nil)
			e := refused(t, h, "in", c.body)
			if e.Class != hub.Invalid || e.Reason != c.reason || !strings.HasSuffix(e.Line, "pipelines.yaml"+c.line) || !strings.Contains(e.Error(), c.text) {
				t.Errorf("%s %s at %s: %v\nwant %s at %s, with %s", e.Class, e.Reason, e.Line, e, c.reason, c.line, c.text)
			}
			if e.Where == "" {
				t.Error("it names no step")
			}
		})
	}
}

// TestSourcesThatWait get the error back, and the declared reaction runs all the same; others are kept by the hub.
func TestSourcesThatWait(t *testing.T) {
	h := startWith(t, fakes+`
schemas: {order: schemas/order.json}
channels: {bad: {type: direct}}
pipelines:
  web: {from: {web: POST /orders, schema: order}, steps: [{reply: 202}], errors: {invalid: {send: bad}}}
  files: {from: {files: orders, schema: order}, steps: [{send: {far: out}}]}
`, nil)
	e := refused(t, h, "web", `{"order_id":5,"items":[]}`)
	if e.Class != hub.Invalid || e.Reason != "schema" || len(e.Fields) != 2 || e.Where != "web" || !strings.HasSuffix(e.Line, ":6") {
		t.Errorf("error %+v", e)
	}
	if len(h.Waiting("bad")) != 1 {
		t.Error("the declared reaction did not run")
	}
	if e := refused(t, h, "web", `{"order_id":`); e.Class != hub.Invalid || e.Reason != "bad_json" {
		t.Errorf("bad JSON: %+v", e)
	}
	if _, err := h.In("files", h.Message("f1", `{"order_id":5}`)); err != nil {
		t.Errorf("a source that does not wait is told %v", err)
	}
	if d := h.Dead(); len(d) != 1 || d[0].Queue != "files#0" || d[0].Error.Reason != "schema" {
		t.Errorf("dead letters %+v", d)
	}
}

// TestReactionReadsTheRequest: the steps of `errors:` have the parameters of the path and of the query, as the steps have them.
func TestReactionReadsTheRequest(t *testing.T) {
	h := startWith(t, fakes+`
schemas: {order: schemas/order.json}
channels: {bad: {type: direct}}
pipelines:
  web: {from: {web: "POST /orders/{id}", schema: order}, steps: [{reply: 202}], errors: {invalid: {send: bad, with: {id: =params.id, page: =query.page}}}}
`, nil)
	m := h.Message("M", `{"order_id":5,"items":[]}`)
	m.Headers = hub.Headers{"param.id": "W-1", "query.page": "2"}
	if _, err := h.In("web", m); hub.AsError(err).Reason != "schema" {
		t.Fatal(err)
	}
	patterntest.Want(t, "told", h.WaitingBodies("bad"), `{"id":"W-1","page":"2"}`)
}

// TestReactionThatCalls: the steps of a pipeline's `errors:` are steps like others, with the variable `error`.
func TestReactionThatCalls(t *testing.T) {
	h := start(t, fakes+`
channels: {orders: {type: direct}, refunded: {type: direct}}
pipelines:
  in: {from: {web: in}, steps: [{send: orders}]}
  work:
    from: orders
    steps: [{fail: {class: odd, say: odd one}}]
    errors:
      odd:
        - {call: far.ask, with: {why: =error.message}, as: refund}
        - {send: refunded, with: {id: =refund.id}}
`, map[string]patterntest.Answer{"far.ask": answer(`{"id":"R1"}`)})
	h.Must("in", `{}`)
	h.Settle()
	asked, got := patterntest.Bodies(h.Called("far.ask")), patterntest.Bodies(patterntest.Messages(h.Waiting("refunded")))
	if len(asked) != 1 || asked[0] != `{"why":"odd one"}` || len(got) != 1 || got[0] != `{"id":"R1"}` || len(h.Dead()) != 0 {
		t.Errorf("asked %q, sent %q, %d dead", asked, got, len(h.Dead()))
	}
}
