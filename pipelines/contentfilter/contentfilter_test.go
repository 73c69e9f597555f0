package contentfilter_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/contentfilter"
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
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{contentfilter.Pattern(), filter.Pattern(), send.Pattern(), translate.Pattern()}}}
}

func TestFields(t *testing.T) {
	const order = `{"id":"W-1","total":7.50,"pay":{"card":"4111","kind":"visa"},"items":[{"sku":"A","price":1.10},{"sku":"B","cost":2}],"items.sku":1}`
	for name, c := range map[string][3]string{ // options, body, what is left
		"keep":            {"keep: [total, id]", order, `{"id":"W-1","total":7.50}`},
		"keep below":      {"keep: [pay.kind]", order, `{"pay":{"kind":"visa"}}`},
		"keep in a list":  {"keep: [items.sku]", `{"id":1,"items":[{"sku":"A","n":1},{"n":2}]}`, `{"items":[{"sku":"A"},{}]}`},
		"keep nothing":    {"keep: [gift]", order, `{}`},
		"keep null":       {"keep: [a]", `{"a":null,"b":1}`, `{"a":null}`},
		"drop":            {"drop: [pay, items, items.sku]", order, `{"id":"W-1","total":7.50}`},
		"drop below":      {"drop: [pay.card, items.price, gift.x]", `{"pay":{"card":"4111","kind":"visa"},"items":[{"sku":"A","price":1.10},{"sku":"B"}]}`, `{"pay":{"kind":"visa"},"items":[{"sku":"A"},{"sku":"B"}]}`},
		"keep of a list":  {"keep: [a]", `[{"a":1,"b":2},{"b":3}]`, `[{"a":1},{}]`},
		"drop of a list":  {"drop: [b.c]", `[{"a":1,"b":{"c":2}},[{"b":{"c":3}}]]`, `[{"a":1,"b":{}},[{"b":{}}]]`},
		"lists in lists":  {"keep: [l.a]", `{"l":[[{"a":1,"b":2}]]}`, `{"l":[[{"a":1}]]}`},
		"all digits stay": {"keep: [n]", `{"n":9007199254740993.100,"m":1}`, `{"n":9007199254740993.100}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- send: a\n- content_filter: {"+c[0]+"}\n- send: b"))
			if _, err := h.In("p", h.Message("M", c[1])); err != nil {
				t.Fatal(err)
			}
			patterntest.Want(t, "left", h.WaitingBodies("b"), c[2])
			patterntest.Want(t, "what was sent before", h.WaitingBodies("a"), c[1])
			if id := h.Waiting("b")[0].Msg.ID; id != "M" {
				t.Errorf("the message goes on as %s", id)
			}
			patterntest.Want(t, "history", h.History("M"), "received web", "sent a", "filtered", "sent b")
		})
	}
}

func TestRunErrors(t *testing.T) {
	h := patterntest.Start(t, config("- send: a\n- content_filter: {keep: [id]}"))
	for body, reason := range map[string]string{`{"id":`: "bad_json", "": "empty_body"} {
		_, err := h.In("p", h.Message("M", body))
		if e := hub.AsError(err); err == nil || e.Class != hub.Invalid || e.Reason != reason || e.Where != "p/content_filter" || !strings.HasSuffix(e.Line, "pipelines.yaml:8") {
			t.Errorf("%q: %v, want invalid %s", body, err, reason)
		}
	}
	patterntest.Want(t, "sent", h.WaitingBodies("a"))
}

func TestProblems(t *testing.T) {
	patterntest.Faults(t, config, map[string][3]string{
		"behind keep":   {"- content_filter: {keep: [id]}\n- translate: {x: =body.id}\n- filter: body.id == 1", "9:22: error[E301]: body has no field id", "known: x"},
		"kept":          {"- translate: {id: 1, total: 2}\n- content_filter: {keep: [id]}\n- filter: body.total == 1", "9:22: error[E301]: body has no field total", "known: id"},
		"dropped":       {"- translate: {id: 1, total: 2}\n- content_filter: {drop: [total]}\n- filter: body.total == 1", "9:22: error[E301]: body has no field total", "known: id"},
		"below":         {"- translate: {pay: {card: 1, kind: 2}}\n- content_filter: {drop: [pay.card]}\n- filter: body.pay.card == 1", "9:26: error[E301]: body.pay has no field card", "known: kind"},
		"list":          {"- translate: {l: {$each: body, a: 1, b: 2}}\n- content_filter: {keep: [l.a]}\n- filter: any(body.l, .b == 1)", "9:30: error[E301]: the element has no field b", "known: a"},
		"unknown":       {"- translate: {id: 1, total: 2}\n- content_filter: {keep: [id, totl]}", "8:37: error[E301]: object has no field totl", `did you mean "total"?`},
		"unknown below": {"- translate: {pay: {card: 1}}\n- content_filter: {drop: [pay.crad]}", "8:33: error[E301]: object has no field crad", `did you mean "card"?`},
		"both":          {"- content_filter: {keep: [a], drop: [b]}", "7:9: error[E265]: say which fields to keep, or which to drop", "write keep: [sku, price], or drop: [payment]"},
		"neither":       {"- content_filter: {keep: []}", "7:9: error[E265]", "write keep"},
		"key":           {"- content_filter: {keep: [a], kep: [b]}", `7:37: error[E101]: unknown content_filter field "kep"`, `did you mean "keep"?`},
		"modifier":      {"- content_filter: {keep: [a]}\n  with: =body", "8:9: error[E205]: `with` has no effect on content_filter", "remove it"},
	})
}
