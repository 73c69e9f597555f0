package delay_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/delay"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/route"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const head = `adapters: {web: {type: fake-web}, out: {type: fake, ops: [ask]}}
channels: {rows: {type: direct, key: body.k}, after: {type: direct}}
pipelines:
  p:
    from: rows
    steps:
`

func config(steps string) patterntest.Config {
	return patterntest.Config{YAML: head + "      " + strings.ReplaceAll(strings.TrimSpace(steps), "\n", "\n      ") + "\n",
		Registry: pipelines.Registry{Patterns: append(process.Patterns(), call.Pattern(), delay.Pattern(), fail.Pattern(), reply.Pattern(), route.Pattern(), send.Pattern(), set.Pattern()),
			Sections: []pipelines.Section{process.Section()}}}
}

// give stores one message with the key k and waits until it is handled.
func give(h *patterntest.Hub, id, k, body string) {
	m := h.Message(id, body)
	m.Key = k
	h.Put("rows", m)
	h.Settle()
}

func want(t *testing.T, h *patterntest.Hub, what string, bodies ...string) {
	t.Helper()
	patterntest.Want(t, what, patterntest.Bodies(h.Sent("out")), bodies...)
}

func TestPause(t *testing.T) {
	h := patterntest.Start(t, config("- set: {seen: =body.n + 1}\n- delay: 10m\n- {send: out, with: {n: =body.n, seen: =seen}}"))
	give(h, "A", "a", `{"n":1}`)
	h.Advance(10*time.Minute - time.Second)
	want(t, h, "before its time")
	if left := h.Waiting("p/delay!due"); len(left) != 1 || left[0].Msg.Key != "a" {
		t.Errorf("%d messages wait, want the one", len(left))
	}
	h.Advance(time.Second)
	want(t, h, "at its time, with its variables", `{"n":1,"seen":2}`)
	h.Advance(24 * time.Hour)
	want(t, h, "it goes on once", `{"n":1,"seen":2}`)
	if got := strings.Join(h.History("A"), "; "); !strings.Contains(got, "delayed until 2026-03-01T12:10:00Z") {
		t.Errorf("history %q", got)
	}
}

