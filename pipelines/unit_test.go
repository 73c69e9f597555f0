package pipelines_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
)

const fakes = "adapters: {web: {type: fake-web}, files: {type: fake}, far: {type: fake, ops: [ask, book]}}\n"

// TestDerivedIDs: a message with a body of its own has an ID of its own, the same at every run; without one it keeps the ID.
func TestDerivedIDs(t *testing.T) {
	const yaml = fakes + `
channels: {a: {type: direct}, b: {type: direct}, c: {type: direct}}
pipelines:
  in:
    from: {files: in}
    steps:
      - {send: a, with: {x: =body.x}}
      - {send: a, with: {y: =body.x}}
      - {send: b, with: {x: =body.x}}
      - send: c
`
	ids := func() (out []string) {
		h := start(t, yaml, nil)
		if _, err := h.In("in", h.Message("m1", `{"x":1}`)); err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{"a", "b", "c"} {
			for _, d := range h.Waiting(q) {
				out = append(out, q+" "+d.Msg.ID)
				if d.Msg.Root() != "m1" {
					t.Errorf("%s does not descend from m1", d.Msg.ID)
				}
			}
		}
		return out
	}
	first, second := ids(), ids()
	if !slices.Equal(first, second) {
		t.Errorf("IDs of two runs\n%q\n%q", first, second)
	}
	if len(first) != 4 || first[0] == first[1] || first[3] != "c m1" {
		t.Errorf("IDs %q", first)
	}
}

// TestIDsDoNotMoveWithTheLine: an edit above a step changes neither its messages' IDs nor its Idempotency-Keys.
func TestIDsDoNotMoveWithTheLine(t *testing.T) {
	const yaml = fakes + `
channels: {a: {type: direct}}
pipelines:
  in:
    from: {files: in}
    steps:%s
      - {call: far.ask, as: answer}
      - {send: a, with: {x: =answer.x}}
`
	var got []string
	for _, above := range []string{"", "\n      # a comment\n      - {set: {new: 1}}"} {
		h := start(t, fmt.Sprintf(yaml, above), map[string]patterntest.Answer{"far.ask": answer(`{"x":1}`)})
		if _, err := h.In("in", h.Message("m1", `{}`)); err != nil {
			t.Fatal(err)
		}
		got = append(got, h.Waiting("a")[0].Msg.ID+" "+h.Called("far.ask")[0].Headers.Get(hub.HeaderIdempotency))
	}
	if got[0] != got[1] || !strings.HasSuffix(got[0], " m1/in/call.far.ask") {
		t.Errorf("%q, %q", got[0], got[1])
	}
}

// TestReplyThenContinuation: the answer is given when the first part is durable; the rest has the message and the variables.
func TestReplyThenContinuation(t *testing.T) {
	h := start(t, fakes+`
channels: {a: {type: direct}}
pipelines:
  in:
    from: {web: POST /orders}
    steps:
      - {call: far.ask, as: answer}
      - {set: {local: =body.x + 1, correlation: =body.id}}
      - reply: {status: 202, body: {id: =body.id, local: =local}}
      - send: a
        with: {local: =local, answer: =answer.n, param: =params.shop}
`, map[string]patterntest.Answer{"far.ask": answer(`{"n":7}`)})
	h.Runtime.Pause(map[string]bool{"in#1": true}, true)
	m := h.Message("m1", `{"id":"A","x":1}`)
	m.Headers = hub.Headers{"param.shop": "north"}
	reply, err := h.In("in", m)
	if err != nil || reply == nil || reply.Headers.Get(hub.HeaderStatus) != "202" || string(reply.Body.Bytes()) != `{"id":"A","local":2}` {
		t.Fatalf("reply %v, %v", reply, err)
	}
	if w := h.Waiting("in#1"); len(w) != 1 || len(h.Waiting("a")) != 0 {
		t.Fatalf("behind the reply wait %v", w)
	}
	h.Runtime.Pause(map[string]bool{"in#1": true}, false)
	h.Settle()
	if got := patterntest.Bodies(patterntest.Messages(h.Waiting("a"))); len(got) != 1 || got[0] != `{"local":2,"answer":7,"param":"north"}` {
		t.Errorf("sent %q", got)
	}
	if m := h.Waiting("a")[0].Msg; m.Correlation != "A" {
		t.Errorf("correlation %q", m.Correlation)
	}
}

