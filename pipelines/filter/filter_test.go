package filter_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
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
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{filter.Pattern(), send.Pattern(), translate.Pattern()}}}
}

func TestFilter(t *testing.T) {
	for name, c := range map[string]struct {
		step, body string
		goesOn     bool
	}{
		"holds":           {`- filter: body.state in ["paid", "shipped"]`, `{"state":"paid"}`, true},
		"does not":        {`- filter: body.state in ["paid", "shipped"]`, `{"state":"new"}`, false},
		"written with =":  {`- filter: =body.n > 1`, `{"n":2}`, true},
		"exact":           {`- filter: body.a + body.b == 0.3`, `{"a":0.1,"b":0.2}`, true},
		"null":            {`- filter: body.n == null`, `{"n":null}`, true},
		"missing":         {`- filter: (body?.n ?? 0) > 1`, `{}`, false},
		"header":          {`- filter: headers.region == "eu"`, `{}`, true},
		"passed over":     {"- filter: body.n > 1\n  when: body.check", `{"n":1,"check":false}`, true},
		"not passed over": {"- filter: body.n > 1\n  when: body.check", `{"n":1,"check":true}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- send: a\n"+c.step+"\n- send: b"))
			m := h.Message("M", c.body)
			m.Headers = hub.Headers{"region": "eu"}
			if _, err := h.In("p", m); err != nil {
				t.Fatalf("done, not failed: %v", err)
			}
			h.Settle()
			patterntest.Want(t, "sent before", h.WaitingBodies("a"), c.body)
			if behind := []string{c.body}; c.goesOn {
				patterntest.Want(t, "sent behind", h.WaitingBodies("b"), behind...)
			} else {
				patterntest.Want(t, "sent behind", h.WaitingBodies("b"))
			}
			if dead := h.Dead(); len(dead) != 0 {
				t.Errorf("%d dead letters", len(dead))
			}
		})
	}
}

func TestHistorySaysWhy(t *testing.T) {
	h := patterntest.Start(t, config("- send: a\n- filter: =body.n > 1 and body.n < 5\n- send: b"))
	for id, body := range map[string]string{"OUT": `{"n":1}`, "IN": `{"n":2}`} {
		if _, err := h.In("p", h.Message(id, body)); err != nil {
			t.Fatal(err)
		}
	}
	patterntest.Want(t, "filtered", h.History("OUT"), "received web", "sent a", "filtered not body.n > 1 and body.n < 5")
	patterntest.Want(t, "passed", h.History("IN"), "received web", "sent a", "sent b")
}

func TestRunErrors(t *testing.T) {
	for name, c := range map[string][3]string{ // step, body, error
		"no truth value": {"- filter: body.paid", `{"paid":"yes"}`, `invalid transform p/filter pipelines.yaml:8:17: body.paid is a string, not true or false; body.paid = "yes"`},
		"missing":        {"- filter: body.total > 1", `{"totla":2}`, `invalid transform p/filter pipelines.yaml:8:17: body.total is missing; body = {"totla":2}; did you mean "totla"?`},
		"null":           {"- filter: body.total > 1", `{"total":null}`, `invalid transform p/filter pipelines.yaml:8:17: body.total is null; body = {"total":null}`},
		"no object":      {"- filter: body.a.b == 1", `{"a":3}`, `invalid transform p/filter pipelines.yaml:8:17: body.a is a number, not an object; body.a = 3`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- send: a\n"+c[0]))
			if got := h.Refused(t, c[1]); !strings.HasPrefix(got, c[2]) {
				t.Errorf("got  %s\nwant %s", got, c[2])
			}
			patterntest.Want(t, "sent by a message that failed", h.WaitingBodies("a"))
		})
	}
}

func TestProblems(t *testing.T) {
	patterntest.Faults(t, config, map[string][3]string{
		"number":   {"- translate: {n: 1}\n- filter: body.n", "8:17: error[E302]: a condition is true or false, this is number", "compare it with something: body.n == …"},
		"name":     {"- filter: bdy.n == 1", "7:17: error[E301]: unknown name bdy", `did you mean "body"?`},
		"field":    {"- translate: {state: x}\n- filter: body.stat == \"x\"", "8:22: error[E301]: body has no field stat", `did you mean "state"?`},
		"list":     {"- filter: [body.n == 1]", "7:9: error[E102]: filter takes a single value, not a list", "write it on the line of its key"},
		"modifier": {"- filter: body.n == 1\n  as: x", "8:9: error[E205]: `as` has no effect on filter", "remove it"},
	})
}
