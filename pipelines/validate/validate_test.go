package validate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/send"
	"orderhub/pipelines/translate"
	"orderhub/pipelines/validate"
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
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{filter.Pattern(), send.Pattern(), translate.Pattern(), validate.Pattern()}}}
}

const rules = `- validate:
    - {rule: len(body.items) > 0, say: the order has no items}
    - {rule: "sum(body.items, .price * .quantity) == body.total", say: ="the total is not " + string(body.total)}
    - {rule: body.id startsWith "W-"}
`

func TestAllBrokenRulesAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string // what is said; none: valid
	}{
		"valid":            {`{"id":"W-1","items":[{"price":0.10,"quantity":3}],"total":0.3}`, nil},
		"one":              {`{"id":"W-1","items":[{"price":0.10,"quantity":3}],"total":0.31}`, []string{"the total is not 0.31"}},
		"all":              {`{"id":"X-1","items":[],"total":1.50}`, []string{"the order has no items", "the total is not 1.50", `rule broken: body.id startsWith "W-"`}},
		"one not possible": {`{"id":null,"items":[],"total":0}`, []string{"the order has no items", `body.id is null; body = {"id":null,"items":[],"total":0}`}},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- send: a\n"+rules+"- send: b"))
			_, err := h.In("p", h.Message("M", c.body))
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				patterntest.Want(t, "history", h.History("M"), "received web", "sent a", "valid", "sent b")
				return
			}
			e, ok := errors.AsType[*hub.Error](err)
			if !ok || e.Class != hub.Invalid || e.Reason != "rule" || e.Where != "p/validate" || e.Error() != strings.Join(c.want, "; ") {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			var fields []string
			for _, f := range e.Fields {
				fields = append(fields, f.Detail)
			}
			patterntest.Want(t, "fields", fields, c.want...)
			patterntest.Want(t, "sent by an invalid message", append(h.WaitingBodies("a"), h.WaitingBodies("b")...))
		})
	}
}

func TestRuleThatCannotBeEvaluated(t *testing.T) {
	h := patterntest.Start(t, config("- validate:\n    - {rule: body.n > 0}\n    - {rule: body.m > 0, say: no m}"))
	if got, want := h.Refused(t, `{"n":"1","m":1}`), `invalid transform p/validate pipelines.yaml:8:20: body.n is a string, not a number; body.n = "1"`; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := h.Refused(t, `{"m":0}`), `invalid rule p/validate pipelines.yaml:8:20: body.n is missing; body = {"m":0}; no m`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// An invalid message is never retried: it goes where errors: says, else it is a dead letter.
func TestNeverRetried(t *testing.T) {
	for name, errs := range map[string]string{"dead letter": "", "errors": "    errors: {invalid: {send: b, with: {said: =error.message, was: =body.n}}, other: {retry: {times: 3, wait: 1s}}}\n"} {
		t.Run(name, func(t *testing.T) {
			c := config("- validate: [{rule: body.n > 0, say: too small}]\n- send: a")
			c.YAML = strings.Replace(c.YAML, "from: web", "from: out", 1) + errs
			h := patterntest.Start(t, c)
			h.Must("p", `{"n":0}`)
			h.Advance(time.Hour)
			dead := h.Dead()
			if errs != "" {
				patterntest.Want(t, "told", h.WaitingBodies("b"), `{"said":"too small","was":0}`)
			} else if len(dead) != 1 || dead[0].Attempts != 1 || dead[0].Error.Class != hub.Invalid || dead[0].Error.Reason != "rule" || dead[0].Error.Message != "too small" {
				t.Errorf("dead letters %+v", dead)
			}
			patterntest.Want(t, "sent", h.WaitingBodies("a"))
		})
	}
}

func TestSchema(t *testing.T) {
	file := filepath.Join(t.TempDir(), "order.json")
	if err := os.WriteFile(file, []byte(`{"type":"object","required":["id","n"],"properties":{"id":{"type":"string"},"n":{"type":"number"}},"additionalProperties":false}`), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(steps string) patterntest.Config {
		c := config(steps)
		c.YAML = "schemas: {order: " + file + "}\n" + c.YAML
		return c
	}
	h := patterntest.Start(t, with("- validate: {schema: order, rules: [{rule: body.n > 0, say: too small}]}\n- send: a"))
	h.Must("p", `{"id":"W-1","n":1}`)
	_, err := h.In("p", h.Message("M", `{"id":7}`))
	if e := hub.AsError(err); e.Class != hub.Invalid || e.Reason != "schema" || e.Where != "p/validate" || len(e.Fields) != 2 {
		t.Errorf("both faults of the body: %v %+v", err, e)
	}
	if got := h.Refused(t, `{"id":"W-1","n":0}`); !strings.HasSuffix(got, "too small") {
		t.Errorf("the rule behind the schema: %s", got)
	}
	patterntest.Want(t, "sent", h.WaitingBodies("a"), `{"id":"W-1","n":1}`)
	for name, c := range map[string][3]string{
		"behind":   {"- validate: {schema: order}\n- filter: body.m == 1", "9:22: error[E301]: schema order has no field m", "known: id, n"},
		"in rules": {"- validate: {schema: order, rules: [{rule: body.m == 1}]}", "8:55: error[E301]: schema order has no field m", "known: id, n"},
		"no list":  {"- validate: {schema: order, rules: {rule: body.n == 1}}", "8:35: error[E260]: `rules` is a list of rules, this is a map", "write each with a dash"},
		"unknown":  {"- validate: {schema: ordre}", `8:28: error[E213]: unknown schema "ordre"`, `did you mean "order"?`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := patterntest.Problems(t, with(c[0])); !strings.Contains(got, "pipelines.yaml:"+c[1]) || !strings.Contains(got, "help: "+c[2]) || strings.Count(got, "error[") != 1 {
				t.Errorf("got\n%s\nwant %s\nhelp: %s", got, c[1], c[2])
			}
		})
	}
}

func TestProblems(t *testing.T) {
	patterntest.Faults(t, config, map[string][3]string{
		"empty":     {"- validate: []", "7:9: error[E260]: validate takes a list of rules, or a schema", "write - {rule: len(body.items) > 0"},
		"text":      {"- validate: body.n > 0", "7:19: error[E260]", "write - {rule"},
		"no rule":   {"- validate: [{say: x}]", "7:20: error[E103]: a rule needs `rule`", "add rule: and a condition"},
		"bare rule": {"- validate: [body.n > 0]", "7:20: error[E103]: a rule needs `rule`", "add rule: and a condition"},
		"key":       {"- validate: [{rule: body.n > 0, says: x}]", `7:39: error[E101]: unknown rule field "says"`, `did you mean "say"?`},
		"long form": {"- validate: {shema: x, rules: [{rule: body.n > 0}]}", `7:20: error[E101]: unknown validate field "shema"`, `did you mean "schema"?`},
		"condition": {"- translate: {n: 1}\n- validate: [{rule: body.n}]", "8:27: error[E302]: a condition is true or false, this is number", "compare it with something: body.n == …"},
		"field":     {"- translate: {n: 1}\n- validate: [{rule: body.m > 0}]", "8:32: error[E301]: body has no field m", "known: n"},
	})
}
