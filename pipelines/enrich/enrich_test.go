package enrich_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/enrich"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/send"
	"orderhub/pipelines/translate"
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
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{call.Pattern(), enrich.Pattern(), filter.Pattern(), reply.Pattern(), send.Pattern(), translate.Pattern()}}}
}

// answers gives the answers one after another, the last one for ever; an error class fails the call.
func answers(list ...string) map[string]patterntest.Answer {
	next := 0
	return map[string]patterntest.Answer{"out.ask": func(context.Context, *hub.Message) (*hub.Message, error) {
		a := list[min(next, len(list)-1)]
		next++
		if slices.Contains(hub.Classes, hub.Class(a)) {
			return nil, hub.Fail(hub.Class(a), "far_end", "the far end says %s", a)
		}
		return &hub.Message{Body: hub.NewBody([]byte(a)), Headers: hub.Headers{hub.HeaderStatus: "200"}}, nil
	}}
}

func TestInto(t *testing.T) {
	for name, c := range map[string]struct{ options, body, answer, asked, sent string }{
		"path":         {"with: {sku: =body.sku}, into: body.product", `{"sku":"A"}`, `{"price":1.10}`, `{"sku":"A"}`, `{"sku":"A","product":{"price":1.10}}`},
		"deep path":    {"into: body.a.b.c", `{"a":{"x":1}}`, `7.50`, `{"a":{"x":1}}`, `{"a":{"x":1,"b":{"c":7.50}}}`},
		"body":         {"with: {sku: =body.sku}, into: body", `{"sku":"A","price":0}`, `{"price":1.10,"stock":3}`, `{"sku":"A"}`, `{"sku":"A","price":1.10,"stock":3}`},
		"no answer":    {"into: body", `{"n":1}`, ``, `{"n":1}`, `{"n":1}`},
		"null at path": {"into: body.m", `{"n":1}`, `null`, `{"n":1}`, `{"n":1,"m":null}`},
		"element":      {"into: body.0.m", `[{"n":1}]`, `2`, `[{"n":1}]`, `[{"n":1,"m":2}]`},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config("- send: a\n- enrich: {call: out.ask, " + c.options + "}\n- send: b")
			conf.Answers = answers(c.answer)
			h := patterntest.Start(t, conf)
			if _, err := h.In("p", h.Message("M", c.body)); err != nil {
				t.Fatal(err)
			}
			patterntest.Want(t, "asked", patterntest.Bodies(h.Called("out.ask")), c.asked)
			patterntest.Want(t, "enriched", h.WaitingBodies("b"), c.sent)
			patterntest.Want(t, "what was sent before", h.WaitingBodies("a"), c.body)
			patterntest.Want(t, "history", h.History("M"), "received web", "sent a", "called out.ask → 200", "sent b")
			if key := h.Called("out.ask")[0].Headers.Get(hub.HeaderIdempotency); key != "M/p/enrich.out.ask" {
				t.Errorf("Idempotency-Key %q", key)
			}
		})
	}
	t.Run("a pipeline", func(t *testing.T) {
		conf := config("- enrich: {call: sub, with: {q: =body.n}, into: body.m}\n- send: b")
		conf.YAML += "  sub: {from: call, steps: [{reply: {body: =body.q * 2}}]}\n"
		h := patterntest.Start(t, conf)
		h.Must("p", `{"n":1.50}`)
		patterntest.Want(t, "enriched", h.WaitingBodies("b"), `{"n":1.50,"m":3.00}`)
	})
}

