package route_test

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/pipelines"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/route"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
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
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{fail.Pattern(), filter.Pattern(), route.Pattern(), send.Pattern(), set.Pattern(), translate.Pattern()}}}
}

const branches = `- route:
    - {when: body.total >= 100, send: {out: priority}}
    - when: body.total == 0
      steps: [{set: {body.free: true}}, {send: {out: free}}]
    - {when: body.total >= 50, send: {out: large}}
`

func TestFirstBranchThatHolds(t *testing.T) {
	for name, c := range map[string]struct{ body, target, behind, chose string }{
		"first":      {`{"total":100.00}`, "out priority", `{"total":100.00}`, "chose body.total >= 100"},
		"not both":   {`{"total":150}`, "out priority", `{"total":150}`, "chose body.total >= 100"},
		"steps":      {`{"total":0}`, "out free", `{"total":0,"free":true}`, "chose body.total == 0"},
		"third":      {`{"total":99.99}`, "out large", `{"total":99.99}`, "chose body.total >= 50"},
		"no branch":  {`{"total":1}`, "", `{"total":1}`, ""},
		"else":       {`{"total":2,"else":1}`, "out rest", `{"total":2,"else":1}`, "chose else"},
		"not errors": {`{"total":-1,"else":1}`, "out rest", `{"total":-1,"else":1}`, "chose else"},
	} {
		t.Run(name, func(t *testing.T) {
			steps := branches
			if strings.Contains(c.body, "else") {
				steps += "    - {else: true, send: {out: rest}}\n"
			}
			h := patterntest.Start(t, config(steps+"- send: a"))
			if _, err := h.In("p", h.Message("M", c.body)); err != nil {
				t.Fatal(err)
			}
			h.Settle()
			for _, target := range []string{"out priority", "out free", "out large", "out rest"} {
				if n := len(h.Sent(target)); n != 1 && target == c.target || n != 0 && target != c.target {
					t.Errorf("%s got %d", target, n)
				}
			}
			patterntest.Want(t, "behind the router", h.WaitingBodies("a"), c.behind)
			if history := h.History("M"); c.chose != "" && !slices.Contains(history, c.chose) || c.chose == "" && slices.ContainsFunc(history, func(l string) bool { return strings.HasPrefix(l, "chose") }) {
				t.Errorf("history %q, want %q", history, c.chose)
			}
		})
	}
}

// A branch is a step: it may end the message, fail it, or stand in another router.
func TestBranchesAreSteps(t *testing.T) {
	const steps = `
- route:
    - {when: body.n == 1, filter: body.go}
    - {when: body.n == 2, fail: two}
    - when: body.n == 3
      route: [{when: body.go, set: {body.in: 1}}, {else: true, set: {body.in: 2}}]
- send: a`
	h := patterntest.Start(t, config(steps))
	for _, body := range []string{`{"n":1,"go":false}`, `{"n":1,"go":true}`, `{"n":3,"go":true}`, `{"n":3,"go":false}`} {
		h.Must("p", body)
	}
	patterntest.Want(t, "behind", h.WaitingBodies("a"), `{"n":1,"go":true}`, `{"n":3,"go":true,"in":1}`, `{"n":3,"go":false,"in":2}`)
	if got := h.Refused(t, `{"n":2}`); got != "two two p/fail pipelines.yaml:9: two" {
		t.Errorf("the branch's error: %s", got)
	}
}