// TestCalledPipelineSharesTheUnit: what it sends is sent only when the caller's unit commits.
func TestCalledPipelineSharesTheUnit(t *testing.T) {
	h := start(t, fakes+`
channels: {a: {type: direct}, b: {type: direct}}
pipelines:
  in:
    from: {web: in}
    steps:
      - {call: sub, with: {n: =body.n}, as: got}
      - {fail: {class: late, say: too late}, when: body.bad}
      - {send: b, with: =got}
  sub:
    from: call
    steps:
      - send: a
      - {send: {far: out}}
      - reply: {status: 200, body: {twice: =body.n * 2}}
`, nil)
	if e := refused(t, h, "in", `{"n":1,"bad":true}`); e.Class != "late" {
		t.Errorf("error %v", e)
	}
	h.Settle()
	if len(h.Waiting("a"))+len(h.Sent("far out")) > 0 {
		t.Error("the caller failed, and the called pipeline's messages are out")
	}
	h.Must("in", `{"n":1,"bad":false}`)
	h.Settle()
	if len(h.Waiting("a")) != 1 || len(h.Sent("far out")) != 1 || string(h.Waiting("b")[0].Msg.Body.Bytes()) != `{"twice":2}` {
		t.Errorf("a %d, far %d, b %s", len(h.Waiting("a")), len(h.Sent("far out")), h.Waiting("b")[0].Msg.Body.Bytes())
	}
}

// TestStepsBehindTheReplyOfACall run from the store, once the caller's unit is committed.
func TestStepsBehindTheReplyOfACall(t *testing.T) {
	h := start(t, fakes+`
channels: {a: {type: direct}, b: {type: direct}}
pipelines:
  in: {from: {web: in}, steps: [{call: sub, as: got}, {send: b, with: =got}]}
  sub:
    from: call
    steps:
      - set: {kept: =body.n + 1}
      - reply: {status: 200, body: {n: =kept}}
      - {send: a, with: {kept: =kept}}
`, nil)
	h.Must("in", `{"n":1}`)
	h.Settle()
	a, b := patterntest.Bodies(patterntest.Messages(h.Waiting("a"))), patterntest.Bodies(patterntest.Messages(h.Waiting("b")))
	if !slices.Equal(a, []string{`{"kept":2}`}) || !slices.Equal(b, []string{`{"n":2}`}) {
		t.Errorf("a %q, b %q", a, b)
	}
}

// TestCalledPipelinesErrors reach the reactions of the step that calls, named by the step that failed.
func TestCalledPipelinesErrors(t *testing.T) {
	const yaml = fakes + `
retries: {soon: {times: 2, wait: 1s, errors: [out_of_stock]}}
channels: {orders: {type: direct}, caught: {type: direct}}
pipelines:
  in: {from: {web: in}, steps: [{send: orders}]}
  work:
    from: orders
    steps:
      - call: sub
        as: got
        %s
  sub:
    from: call
    steps: [{fail: {class: out_of_stock, say: ="no " + body.sku}}]
`
	t.Run("errors", func(t *testing.T) {
		h := start(t, fmt.Sprintf(yaml, "errors: {out_of_stock: {send: caught, with: {m: =error.message, where: =error.where, class: =error.class, sku: =body.sku}}}"), nil)
		h.Must("in", `{"sku":"X"}`)
		h.Settle()
		want := `{"m":"no X","where":"sub/fail","class":"out_of_stock","sku":"X"}`
		if got := patterntest.Bodies(patterntest.Messages(h.Waiting("caught"))); len(got) != 1 || got[0] != want {
			t.Errorf("caught %q, want %s", got, want)
		}
	})
	t.Run("retry", func(t *testing.T) {
		h := start(t, fmt.Sprintf(yaml, "retry: soon"), nil)
		h.Must("in", `{"sku":"X"}`)
		h.Settle()
		for range 2 {
			if len(h.Dead()) > 0 {
				t.Fatal("dead too early")
			}
			h.Advance(time.Second)
		}
		if d := h.Dead(); len(d) != 1 || d[0].Attempts != 3 || d[0].Error.Class != "out_of_stock" || d[0].Error.Where != "sub/fail" {
			t.Errorf("dead letters %+v", d)
		}
	})
}

