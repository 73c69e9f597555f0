package routingslip_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/routingslip"
	"orderhub/pipelines/set"
	"orderhub/pipelines/translate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(step string) patterntest.Config {
	return patterntest.Config{
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{call.Pattern(), fail.Pattern(), filter.Pattern(), reply.Pattern(), routingslip.Pattern(), set.Pattern(), translate.Pattern()}},
		YAML: `
adapters:
  web: {type: fake-web}
  shop: {type: fake, ops: [stamp]}
pipelines:
  p:
    from: web
    steps:
      - ` + step + `
      - reply: {body: =body}
  wrap: {from: call, steps: [{set: {body.way: =body.way + "w"}}]}
  engrave: {from: call, steps: [{set: {body.way: =body.way + "e"}}]}
`}
}

const among = `among: {wrap: wrap, engrave: engrave, insure: {steps: [{set: {body.way: =body.way + "i"}}]}, stamp: {call: shop.stamp, with: =body.way, as: mark}, refuse: {fail: no}, drop: {filter: false}}`

func run(t *testing.T, step, visit string) (*patterntest.Hub, string, error) {
	t.Helper()
	c := config(step)
	c.Answers = map[string]patterntest.Answer{"shop.stamp": func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody([]byte(`"ok"`))}, nil
	}}
	h := patterntest.Start(t, c)
	r, err := h.In("p", h.Message("M", `{"way":"","visit":`+visit+`}`))
	if err != nil || r == nil {
		return h, "", err
	}
	v, err := r.Body.Doc()
	return h, v.Get("way").Str(), err
}

// TestStations: the message visits the stations that its slip names, in the order of the slip, each of whatever kind; the history has the slip.
func TestStations(t *testing.T) {
	for visit, want := range map[string]struct{ way, slip string }{
		`["wrap","engrave","insure"]`: {"wei", "slip wrap → engrave → insure"},
		`["insure","wrap"]`:           {"iw", "slip insure → wrap"},
		`"engrave"`:                   {"e", "slip engrave"},
		`["engrave","stamp","wrap"]`:  {"ew", "slip engrave → stamp → wrap"},
		`[]`:                          {"", "slip"},
		`null`:                        {"", "slip"},
	} {
		h, way, err := run(t, `routing_slip: {visit: =body.visit, `+among+`}`, visit)
		if err != nil || way != want.way {
			t.Errorf("%s: %q %v, want %q", visit, way, err, want.way)
		}
		if h.Settle(); !slices.ContainsFunc(h.History("M"), func(e string) bool { return strings.TrimSpace(e) == want.slip }) {
			t.Errorf("%s: history %q", visit, h.History("M"))
		}
		if asked := len(h.Called("shop.stamp")); asked != strings.Count(visit, "stamp") {
			t.Errorf("%s: stamped %d times", visit, asked)
		}
	}
}

// TestRandomSlips: 10,000 slips, with any stations in any order; each station is visited once, in its place, or the slip is refused before the first.
func TestRandomSlips(t *testing.T) {
	letters := map[string]string{"wrap": "w", "engrave": "e", "insure": "i"}
	c := config(`routing_slip: {visit: =body.visit, among: [wrap, engrave]}`)
	c.YAML = strings.Replace(c.YAML, "[wrap, engrave]", `{wrap: wrap, engrave: engrave, insure: {steps: [{set: {body.way: =body.way + "i"}}]}}`, 1)
	h := patterntest.Start(t, c)
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"wrap", "engrave", "insure", "insur"}
	for i := range 10_000 {
		var visit []string
		for range random.IntN(5) {
			visit = append(visit, names[random.IntN(len(names))])
		}
		want, wrong := "", false
		for k, name := range visit {
			wrong = wrong || name == "insur" || slices.Contains(visit[:k], name)
			want += letters[name]
		}
		r, err := h.In("p", h.Message(fmt.Sprint("M", i), fmt.Sprintf(`{"way":"","visit":%s}`, strings.ReplaceAll(fmt.Sprintf("%q", visit), " ", ","))))
		if wrong != (err != nil) {
			t.Fatalf("%q: %v", visit, err)
		}
		if err == nil {
			if v, _ := r.Body.Doc(); v.Get("way").Str() != want {
				t.Fatalf("%q: went %s", visit, v.JSON())
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for visit, want := range map[string]string{`["wrap","engrav"]`: `did you mean "engrave"?`, `["wrap","wrap"]`: "the station wrap twice", `[1]`: "a station is named by a text", `["refuse"]`: "no"} {
		h, _, err := run(t, `routing_slip: {visit: =body.visit, `+among+`}`, visit)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", visit, err, want)
		}
		h.Stop()
	}
	if _, _, err := run(t, `routing_slip: {visit: =body.visit, `+among+`}`, `["drop","refuse"]`); err != nil {
		t.Errorf("a station that drops the message ends the way: %v", err)
	}
}

func TestProblems(t *testing.T) {
	for step, want := range map[string]string{
		`{visit: =body.v}`:                                                  `needs "among"`,
		`{among: [wrap]}`:                                                   `needs "visit"`,
		`{visit: =body.v, among: wrap}`:                                     `a list, or a map of names`,
		`{visit: =body.v, among: [wrp]}`:                                    `did you mean "wrap"`,
		`{visit: [wrap, engrav], among: [wrap, engrave]}`:                   `did you mean "engrave"`,
		`{visit: =body.v, among: {x: {cal: wrap}}}`:                         `did you mean`,
		`{visit: =body.v, among: {x: {steps: [{set: {body.w: 1}}], y: 2}}}`: `unknown`,
	} {
		if got := patterntest.Problems(t, config("routing_slip: "+step)); !strings.Contains(strings.ToLower(got), strings.ToLower(want)) || !strings.Contains(got, "error") {
			t.Errorf("%s: want %s, got\n%s", step, want, got)
		}
	}
	c := config("translate: {way: x, visit: [a]}\n      - routing_slip: {visit: =body.visit, among: {x: {translate: {other: 1}}}}")
	if got := patterntest.Problems(t, c); !strings.Contains(got, "the station x changes the body") {
		t.Errorf("a station that changes the form: %s", got)
	}
}
