package translate_test

import (
	"os"
	"path/filepath"
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

func TestShapes(t *testing.T) {
	const lines = `{"id":"W-1","lines":[{"sku":"A","qty":2,"price":19.95},{"sku":"B","qty":1,"price":5.00}]}`
	for name, c := range map[string][3]string{ // steps, body, translated
		"exact decimals": {`- translate: {sum: =body.qty * body.price, tenth: =0.1 + 0.2, copy: =body.big}`, `{"qty":3,"price":5.20,"big":9007199254740993.10}`,
			`{"sum":15.60,"tenth":0.3,"copy":9007199254740993.10}`},
		"literals":            {`- translate: {n: 7.50, t: text, big: 9007199254740993, yes: true, none: null, deep: {list: [1, =body.x]}}`, `{"x":2}`, `{"n":7.50,"t":"text","big":9007199254740993,"yes":true,"none":null,"deep":{"list":[1,2]}}`},
		"missing is left out": {"- translate: {a: =body.a, b: =body.b, c: 1}", `{"b":null}`, `{"b":null,"c":1}`},
		"each":                {"- translate: {items: {$each: body.lines, no: =index + 1, sku: =it.sku, sum: =it.qty * it.price, order: =body.id}}", lines, `{"items":[{"no":1,"sku":"A","sum":39.90,"order":"W-1"},{"no":2,"sku":"B","sum":5.00,"order":"W-1"}]}`},
		"each and when":       {"- translate: {items: {$each: body.lines, $when: it.qty > 1, sku: =it.sku}}", lines, `{"items":[{"sku":"A"}]}`},
		"when of an object":   {"- translate: {a: {$when: body.id == \"X\", n: 1}, b: {$when: body.id == \"W-1\", n: 2}}", lines, `{"b":{"n":2}}`},
		"value":               {"- translate: {skus: {$each: body.lines, $value: it.sku}}", lines, `{"skus":["A","B"]}`},
		"each of each":        {"- translate: {all: {$each: body.l, in: {$each: it.m, $value: '=string(outer.n) + it'}}}", `{"l":[{"n":1,"m":["x","y"]},{"n":2,"m":[]}]}`, `{"all":[{"in":["1x","1y"]},{"in":[]}]}`},
		"each at the top":     {"- translate: {$each: body.lines, sku: =it.sku}", lines, `[{"sku":"A"},{"sku":"B"}]`},
		"one formula":         {"- translate: =body.lines[1]", lines, `{"sku":"B","qty":1,"price":5.00}`},
		"step after step":     {"- translate: {a: =body.id}\n- translate: {b: =body.a}", lines, `{"b":"W-1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config(c[0]+"\n- send: a"))
			h.Must("p", c[1])
			patterntest.Want(t, "translated", h.WaitingBodies("a"), c[2])
		})
	}
}

// What was sent before keeps the old body; the ID, the headers and the correlation stay.
func TestImmutable(t *testing.T) {
	h := patterntest.Start(t, config("- send: a\n- translate: {n: =body.n + 1}\n- send: b"))
	m := h.Message("M", `{"n":1}`)
	m.Headers, m.Correlation = hub.Headers{"x": "y"}, "C"
	if _, err := h.In("p", m); err != nil {
		t.Fatal(err)
	}
	patterntest.Want(t, "before", h.WaitingBodies("a"), `{"n":1}`)
	patterntest.Want(t, "behind", h.WaitingBodies("b"), `{"n":2}`)
	if b := h.Waiting("b")[0].Msg; b.ID != "M" || b.Headers.Get("x") != "y" || b.Correlation != "C" {
		t.Errorf("the translated message is %+v", b)
	}
	if got := string(m.Body.Bytes()); got != `{"n":1}` {
		t.Errorf("the message that came in is changed: %s", got)
	}
	patterntest.Want(t, "history", h.History("M"), "received web", "sent a", "translated", "sent b")
}

func TestRunErrors(t *testing.T) {
	for name, c := range map[string][3]string{ // step, body, error
		"missing":     {"- translate: {a: =body.user.email}", `{"usr":{}}`, `invalid transform p/translate pipelines.yaml:7:24: body.user is missing; body = {"usr":{}}; did you mean "usr"?`},
		"kind":        {"- translate: {a: 1, b: =body.x * 2}", `{"x":"4"}`, `invalid transform p/translate pipelines.yaml:7:30: body.x is a string, not a number; body.x = "4"; use number(body.x)`},
		"second line": {"- translate:\n    a: 1\n    b: =body.x + 1", `{"x":null}`, `invalid transform p/translate pipelines.yaml:9:14: body.x is null; body = {"x":null}`},
		"each":        {"- translate: {l: {$each: body.l, n: =it * 2}}", `{"l":[1,"b"]}`, `invalid transform p/translate pipelines.yaml:7:43: it is a string, not a number; it = "b"`},
		"no list":     {"- translate: {l: {$each: body.l, n: =it}}", `{"l":{}}`, `invalid transform p/translate pipelines.yaml:7:32: $each needs a list; body.l is an object`},
		"no JSON":     {"- translate: {a: =body.x}", `{"x":`, `invalid bad_json p/translate pipelines.yaml:7:24: the body is no document: line 1 column 6`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config(c[0]+"\n- send: a"))
			if got := h.Refused(t, c[1]); !strings.HasPrefix(got, c[2]) {
				t.Errorf("got  %s\nwant %s", got, c[2])
			}
			patterntest.Want(t, "sent", h.WaitingBodies("a"))
		})
	}
}

func TestUse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "order.yaml")
	if err := os.WriteFile(file, []byte("order: =body.id\ntwice: =body.n * 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := patterntest.Start(t, config("- translate: {use: "+file+"}\n- send: a"))
	h.Must("p", `{"id":"W-1","n":1.50}`)
	patterntest.Want(t, "translated", h.WaitingBodies("a"), `{"order":"W-1","twice":3.00}`)
	if got := h.Refused(t, `{"id":"W-1","n":"x"}`); !strings.HasPrefix(got, "invalid transform p/translate order.yaml:2:8: body.n is a string") {
		t.Errorf("the error of the file's second line: %s", got)
	}
	patterntest.Faults(t, config, map[string][3]string{
		"behind":  {"- translate: {use: " + file + "}\n- filter: body.id == 1", "8:22: error[E301]: body has no field id", "known: order, twice"},
		"no file": {"- translate: {use: " + file + "l}", "7:26: error[E015]: cannot read", "did you mean"},
	})
}

func TestProblems(t *testing.T) {
	patterntest.Faults(t, config, map[string][3]string{
		"behind":        {"- translate: {sku: =body.x}\n- filter: body.skuu == 1", "8:22: error[E301]: body has no field skuu", `did you mean "sku"?`},
		"behind each":   {"- translate: {l: {$each: body.x, sku: =it}}\n- filter: any(body.l, .qty > 1)", "8:30: error[E301]: the element has no field qty", "known: sku"},
		"behind a kind": {"- translate: {n: 1}\n- filter: body.n == \"1\"", "8:17: error[E301]: these are never equal: body.n is a number", "write the number without quotes"},
		"list":          {"- translate: [1]", "7:9: error[E260]: translate takes a map of fields", "write the target's fields: order_id: =body.orderNumber"},
		"text":          {"- translate: body", "7:20: error[E260]", "write the target's fields"},
		"word":          {"- translate: {l: {$eahc: body.x, a: 1}}", `7:25: error[E305]: unknown mapping word "$eahc"`, `did you mean "$each"?`},
		"name":          {"- translate: {a: =bdy.x}", "7:25: error[E301]: unknown name bdy", `did you mean "body"?`},
		"modifier":      {"- translate: {a: 1}\n  timeout: 5s", "8:9: error[E205]: `timeout` has no effect on translate", "remove it"},
	})
}