// TestOutboxAndDirectSend: a pipeline without effects publishes at once; with effects its sends lie in the store first.
func TestOutboxAndDirectSend(t *testing.T) {
	away := true
	h := patterntest.Start(t, patterntest.Config{Registry: language(), YAML: fakes + `
channels: {a: {type: direct}}
pipelines:
  direct: {from: {web: direct}, steps: [{send: {far: out}}]}
  effects: {from: {web: effects}, steps: [{send: a}, {send: {far: out}}]}
`, Refuses: func(*hub.Message) error {
		if away {
			return hub.Fail(hub.Unavailable, "away", "away")
		}
		return nil
	}})
	if e := refused(t, h, "direct", `{}`); e.Class != hub.Unavailable {
		t.Errorf("the caller is told %v", e)
	}
	h.Must("effects", `{}`)
	h.Settle()
	if w := h.Waiting("@far out"); len(w) != 1 || w[0].State != hub.Waiting || w[0].Error.Where != "@far out" {
		t.Fatalf("the outbox holds %+v", w)
	}
	away = false
	h.Advance(time.Minute)
	if n := len(h.Sent("far out")); n != 1 || len(h.Waiting("@far out")) != 0 {
		t.Errorf("%d are out", n)
	}
	h.Must("direct", `{}`)
	if n := len(h.Sent("far out")); n != 2 {
		t.Errorf("the direct send is not out when its caller has the answer: %d", n)
	}
}

// TestExpires: a message past its time is not handled, at a channel nor in the outbox.
func TestExpires(t *testing.T) {
	h := start(t, fakes+`
channels: {short: {type: direct, keep: 1h}, a: {type: direct}}
pipelines:
  in:
    from: {web: in}
    steps:
      - send: short
      - {send: {far: mail}, expires: 10m}
  out: {from: short, steps: [{send: a}]}
`, nil)
	h.Runtime.Pause(map[string]bool{"out": true, "@far mail": true}, true)
	now := h.Clock.Now()
	h.Must("in", `{}`)
	if e := h.Waiting("short")[0].Msg.Expires; !e.Equal(now.Add(time.Hour)) {
		t.Errorf("the channel's message expires %v", e)
	}
	if e := h.Waiting("@far mail")[0].Msg.Expires; !e.Equal(now.Add(10 * time.Minute)) {
		t.Errorf("the mail expires %v", e)
	}
	h.Clock.Advance(30 * time.Minute)
	h.Runtime.Pause(map[string]bool{"out": true, "@far mail": true}, false)
	h.Settle()
	if len(h.Sent("far mail")) != 0 || len(h.Waiting("a")) != 1 {
		t.Errorf("%d stale mails are out, %d messages went on", len(h.Sent("far mail")), len(h.Waiting("a")))
	}
	if e := h.Waiting("a")[0].Msg.Expires; !e.Equal(now.Add(time.Hour)) {
		t.Errorf("the next channel says nothing of time, and its message expires %v", e)
	}
}

// TestWhen: a step whose condition does not hold is passed over; its variable is null behind it.
func TestWhen(t *testing.T) {
	h := start(t, fakes+`
channels: {a: {type: direct}}
pipelines:
  in:
    from: {web: in}
    steps:
      - {call: far.ask, when: body.ask, as: got}
      - {send: a, with: {got: '=got?.n ?? "none"'}}
`, map[string]patterntest.Answer{"far.ask": answer(`{"n":"some"}`)})
	h.Must("in", `{"ask":true}`)
	h.Must("in", `{"ask":false}`)
	if got := patterntest.Bodies(patterntest.Messages(h.Waiting("a"))); !slices.Equal(got, []string{`{"got":"some"}`, `{"got":"none"}`}) {
		t.Errorf("sent %q", got)
	}
	if n := len(h.Called("far.ask")); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if e := refused(t, h, "in", `{"ask":"yes"}`); e.Class != hub.Invalid || e.Where != "in/call far.ask" {
		t.Errorf("a condition that is a text: %v at %s", e, e.Where)
	}
}