// Answers to the same question are kept for ten minutes; failures are not.
func TestCache(t *testing.T) {
	for name, c := range map[string]struct {
		with string
		ask  []string // body, at minutes, ...
		want string   // what is asked
	}{
		"same question":       {"with: {sku: =body.sku}, ", []string{`{"sku":"A","n":1}`, "0", `{"sku":"A","n":2}`, "9"}, `{"sku":"A"}`},
		"other question":      {"with: {sku: =body.sku}, ", []string{`{"sku":"A"}`, "0", `{"sku":"B"}`, "0"}, `{"sku":"A"} {"sku":"B"}`},
		"too old":             {"with: {sku: =body.sku}, ", []string{`{"sku":"A"}`, "0", `{"sku":"A"}`, "10"}, `{"sku":"A"} {"sku":"A"}`},
		"the body":            {"", []string{`{"sku":"A"}`, "0", `{"sku":"A"}`, "1"}, `{"sku":"A"}`},
		"another body":        {"", []string{`{"sku":"A"}`, "0", `{"sku":"B"}`, "1"}, `{"sku":"A"} {"sku":"B"}`},
		"a text is no number": {"with: =body, ", []string{`{"sku":"1"}`, "0", `{"sku":1}`, "1"}, `{"sku":"1"} {"sku":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config("- enrich: {call: out.ask, " + c.with + "into: body.got, cache: 10m}\n- translate: {got: =body.got}\n- send: a")
			asked := []string{}
			conf.Answers = map[string]patterntest.Answer{"out.ask": func(_ context.Context, m *hub.Message) (*hub.Message, error) {
				asked = append(asked, string(m.Body.Bytes()))
				return m, nil
			}}
			h := patterntest.Start(t, conf)
			for i := 0; i < len(c.ask); i += 2 {
				after, _ := time.ParseDuration(c.ask[i+1] + "m")
				h.Advance(after)
				if _, err := h.In("p", h.Message("M"+c.ask[i+1], c.ask[i])); err != nil {
					t.Fatal(err)
				}
			}
			patterntest.Want(t, "asked", asked, strings.Fields(c.want)...)
			last := `{"got":` + asked[len(asked)-1] + `}`
			if got := h.WaitingBodies("a"); got[1] != last {
				t.Errorf("the second message got %s, want %s", got[1], last)
			}
			if cached := slices.Contains(h.History("M"+c.ask[3]), "called out.ask (cached)"); cached != (len(asked) == 1) {
				t.Errorf("asked %q, and the history says %q", asked, h.History("M"+c.ask[3]))
			}
		})
	}
	t.Run("failure", func(t *testing.T) {
		conf := config("- enrich: {call: out.ask, into: body.got, cache: 10m}\n- send: a")
		conf.Answers = answers("unavailable", "1", "2")
		h := patterntest.Start(t, conf)
		h.Refused(t, `{}`)
		h.Must("p", `{}`)
		h.Must("p", `{}`)
		patterntest.Want(t, "enriched", h.WaitingBodies("a"), `{"got":1}`, `{"got":1}`)
	})
}

func TestRunErrors(t *testing.T) {
	for name, c := range map[string][4]string{ // step, answer, body, error
		"rejected":    {"- enrich: {call: out.ask, into: body.x}", "rejected", `{}`, "rejected far_end p/enrich out.ask pipelines.yaml:8: the far end says rejected"},
		"unavailable": {"- enrich: {call: out.ask, into: body.x, cache: 1m}", "unavailable", `{}`, "unavailable far_end p/enrich out.ask pipelines.yaml:8: the far end says unavailable"},
		"no JSON":     {"- enrich: {call: out.ask, into: body.x}", "<html>", `{}`, "rejected bad_response p/enrich out.ask pipelines.yaml:8: out.ask answered with a body that is not JSON"},
		"timeout":     {"- enrich: {call: out.ask, into: body.x}\n  timeout: 10ms", "", `{}`, "timeout timeout p/enrich out.ask pipelines.yaml:8: "},
		"with":        {"- enrich: {call: out.ask, with: {q: =body.n * 2}, into: body.x}", "{}", `{"n":"1"}`, `invalid transform p/enrich out.ask pipelines.yaml:8:43: body.n is a string, not a number`},
		"with, cache": {"- enrich: {call: out.ask, with: {q: =body.n * 2}, into: body.x, cache: 1m}", "{}", `{"n":"1"}`, `invalid transform p/enrich out.ask pipelines.yaml:8:43: body.n is a string, not a number`},
		"list":        {"- enrich: {call: out.ask, into: body.x}", "{}", `[{"n":1}]`, `invalid transform p/enrich out.ask pipelines.yaml:8: body is an array and takes no field x; body = [{"n":1}]`},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config("- send: a\n" + c[0] + "\n- send: b")
			conf.Answers = answers(c[1])
			if name == "timeout" {
				conf.Answers["out.ask"] = func(ctx context.Context, _ *hub.Message) (*hub.Message, error) { <-ctx.Done(); return nil, ctx.Err() }
			}
			h := patterntest.Start(t, conf)
			if got := h.Refused(t, c[2]); !strings.HasPrefix(got, c[3]) {
				t.Errorf("got  %s\nwant %s", got, c[3])
			}
			patterntest.Want(t, "sent", append(h.WaitingBodies("a"), h.WaitingBodies("b")...))
		})
	}
}

func TestProblems(t *testing.T) {
	if got := patterntest.Problems(t, config("- translate: {x: 1}\n- enrich: {call: out.ask, into: body.y}\n- filter: body.y.z == 1 and body.x == 1\n- send: a")); strings.Contains(got, "error[") {
		t.Errorf("the fields before are known, of the answer nothing is: %s", got)
	}
	patterntest.Faults(t, config, map[string][3]string{
		"behind":    {"- translate: {x: 1}\n- enrich: {call: out.ask, into: body.y}\n- filter: body.z == 1", "9:22: error[E301]: body has no field z", "known: x, y"},
		"with":      {"- translate: {skus: 1}\n- enrich: {call: out.ask, with: {q: =body.sku}, into: body}", "8:49: error[E301]: body has no field sku", `did you mean "skus"?`},
		"no map":    {"- enrich: out.ask", "7:17: error[E264]: enrich takes a call and where its answer goes", "write {call: catalog.product"},
		"no call":   {"- enrich: {into: body}", "7:9: error[E103]: enrich needs `call`", "add call: and an operation"},
		"no into":   {"- enrich: {call: out.ask}", "7:9: error[E264]: enrich needs `into`, a place in the body", "write into: body.profile, or into: body"},
		"variable":  {"- enrich: {call: out.ask, into: got}", "7:9: error[E264]: enrich needs `into`, a place in the body", "write into: body.profile"},
		"no field":  {"- enrich: {call: out.ask, into: body.}", "7:9: error[E264]: enrich needs `into`, a place in the body", "write into: body.profile"},
		"into list": {"- enrich: {call: out.ask, into: [body.x]}", "7:33: error[E264]: enrich needs `into`, a place in the body", "write into: body.profile"},
		"key":       {"- enrich: {call: out.ask, into: body, cahce: 10m}", `7:45: error[E101]: unknown enrich field "cahce"`, `did you mean "cache"?`},
		"operation": {"- enrich: {call: out.aks, into: body}", `7:24: error[E244]: out has no operation "aks"`, `did you mean "out.ask"?`},
		"as":        {"- enrich: {call: out.ask, into: body}\n  as: x", "8:9: error[E205]: `as` has no effect on enrich", "remove it"},
	})
}
