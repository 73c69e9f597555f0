package wiretap_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
	"orderhub/pipelines/translate"
	"orderhub/pipelines/wiretap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const head = `adapters: {web: {type: fake-web}, out: {type: fake, ops: [ask]}}
channels: {a: {type: direct}, b: {type: direct}}
pipelines:
  p:
    from: web
    steps:
` // a step's verb stands at 7:9

func config(steps string) patterntest.Config {
	return patterntest.Config{YAML: head + "      " + strings.ReplaceAll(strings.TrimSpace(steps), "\n", "\n      ") + "\n",
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{call.Pattern(), fail.Pattern(), filter.Pattern(), send.Pattern(), set.Pattern(), translate.Pattern(), wiretap.Pattern()}}}
}

func TestCopy(t *testing.T) {
	const order = `{"id":"W-1","total":7.50,"pay":{"card":"4111"}}`
	for name, c := range map[string][3]string{ // tap, copy, ID of the copy
		"channel":      {"- wire_tap: a", order, "M"},
		"long form":    {"- wire_tap: {send: a}", order, "M"},
		"keep":         {"- wire_tap: {send: a, keep: [id, total]}", `{"id":"W-1","total":7.50}`, "M/p.wire_tap"},
		"drop":         {"- wire_tap: {send: a, drop: [pay.card]}", `{"id":"W-1","total":7.50,"pay":{}}`, "M/p.wire_tap"},
		"with":         {"- wire_tap: a\n  with: {twice: =body.total * 2}", `{"twice":15.00}`, "M/p.wire_tap"},
		"with of keep": {"- wire_tap: {send: a, keep: [id]}\n  with: {kept: =body}", `{"kept":{"id":"W-1"}}`, "M/p.wire_tap"},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config(c[0]+"\n- send: b"))
			if _, err := h.In("p", h.Message("M", order)); err != nil {
				t.Fatal(err)
			}
			patterntest.Want(t, "copy", h.WaitingBodies("a"), c[1])
			patterntest.Want(t, "message", h.WaitingBodies("b"), order)
			if copied, m := h.Waiting("a")[0].Msg, h.Waiting("b")[0].Msg; copied.ID != c[2] || m.ID != "M" {
				t.Errorf("IDs of the copy %s and the message %s, want %s and M", copied.ID, m.ID, c[2])
			}
			patterntest.Want(t, "history", h.History("M"), "received web", "tapped copy to a", "sent b")
		})
	}
}

// headers and expires belong to the copy; to an adapter it goes as any message does.
func TestModifiers(t *testing.T) {
	h := patterntest.Start(t, config("- wire_tap: a\n  headers: {seen: =body.n, x: null}\n  expires: 2d\n- wire_tap: {out: log}\n- send: b"))
	m := h.Message("M", `{"n":7}`)
	m.Headers = hub.Headers{"x": "y"}
	if _, err := h.In("p", m); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	copied, behind := h.Waiting("a")[0].Msg, h.Waiting("b")[0].Msg
	if !maps.Equal(copied.Headers, map[string]string{"seen": "7"}) || !copied.Expires.Equal(h.Clock.Now().Add(48*time.Hour)) {
		t.Errorf("the copy %+v", copied)
	}
	if !maps.Equal(behind.Headers, map[string]string{"x": "y"}) || !behind.Expires.IsZero() {
		t.Errorf("the message is touched: %+v", behind)
	}
	patterntest.Want(t, "the adapter's copy", patterntest.Bodies(h.Sent("out log")), `{"n":7}`)
}

// The copy is there if and only if the message went on.
func TestCopyIffCommitted(t *testing.T) {
	for name, c := range map[string]struct {
		behind, body string
		copies       int
	}{
		"went on":      {"- send: b", `{"n":1}`, 1},
		"done, passed": {"- filter: body.n == 2", `{"n":1}`, 1},
		"failed":       {"- fail: broken", `{"n":1}`, 0},
		"invalid":      {"- filter: body.m > 2", `{"n":1}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- wire_tap: a\n- wire_tap: {out: log}\n"+c.behind))
			_, err := h.In("p", h.Message("M", c.body))
			if (err == nil) != (c.copies == 1) {
				t.Fatal(err)
			}
			h.Settle()
			if channel, adapter := len(h.Waiting("a")), len(h.Sent("out log")); channel != c.copies || adapter != c.copies {
				t.Errorf("%d and %d copies, want %d", channel, adapter, c.copies)
			}
		})
	}
	t.Run("once over retries", func(t *testing.T) {
		fails := 2
		c := config("- wire_tap: a\n- call: out.ask\n  retry: {times: 3, wait: 1s}\n- send: b")
		c.YAML = strings.Replace(c.YAML, "from: web", "from: out", 1)
		c.Answers = map[string]patterntest.Answer{"out.ask": func(_ context.Context, m *hub.Message) (*hub.Message, error) {
			if fails--; fails >= 0 {
				return nil, hub.Fail(hub.Unavailable, "away", "away")
			}
			return m, nil
		}}
		h := patterntest.Start(t, c)
		h.Must("p", `{"n":1}`)
		for range 2 {
			h.Settle()
			patterntest.Want(t, "copies before the message went on", h.WaitingBodies("a"))
			h.Advance(10 * time.Second)
		}
		patterntest.Want(t, "copies", h.WaitingBodies("a"), `{"n":1}`)
		patterntest.Want(t, "went on", h.WaitingBodies("b"), `{"n":1}`)
	})
}