// TestHistory of a small pipeline: what happened, in order, and at which line.
func TestHistory(t *testing.T) {
	h := start(t, fakes+`
channels: {orders: {type: direct, key: body.id}, a: {type: direct}}
pipelines:
  in:
    from: {web: POST /orders}
    steps:
      - reply: {status: 202}
      - send: orders
  work:
    from: orders
    steps:
      - {call: far.ask, as: got}
      - route:
          - {when: got.n > 1, translate: {id: =body.id}}
      - send: a
`, map[string]patterntest.Answer{"far.ask": answer(`{"n":7}`)})
	if _, err := h.In("in", h.Message("m1", `{"id":"A"}`)); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	rows, err := h.Store.History(context.Background(), "m1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		for _, e := range r.Events {
			got = append(got, fmt.Sprintf("%s @%s: %s %s", e.Where, e.Line[strings.LastIndexByte(e.Line, ':')+1:], e.What, e.Detail))
			if !strings.Contains(e.Line, "pipelines.yaml:") || e.Time.IsZero() || e.Message == "" {
				t.Errorf("event %+v", e)
			}
		}
	}
	want := []string{
		"in @5: received POST /orders",
		"in/reply @8: replied 202",
		"in/send orders @9: sent orders",
		"work/call far.ask @13: called far.ask → 200",
		"work/route @14: chose got.n > 1",
		"work/translate @15: translated ",
		"work/send a @16: sent a",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if rows, _ := h.Store.History(context.Background(), "A"); len(rows) == 0 {
		t.Error("the history is not found by the correlation")
	}
}

// TestHistoryOfPassThroughs: the history of a unit that changes the store stands with it, that of a pass-through is written
// soon after, and `history: failures` keeps neither.
func TestHistoryOfPassThroughs(t *testing.T) {
	h := start(t, fakes+`
channels: {a: {type: direct}}
pipelines:
  quiet: {history: failures, from: {files: quiet}, steps: [{send: {far: out}}]}
  pass: {from: {files: pass}, steps: [{send: {far: out}}]}
  calls: {from: {files: calls}, steps: [{call: middle, as: x}]}
  middle: {from: call, steps: [{call: sub, as: x}]}
  sub: {from: call, steps: [{send: a}]}
`, nil)
	for _, p := range []string{"quiet", "pass", "calls"} {
		if _, err := h.In(p, h.Message(p+"-1", `{}`)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"received calls", "sent a", "called sub", "called middle"}
	if got := h.History("calls-1"); !slices.Equal(got, want) {
		t.Errorf("history %q, want %q", got, want)
	}
	want = []string{"received pass", "sent far"}
	patterntest.Until(t, "the history of what passed through", func() bool {
		h.Advance(time.Second)
		return slices.Equal(h.History("pass-1"), want)
	})
	if got := h.History("quiet-1"); len(got) != 0 {
		t.Errorf("kept of failures alone: %q", got)
	}
}

// TestCalledPipelineHasItsOwnVariables: the caller's are not seen there, and its own do not come back.
func TestCalledPipelineHasItsOwnVariables(t *testing.T) {
	h := start(t, fakes+`
channels: {a: {type: direct}}
pipelines:
  in:
    from: {web: in}
    steps:
      - set: {mine: {a: 1}}
      - {call: sub, as: got}
      - {send: a, with: {mine: =mine, got: =got}}
  sub: {from: call, steps: [{set: {mine.b: 2}}, {reply: {status: 200, body: =mine}}]}
`, nil)
	h.Must("in", `{}`)
	if got := patterntest.Bodies(patterntest.Messages(h.Waiting("a"))); !slices.Equal(got, []string{`{"mine":{"a":1},"got":{"b":2}}`}) {
		t.Errorf("sent %q", got)
	}
}