func TestUntil(t *testing.T) {
	for name, c := range map[string]struct {
		until, body string
		waits       time.Duration
	}{
		"a field":             {"=body.at", `{"at":"2026-03-01T18:00:00Z"}`, 6 * time.Hour},
		"with a zone":         {"=body.at", `{"at":"2026-03-01T18:00:00+01:00"}`, 5 * time.Hour},
		"a date":              {"=body.at", `{"at":"2026-03-02"}`, 12 * time.Hour},
		"Unix seconds":        {"=iso(body.at)", `{"at":1772388000}`, 6 * time.Hour},
		"a pause of its own":  {`'=addDuration(now(), body.pause)'`, `{"pause":"90m"}`, 90 * time.Minute},
		"a time in the file":  {"2026-03-01T12:30:00Z", `{}`, 30 * time.Minute},
		"a time that is over": {"=body.at", `{"at":"2020-01-01"}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- delay: {until: "+c.until+"}\n- send: out"))
			give(h, "A", "", c.body)
			if c.waits > 0 {
				h.Advance(c.waits - time.Second)
				want(t, h, "before its time")
				h.Advance(time.Second)
			}
			want(t, h, "at its time", c.body)
		})
	}
}

func TestNoTime(t *testing.T) {
	h := patterntest.Start(t, config("- delay: {until: =body.at}\n- send: out"))
	for _, body := range []string{`{"at":"soon"}`, `{}`, `{"at":"2226-03-01"}`, `{"at":12}`} {
		give(h, "", "", body)
	}
	dead := h.Dead()
	if len(dead) != 4 {
		t.Fatalf("%d dead letters, want 4", len(dead))
	}
	for _, d := range dead {
		if got := string(d.Error.Class) + " " + d.Error.Reason + " " + d.Error.Where; got != "invalid time p/delay" {
			t.Errorf("%s: %s: %s", d.Msg.Body.Bytes(), got, d.Error.Message)
		}
	}
}

// Messages of one key go on in the order of their times; one with a condition that does not hold does not wait.
func TestOrder(t *testing.T) {
	h := patterntest.Start(t, config("- {delay: 10m, when: body.slow}\n- send: out"))
	give(h, "A", "a", `{"n":1,"slow":true}`)
	h.Advance(time.Minute)
	give(h, "B", "a", `{"n":2,"slow":true}`)
	give(h, "C", "a", `{"n":3,"slow":false}`)
	want(t, h, "what does not wait", `{"n":3,"slow":false}`)
	h.Advance(time.Hour)
	want(t, h, "all", `{"n":3,"slow":false}`, `{"n":1,"slow":true}`, `{"n":2,"slow":true}`)
}

// The hub stops while the message waits, and its time comes while the hub is away. What fails behind it has its reaction.
func TestRestart(t *testing.T) {
	c := config("- delay: 10m\n- {fail: late, when: body.bad == true, errors: {late: {send: after}}}\n- send: out")
	c.Clock, c.Store = patterntest.NewClock(), "sqlite:"+t.TempDir()+"/hub.db"
	h := patterntest.Start(t, c)
	give(h, "A", "a", `{"n":1}`)
	give(h, "B", "b", `{"n":2,"bad":true}`)
	h.Stop()
	c.Clock.Advance(time.Hour)
	h = patterntest.Start(t, c)
	h.Settle()
	want(t, h, "after the restart", `{"n":1}`)
	patterntest.Want(t, "what the reaction sent", h.WaitingBodies("after"), `{"n":2,"bad":true}`)
}

func TestExpiry(t *testing.T) {
	h := patterntest.Start(t, config("- delay: 10m\n- send: out"))
	m := h.Message("A", `{}`)
	m.Expires = h.Clock.Now().Add(time.Minute)
	h.Put("rows", m)
	h.Settle()
	h.Advance(time.Hour)
	want(t, h, "what expired while it waited")
	if dead := h.Dead(); len(dead) != 1 || dead[0].Error.Reason != "expired" {
		t.Errorf("%d dead letters, want one that is expired", len(dead))
	}
}

// A request is answered, and what stands behind the reply waits.
func TestBehindAReply(t *testing.T) {
	c := config("- reply: 202\n- delay: 1m\n- send: out")
	c.YAML = strings.Replace(c.YAML, "from: rows", "from: web", 1)
	h := patterntest.Start(t, c)
	if m := h.Must("p", `{"n":1}`); m == nil || m.Headers.Get(hub.HeaderStatus) != "202" {
		t.Errorf("the reply is %v", m)
	}
	h.Settle()
	want(t, h, "at once")
	h.Advance(time.Minute)
	want(t, h, "after a minute", `{"n":1}`)
}

func TestProblems(t *testing.T) {
	for name, c := range map[string]struct{ steps, want, help string }{
		"no unit":        {"- delay: 10", "E110", "write 10s, 10m"},
		"nothing":        {"- delay: 0s", "a message can't wait for 0s", "10m"},
		"too long":       {"- delay: 4000d", "a message can't wait for 4000d", "at most ten years"},
		"a formula":      {"- delay: =body.pause", "a delay is a fixed pause", "addDuration"},
		"no time":        {"- delay: {until: tomorrow}", `"tomorrow" is no time`, "until: =body.send_at"},
		"empty":          {"- delay: {}", "a delay is a pause", "until: =body.send_at"},
		"another word":   {"- delay: {untill: =body.at}", `did you mean "until"`, ""},
		"a number":       {"- set: {at: =1}\n- delay: {until: =at}", "a time is a text", "iso("},
		"inside":         {"- route: [{when: body.slow, delay: 10m}, {else: true, send: after}]", "can't stand inside another step", "move it"},
		"in a reaction":  {"- send: after\n  errors: {other: {delay: 10m}}", "can't stand inside another step", "move it"},
		"before a reply": {"- delay: 10m\n- reply: 200", "behind a delay", "one reply"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config(c.steps)
			if name == "before a reply" {
				conf.YAML = strings.Replace(conf.YAML, "from: rows", "from: web", 1)
			}
			if got := patterntest.Problems(t, conf); !strings.Contains(got, c.want) || !strings.Contains(got, c.help) || strings.Count(got, "error[") != 1 {
				t.Errorf("got\n%s\nwant one error with %q and %q", got, c.want, c.help)
			}
		})
	}
}

func TestWhereItCantStand(t *testing.T) {
	called := config("- {call: c, as: x}")
	called.YAML += "  c: {from: call, steps: [{delay: 10m}]}\n"
	state := config("- {start: order}")
	state.YAML += "processes:\n  order:\n    id: order.id\n    data: {order: {}}\n    states:\n      new: {steps: [{delay: 10m}], next: [{goto: done}]}\n      done: {final: true}\n"
	for want, c := range map[string]patterntest.Config{"the caller waits for the answer": called, "write timers: [{after: 10m": state} {
		if got := patterntest.Problems(t, c); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q", got, want)
		}
	}
}