func TestRunErrors(t *testing.T) {
	for name, c := range map[string][3]string{ // router, body, error
		"condition": {"- route: [{when: body.a > 1, send: b}, {when: body.b, send: b}]", `{"a":1,"b":"x"}`, `invalid transform p/route pipelines.yaml:8:53: body.b is a string, not true or false; body.b = "x"`},
		"missing":   {"- route: [{when: body.a > 1, send: b}, {else: true, send: b}]", `{}`, `invalid transform p/route pipelines.yaml:8:24: body.a is missing; body = {}`},
		"inside":    {"- route: [{when: body.a == 1, set: {body.b: =body.c * 1}}]", `{"a":1,"c":"1"}`, `invalid transform p/set pipelines.yaml:8:51: body.c is a string`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- send: a\n"+c[0]))
			if got := h.Refused(t, c[1]); !strings.HasPrefix(got, c[2]) {
				t.Errorf("got  %s\nwant %s", got, c[2])
			}
			patterntest.Want(t, "sent", append(h.WaitingBodies("a"), h.WaitingBodies("b")...))
		})
	}
}

// Behind the router that is known which is true behind every branch.
func TestMerge(t *testing.T) {
	for _, steps := range []string{
		"- translate: {n: 1}\n- route: [{when: body.n == 1, set: {body.x: 1}}]\n- filter: '(body?.x ?? 0) == 1'",
		"- translate: {n: 1}\n- route: [{when: body.n == 1, translate: {a: 1}}]\n- filter: (body.n ?? 0) == 1",
		"- route: [{when: body.n == 1, set: {v: 1}}]\n- filter: '(v ?? 0) == 1'",
		"- route: [{when: body.n == 1, translate: {a: 1}}, {else: true, translate: {a: x}}]\n- filter: body.a == 1 or body.a == \"x\"",
	} {
		if got := patterntest.Problems(t, config(steps+"\n- send: a")); strings.Contains(got, "error[") {
			t.Errorf("%s\n%s", steps, got)
		}
	}
	patterntest.Faults(t, config, map[string][3]string{
		"no branch has it": {"- translate: {n: 1}\n- route: [{when: body.n == 1, set: {body.x: 1}}]\n- filter: body.y == 1", "9:22: error[E301]: body has no field y", "known: n, x"},
		"all branches":     {"- route: [{when: body.n == 1, translate: {a: 1}}, {else: true, translate: {b: 1}}]\n- filter: body.c == 1", "8:22: error[E301]: body has no field c", "known: a, b"},
		"kind":             {"- route: [{when: body.n == 1, translate: {a: 1}}, {else: true, translate: {a: 2}}]\n- filter: body.a == \"x\"", "8:17: error[E301]: these are never equal: body.a is a number", "write the number"},
		"inside":           {"- translate: {n: 1}\n- route: [{when: body.n == 1, steps: [{translate: {m: 1}}, {filter: body.n == 1}]}]", "8:80: error[E301]: body has no field n", "known: m"},
	})
}

func TestProblems(t *testing.T) {
	patterntest.Faults(t, config, map[string][3]string{
		"no list":      {"- route: {when: body.n == 1, send: a}", "7:9: error[E262]: route takes a list of branches", "write - {when: body.total > 100, send: orders.priority}"},
		"empty":        {"- route: []", "7:9: error[E262]", "write - {when"},
		"no map":       {"- route: [send]", "7:17: error[E263]: a branch is a map with a condition and a step, this is a single value", "write - {when"},
		"no condition": {"- route: [{send: a}]", "7:17: error[E263]: this branch has no condition", "add when: and a condition, or else: true"},
		"both":         {"- route: [{when: body.n == 1, else: true, send: a}]", "7:17: error[E263]: a branch has `when` or `else`, not both", "remove one of them"},
		"behind else":  {"- route: [{else: true, send: a}, {when: body.n == 1, send: b}]", "7:40: error[E263]: this branch is never taken: it stands behind the else", "move it above the else"},
		"else false":   {"- route: [{else: false, send: a}]", "7:24: error[E263]: else is always true", "write else: true"},
		"key":          {"- route: [{when: body.n == 1, stpes: [{send: a}]}]", `7:37: error[E203]: unknown step "stpes"`, "known: fail, filter, route"},
		"verb, steps":  {"- route: [{when: body.n == 1, send: a, steps: [{send: b}]}]", `7:37: error[E101]: unknown branch field "send"`, "known: when, else, steps"},
	})
}
