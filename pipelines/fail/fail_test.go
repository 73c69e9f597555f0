package fail_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/route"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
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
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{call.Pattern(), fail.Pattern(), filter.Pattern(), route.Pattern(), send.Pattern(), set.Pattern()}}}
}

func TestClass(t *testing.T) {
	for name, c := range map[string][3]string{ // step, body, error
		"class alone":    {"- fail: out_of_stock", `{}`, "out_of_stock out_of_stock p/fail pipelines.yaml:8: out_of_stock"},
		"say":            {`- fail: {class: out_of_stock, say: =body.sku + " is out of stock"}`, `{"sku":"A"}`, "out_of_stock out_of_stock p/fail pipelines.yaml:8: A is out of stock"},
		"literal":        {`- fail: {class: late, say: too late}`, `{}`, "late late p/fail pipelines.yaml:8: too late"},
		"nothing said":   {"- fail: {class: late, say: =body.why}", `{}`, "late late p/fail pipelines.yaml:8: late"},
		"built-in":       {"- fail: {class: rejected, say: no}", `{}`, "rejected rejected p/fail pipelines.yaml:8: no"},
		"say goes wrong": {"- fail: {class: late, say: ='x' + body.n}", `{"n":1}`, `invalid transform p/fail pipelines.yaml:8:34: body.n is a number, not a string; body.n = 1; use string(body.n)`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- send: a\n"+c[0]+"\n  when: body.ok != true\n- send: b"))
			if got := h.Refused(t, c[1]); got != c[2] {
				t.Errorf("got  %s\nwant %s", got, c[2])
			}
			patterntest.Want(t, "sent by a message that failed", append(h.WaitingBodies("a"), h.WaitingBodies("b")...))
			h.Must("p", `{"ok":true}`)
			patterntest.Want(t, "sent by the next", h.WaitingBodies("b"), `{"ok":true}`)
		})
	}
}

const told = "with: {class: =error.class, reason: =error.reason, where: =error.where, said: =error.message, n: =body.n}"

// The step, the steps around it, the pipeline, the caller: the innermost that names the class reacts.
func TestReactions(t *testing.T) {
	const said = `{"class":"empty","reason":"empty","where":"p/fail","said":"none left","n":1}`
	for name, c := range map[string]struct{ steps, errors, want string }{
		"step":           {"- fail: {class: empty, say: none left}\n  errors: {empty: {send: a, " + told + "}}", "", said},
		"around":         {"- route: [{when: body.n == 1, fail: {class: empty, say: none left}}]\n  errors: {empty: {send: a, " + told + "}}", "", said},
		"pipeline":       {"- fail: {class: empty, say: none left}", "{empty: {send: a, " + told + "}}", said},
		"other":          {"- fail: {class: empty, say: none left}", "{invalid: {send: b}, other: {send: a, " + told + "}}", said},
		"step first":     {"- fail: {class: empty, say: none left}\n  errors: {empty: {send: a, " + told + "}}", "{empty: {send: b}}", said},
		"another's":      {"- fail: {class: empty, say: none left}\n  errors: {invalid: {send: b}}", "{empty: {send: a, " + told + "}}", said},
		"as it was then": {"- set: {body.n: 2}\n- fail: empty\n  errors: {empty: {send: a, with: =body}}", "", `{"n":2}`},
		"as it came":     {"- set: {body.n: 2}\n- fail: empty", "{empty: {send: a, with: =body}}", `{"n":1}`},
		"caller":         {"- call: sub\n  errors: {empty: {send: a, " + told + "}}\nsub", "", strings.Replace(said, "p/fail", "sub/fail", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			steps, called := strings.CutSuffix(c.steps, "\nsub")
			conf := config(steps + "\n- send: b")
			conf.YAML = strings.Replace(conf.YAML, "from: web", "from: out", 1)
			if c.errors != "" {
				conf.YAML += "    errors: " + c.errors + "\n"
			}
			if called {
				conf.YAML += "  sub: {from: call, steps: [{fail: {class: empty, say: none left}}]}\n"
			}
			h := patterntest.Start(t, conf)
			h.Must("p", `{"n":1}`)
			h.Settle()
			patterntest.Want(t, "told", h.WaitingBodies("a"), c.want)
			patterntest.Want(t, "behind, or told another", h.WaitingBodies("b"))
			if d := h.Dead(); len(d) != 0 {
				t.Errorf("%d dead letters", len(d))
			}
		})
	}
}

func TestDeadLetterAndRetry(t *testing.T) {
	for name, c := range map[string]struct {
		step     string
		attempts int
	}{
		"nothing reacts":         {"- fail: {class: empty, say: none left}", 1},
		"default of a class":     {"- fail: {class: invalid, say: none left}", 1},
		"retry of another":       {"- fail: {class: empty, say: none left}\n  retry: {times: 2, wait: 1s}", 1},
		"retry of the class":     {"- fail: {class: empty, say: none left}\n  retry: {times: 2, wait: 1s, errors: [empty]}", 3},
		"a class that may mend":  {"- fail: {class: unavailable, say: none left}\n  retry: {times: 1, wait: 1s}", 2},
		"never, though it would": {"- fail: {class: unavailable, say: none left}\n  retry: never", 1},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config("- send: a\n" + c.step)
			conf.YAML = strings.Replace(conf.YAML, "from: web", "from: out", 1)
			h := patterntest.Start(t, conf)
			if _, err := h.In("p", h.Message("M", `{}`)); err != nil {
				t.Fatal(err)
			}
			for range 4 {
				h.Advance(time.Minute)
			}
			d := h.Dead()
			if len(d) != 1 || d[0].Attempts != c.attempts || d[0].Error.Where != "p/fail" || d[0].Error.Message != "none left" || d[0].Msg.ID != "M" {
				t.Fatalf("dead letters %+v, want one after %d attempts", d, c.attempts)
			}
			patterntest.Want(t, "sent", h.WaitingBodies("a"))
			if history := h.History("M"); !strings.HasSuffix(history[len(history)-1], "none left; dead letter") {
				t.Errorf("history %q", history)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	patterntest.Faults(t, config, map[string][3]string{
		"no class":     {"- fail: {say: x}", "7:9: error[E266]: fail needs the name of an error class", "write fail: out_of_stock"},
		"nothing":      {"- fail:", "7:9: error[E266]", "write fail: out_of_stock"},
		"list":         {"- fail: [a]", "7:9: error[E266]", "write fail: out_of_stock"},
		"formula":      {"- fail: =body.class", `7:15: error[E266]: "=body.class" can't be the name of an error class`, "write fail: out_of_stock"},
		"text":         {"- fail: {class: none left}", `7:23: error[E266]: "none left" can't be`, "write fail: out_of_stock"},
		"key":          {"- fail: {class: a, says: x}", `7:26: error[E101]: unknown fail field "says"`, `did you mean "say"?`},
		"say":          {"- fail: {class: a, say: =1 + 1}", "7:32: error[E301]: the document must be a string, not a number", "use string(...)"},
		"another name": {"- fail: out_of_stock\n  errors: {out_of_stok: {send: a}}", `8:18: error[E221]: unknown error class "out_of_stok"`, `did you mean "out_of_stock"?`},
	})
}
