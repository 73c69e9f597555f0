package call_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/route"
	"orderhub/pipelines/scattergather"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
	"orderhub/pipelines/split"
)

const noted = "with: {class: =error.class, reason: =error.reason, where: =error.where, said: =error.message}"

// journey is a caller p with the steps, and an answerer q of the channel ask with its own.
func journey(steps, theirs, errors string) patterntest.Config {
	lines := func(s string) string {
		return "    steps:\n      " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n      ") + "\n"
	}
	return patterntest.Config{YAML: `adapters: {web: {type: fake-web}, out: {type: fake, ops: [ask]}}
channels: {ask: {type: direct}, mine: {type: direct}, theirs: {type: direct}}
pipelines:
  p:
    from: out
` + lines(steps) + "  q:\n    from: ask\n" + lines(theirs) + errors,
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{call.Pattern(), fail.Pattern(), reply.Pattern(), route.Pattern(), scattergather.Pattern(),
			send.Pattern(), set.Pattern(), split.Pattern()}}}
}

// An error told to another stage is plain: the caller's `errors:` decides, the
// answerer's ran where it failed, once, and each sees the class, the reason, the place and the text.
func TestFault_M8_CallersErrorsDecide(t *testing.T) {
	const said = `{"class":"empty","reason":"empty","where":"q/fail","said":"none left"}`
	const asks = "- fail: {class: empty, say: none left}\n- reply: {body: {}}"
	for name, c := range map[string]struct{ steps, theirs, errors, mine string }{
		"the step's": {"- call: ask\n  errors: {empty: {send: mine, " + noted + "}}", asks, "    errors: {empty: {send: theirs, " + noted + "}}\n", said},
		"the answerer's step": {"- call: ask\n  errors: {empty: {send: mine, " + noted + "}}",
			"- fail: {class: empty, say: none left}\n  errors: {empty: {send: theirs, " + noted + "}}\n- reply: {body: {}}", "", said},
		"around it":   {"- route: [{when: body.n == 1, call: ask}]\n  errors: {empty: {send: mine, " + noted + "}}", asks, "    errors: {empty: {send: theirs, " + noted + "}}\n", said},
		"in a split":  {"- split: {each: body.list, steps: [{call: ask}]}\n  errors: {empty: {send: mine, " + noted + "}}", asks, "    errors: {empty: {send: theirs, " + noted + "}}\n", said},
		"in parallel": {"- split: {each: body.list, parallel: 2, steps: [{call: ask}]}\n  errors: {empty: {send: mine, " + noted + "}}", asks, "    errors: {empty: {send: theirs, " + noted + "}}\n", said},
		"by a called": {"- call: sub\n  errors: {empty: {send: mine, " + noted + "}}", asks, "    errors: {empty: {send: theirs, " + noted + "}}\n  sub: {from: call, steps: [{call: ask}]}\n", said},
	} {
		t.Run(name, func(t *testing.T) {
			conf := journey(c.steps, c.theirs, c.errors)
			h := patterntest.Start(t, conf)
			h.Must("p", `{"n":1,"list":[{}]}`)
			h.Settle()
			patterntest.Want(t, "the caller's", h.WaitingBodies("mine"), c.mine)
			patterntest.Want(t, "the answerer's", h.WaitingBodies("theirs"), said)
			if d := h.Dead(); len(d) != 0 {
				t.Errorf("%d dead letters, the first: %+v", len(d), d[0].Error)
			}
		})
	}
}

// Nobody reacts at the caller: its message is a dead letter; the answerer's reaction is not run for it.
func TestFault_M8_NobodyReacts(t *testing.T) {
	h := patterntest.Start(t, journey("- call: ask", "- fail: {class: empty, say: none left}\n- reply: {body: {}}", "    errors: {empty: {send: theirs, "+noted+"}}\n"))
	if _, err := h.In("p", h.Message("M", `{}`)); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	patterntest.Want(t, "the answerer's", h.WaitingBodies("theirs"), `{"class":"empty","reason":"empty","where":"q/fail","said":"none left"}`)
	d := h.Dead()
	if len(d) != 1 || d[0].Msg.ID != "M" || d[0].Queue != "p#0" || d[0].Error.Class != "empty" || d[0].Error.Where != "q/fail" {
		t.Fatalf("dead letters %+v %+v", d, d[0].Error)
	}
}

