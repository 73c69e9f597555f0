package set_test

import (
	"maps"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
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
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{filter.Pattern(), send.Pattern(), set.Pattern(), translate.Pattern()}}}
}

func TestPlaces(t *testing.T) {
	for name, c := range map[string][3]string{ // steps, body, sent
		"field":              {"- set: {body.a: =body.n * 1.10}", `{"n":2.00}`, `{"n":2.00,"a":2.2000}`},
		"objects on the way": {"- set: {body.a.b.c: 1, body.a.d: 2}", `{"n":1}`, `{"n":1,"a":{"b":{"c":1},"d":2}}`},
		"in place":           {"- set: {body.n: two, body.o.x: null}", `{"n":1,"o":{"x":1,"y":2}}`, `{"n":"two","o":{"x":null,"y":2}}`},
		"the body":           {"- set: {body: =body.o}", `{"n":1,"o":{"x":1}}`, `{"x":1}`},
		"tree":               {"- set: {body.o: {l: [1, =body.n]}}", `{"n":7.50}`, `{"n":7.50,"o":{"l":[1,7.50]}}`},
		"order":              {"- set: {body.a: =body.n + 1, body.b: =body.a + 1}", `{"n":1}`, `{"n":1,"a":2,"b":3}`},
		"variable":           {"- set: {v: =body.n, w.x: 2}\n- translate: {sum: =v + w.x}", `{"n":1}`, `{"sum":3}`},
		"nothing":            {"- set: {body.a: '=body?.a', body.b: 1}", `{"n":1}`, `{"n":1,"a":null,"b":1}`},
		"element":            {"- set: {body.l.0.x: 1}", `{"l":[{"x":0}]}`, `{"l":[{"x":1}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config(c[0]+"\n- send: a"))
			h.Must("p", c[1])
			patterntest.Want(t, "sent", h.WaitingBodies("a"), c[2])
		})
	}
}

// Headers, correlation and key are changed in a copy: what was sent before keeps the old ones.
func TestCopies(t *testing.T) {
	h := patterntest.Start(t, config(`
- send: out
- set: {headers.Region: =body.r, headers.gone: null, headers.empty: "", correlation: =body.id, key: k, body.n: 2}
- send: {out: two}
- set: {body.seen: =headers.region + correlation + key}
- send: b`))
	m := h.Message("M", `{"id":"W-1","r":"eu","n":1}`)
	m.Headers = hub.Headers{"gone": "x", "empty": "x", "kept": "x"}
	if _, err := h.In("p", m); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	old, changed := h.Sent("out")[0], h.Sent("out two")[0]
	if !maps.Equal(old.Headers, map[string]string{"gone": "x", "empty": "x", "kept": "x"}) || old.Correlation != "" || old.Key != "" || string(old.Body.Bytes()) != `{"id":"W-1","r":"eu","n":1}` {
		t.Errorf("what was sent before is changed: %+v %s", old, old.Body.Bytes())
	}
	if !maps.Equal(changed.Headers, map[string]string{"kept": "x", "region": "eu"}) || changed.Correlation != "W-1" || changed.Key != "k" || changed.ID != "M" {
		t.Errorf("the changed copy is %+v", changed)
	}
	patterntest.Want(t, "seen", h.WaitingBodies("b"), `{"id":"W-1","r":"eu","n":2,"seen":"euW-1k"}`)
	patterntest.Want(t, "found by the correlation", h.History("W-1"), h.History("M")...)
}

func TestRunErrors(t *testing.T) {
	for name, c := range map[string][3]string{ // step, body, error
		"formula":       {"- set: {body.a: 1, body.b: =body.x * 1}", `{"x":"1"}`, `invalid transform p/set pipelines.yaml:7:34: body.x is a string, not a number; body.x = "1"`},
		"list body":     {"- set:\n    v: 1\n    body.a: 1", `[{"a":0}]`, `invalid transform p/set pipelines.yaml:9:11: body is an array and takes no field a; body = [{"a":0}]`},
		"list below":    {"- set: {body.l.a: 1}", `{"l":[]}`, `invalid transform p/set pipelines.yaml:7:15: body.l is an array and takes no field a; body.l = []`},
		"list variable": {"- set: {v: =body.l}\n- set: {v.a: 1}", `{"l":[]}`, `invalid transform p/set~2 pipelines.yaml:8:15: v is an array and takes no field a; v = []`},
		"no JSON":       {"- set: {body.a: 1}", `{`, `invalid bad_json p/set pipelines.yaml:7: line 1 column 2`},
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

func TestProblems(t *testing.T) {
	patterntest.Faults(t, config, map[string][3]string{
		"behind":          {"- translate: {n: 1}\n- set: {body.sum: 1}\n- filter: body.summ == 1", "9:22: error[E301]: body has no field summ", `did you mean "sum"?`},
		"kind behind":     {"- set: {v: 1}\n- filter: v == \"x\"", "8:17: error[E301]: these are never equal: v is a number", "write the number without quotes"},
		"field of a name": {"- set: {v: {a: 1}}\n- filter: v.b == 1", "8:19: error[E301]: v has no field b", "known: a"},
		"no map":          {"- set: [body.a]", "7:9: error[E260]: set takes a map of paths and values", "write set: {body.parcel: =stock.warehouse}"},
		"headers":         {"- set: {headers: 1}", `7:15: error[E261]: "headers" is no place for a value`, "write body.field, headers.name, or the name of a variable"},
		"header field":    {"- set: {headers.a.b: 1}", `7:15: error[E261]: "headers.a.b" is no place`, "write body.field"},
		"no field":        {"- set: {body.: 1}", `7:15: error[E261]: "body." is no place`, "write body.field"},
		"no header":       {"- set: {headers.: 1}", `7:15: error[E261]: "headers." is no place`, "write body.field"},
		"two dots":        {"- set: {body..a: 1}", `7:15: error[E261]: "body..a" is no place`, "write body.field"},
		"id":              {"- set: {id: x}", `7:15: error[E261]: "id" is no place`, "choose another name: id is a name of every message"},
		"time":            {"- set: {time.x: x}", `7:15: error[E261]: "time.x" is no place`, "choose another name"},
		"it":              {"- set: {it: x}", `7:15: error[E261]: "it" is no place`, "choose another name"},
		"no name":         {"- set: {a-b: x}", `7:15: error[E261]: "a-b" is no place`, "a name has letters, digits and _"},
		"key field":       {"- set: {key.x: x}", `7:15: error[E261]: "key.x" is no place`, "write key: =body.order_id"},
		"formula":         {"- set: {v: =bdy}\n- filter: v == 1", "7:19: error[E301]: unknown name bdy", `did you mean "body"?`},
	})
}