func TestRunErrors(t *testing.T) {
	for name, c := range map[string][3]string{ // tap, body, error
		"with":    {"- wire_tap: a\n  with: {x: =body.n * 2}", `{"n":"1"}`, `invalid transform p/wire_tap pipelines.yaml:8:19: body.n is a string, not a number; body.n = "1"`},
		"no JSON": {"- wire_tap: {send: a, keep: [n]}", `{`, `invalid bad_json p/wire_tap pipelines.yaml:7: line 1 column 2`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config(c[0]+"\n- send: b"))
			if got := h.Refused(t, c[1]); !strings.HasPrefix(got, c[2]) {
				t.Errorf("got  %s\nwant %s", got, c[2])
			}
			patterntest.Want(t, "sent", append(h.WaitingBodies("a"), h.WaitingBodies("b")...))
		})
	}
}

func TestProblems(t *testing.T) {
	if got := patterntest.Problems(t, config("- translate: {x: 1, y: 2}\n- wire_tap: {send: a, keep: [x]}\n- filter: body.y == 1")); strings.Contains(got, "error[") {
		t.Errorf("the message behind the tap keeps its type: %s", got)
	}
	patterntest.Faults(t, config, map[string][3]string{
		"behind":       {"- translate: {x: 1}\n- wire_tap: {send: a, keep: [x]}\n- filter: body.z == 1", "9:22: error[E301]: body has no field z", "known: x"},
		"with of keep": {"- translate: {x: 1, y: 2}\n- wire_tap: {send: a, keep: [x]}\n  with: {v: =body.y}", "9:25: error[E301]: body has no field y", "known: x"},
		"unknown":      {"- wire_tap: aa", `7:19: error[E231]: unknown channel or adapter "aa"`, `did you mean "a"?`},
		"key":          {"- wire_tap: {send: a, kepe: [x]}", `7:29: error[E101]: unknown wire_tap field "kepe"`, `did you mean "keep"?`},
		"third key":    {"- wire_tap: {send: a, keep: [x], x: 1}", `7:40: error[E101]: unknown`, "known: send, keep, drop"},
		"both":         {"- wire_tap: {send: a, keep: [x], drop: [y]}", "7:9: error[E265]: say which fields to keep, or which to drop", "write keep"},
		"field":        {"- translate: {x: 1, total: 2}\n- wire_tap: {send: a, keep: [totl]}", "8:36: error[E301]: object has no field totl", `did you mean "total"?`},
		"modifier":     {"- wire_tap: a\n  as: x", "8:9: error[E205]: `as` has no effect on wire_tap", "remove it"},
	})
}