// What an answerer's own `errors:` takes is told at once, also a class that would be tried again.
func TestFault_M8_EveryClass(t *testing.T) {
	for _, class := range append([]hub.Class{"sold_out"}, hub.Classes...) {
		t.Run(string(class), func(t *testing.T) {
			h := patterntest.Start(t, journey("- call: ask\n  errors: {"+string(class)+": {send: mine, "+noted+"}}",
				"- {fail: "+string(class)+", when: body.n == 1}\n- fail: {class: sold_out, say: no}\n  when: body.n == 2\n- reply: {body: {}}",
				"    errors: {other: {send: theirs, "+noted+"}}\n"))
			h.Must("p", `{"n":1}`)
			h.Settle()
			want := `{"class":"` + string(class) + `","reason":"` + string(class) + `","where":"q/fail","said":"` + string(class) + `"}`
			patterntest.Want(t, "the caller's", h.WaitingBodies("mine"), want)
			patterntest.Want(t, "the answerer's", h.WaitingBodies("theirs"), want)
		})
	}
}

// A step reacts to what happens in it, not to what happens behind it, wherever it stands.
func TestFault_M8_StepsBehindAreNotItsOwn(t *testing.T) {
	const first = "{send: out, errors: {empty: {send: mine, " + noted + "}}}, {fail: {class: empty, say: none left}}"
	for name, steps := range map[string]string{
		"in the pipeline": "- send: out\n  errors: {empty: {send: mine, " + noted + "}}\n- fail: {class: empty, say: none left}",
		"in a branch":     "- route: [{when: body.n == 1, steps: [" + first + "]}]",
		"in a split":      "- split: {each: body.list, steps: [" + first + "]}",
		"in a called":     "- call: sub",
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, journey(steps, "- send: theirs", "  sub: {from: call, steps: ["+first+"]}\n"))
			if _, err := h.In("p", h.Message("M", `{"n":1,"list":[{}]}`)); err != nil {
				t.Fatal(err)
			}
			h.Settle()
			patterntest.Want(t, "of the step before", h.WaitingBodies("mine"))
			if d := h.Dead(); len(d) != 1 || d[0].Error.Class != "empty" {
				t.Errorf("dead letters %+v", d)
			}
		})
	}
}

// An error inside a reaction leaves the first one in sight: in the dead letter, the trace, and what reacts to it in turn.
func TestFault_V9_ErrorInsideAReaction(t *testing.T) {
	h := patterntest.Start(t, journey("- fail: {class: empty, say: none left}\n  errors: {empty: [{set: {body.x: =body.n * 2}}, {send: mine}]}", "- send: theirs", ""))
	if _, err := h.In("p", h.Message("M", `{"n":"one"}`)); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	d := h.Dead()
	if len(d) != 1 {
		t.Fatalf("%d dead letters", len(d))
	}
	f := d[0].Error
	if f.Class != hub.Invalid || f.Where != "p/set" || f.First == nil || f.First.Class != "empty" || f.First.Where != "p/fail" || f.First.Message != "none left" {
		t.Errorf("dead letter %+v, first %+v", f, f.First)
	}
	for what, text := range map[string]string{"dead letter": f.Text(), "trace": strings.Join(h.History("M"), "\n")} {
		if !strings.Contains(text, "body.n is a string") || !strings.Contains(text, "this came up while handling empty at p/fail: none left") {
			t.Errorf("%s: %s", what, text)
		}
	}
}

// A reaction inside a reaction is done as well, and sees what came first.
func TestFault_V9_ReactionToTheReaction(t *testing.T) {
	conf := journey("- fail: {class: empty, say: none left}\n  errors: {empty: [{call: out.ask, errors: {rejected: {send: mine, with: {now: =error.class, first: =error.cause.class, said: =error.cause.message}}}}]}",
		"- send: theirs", "")
	conf.Answers = answers("rejected")
	h := patterntest.Start(t, conf)
	h.Must("p", `{}`)
	h.Settle()
	patterntest.Want(t, "told", h.WaitingBodies("mine"), `{"now":"rejected","first":"empty","said":"none left"}`)
}

// A reaction that fails for now is tried again with the whole message; what waits says both.
func TestFault_V9_WaitsWithBoth(t *testing.T) {
	conf := journey("- fail: {class: empty, say: none left}\n  errors: {empty: [{call: out.ask}, {send: mine}]}", "- send: theirs", "")
	away := true
	conf.Answers = map[string]patterntest.Answer{"out.ask": func(context.Context, *hub.Message) (*hub.Message, error) {
		if away {
			return nil, hub.Fail(hub.Unavailable, "connection", "refused")
		}
		return &hub.Message{}, nil
	}}
	h := patterntest.Start(t, conf)
	h.Must("p", `{}`)
	h.Settle()
	w := h.Waiting("p#0")
	if len(w) != 1 || w[0].Error.Class != hub.Unavailable || w[0].Error.First == nil || w[0].Error.First.Message != "none left" {
		t.Fatalf("waiting %+v, dead %+v", w, h.Dead())
	}
	away = false
	h.Advance(time.Minute)
	if got := h.WaitingBodies("mine"); len(got) != 1 {
		t.Errorf("sent %q", got)
	}
}
