package reply_test

import (
	"maps"
	"os"
	"path/filepath"
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
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{call.Pattern(), fail.Pattern(), filter.Pattern(), reply.Pattern(), route.Pattern(), send.Pattern(), set.Pattern(), translate.Pattern()}}}
}

// replied is status, content type and body of a reply.
func replied(t *testing.T, h *patterntest.Hub, body, accept string) string {
	t.Helper()
	m := h.Message("M", body)
	m.Headers = hub.Headers{"accept": accept}
	r, err := h.In("p", m)
	if err != nil || r == nil {
		t.Fatalf("%v %v", r, err)
	}
	return strings.Join([]string{r.Headers.Get("status"), r.Headers.Get("content-type"), string(r.Body.Bytes())}, " ")
}

func TestStatusAndBody(t *testing.T) {
	for name, c := range map[string][3]string{ // reply, body, what is replied
		"status":           {"202", `{}`, "202  "},
		"default":          {"{body: text}", `{}`, `200  "text"`},
		"tree":             {"{status: 201, body: {order: =body.id, n: 7.50}}", `{"id":"W-1"}`, `201  {"order":"W-1","n":7.50}`},
		"formula":          {"{body: =body.n * 1.10}", `{"n":2.00}`, `200  2.2000`},
		"null":             {"{body: =body.x}", `{"x":null}`, `404  null`},
		"missing":          {"{body: =body.x}", `{}`, `404  null`},
		"null, and status": {"{status: 200, body: =body.x}", `{}`, `200  null`},
		"false is no null": {"{body: =body.x}", `{"x":false}`, `200  false`},
		"status formula":   {"{status: '=body.n > 1 ? 201 : 200'}", `{"n":2}`, "201  "},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- send: a\n- reply: "+c[0]))
			if got := replied(t, h, c[1], "text/html"); got != c[2] {
				t.Errorf("replied %q, want %q", got, c[2])
			}
			patterntest.Want(t, "history", h.History("M"), "received web", "sent a", "replied "+c[2][:3])
		})
	}
}

func TestHeaders(t *testing.T) {
	h := patterntest.Start(t, config("- reply: {status: 201, body: {}}\n  headers: {Location: =\"/orders/\" + body.id, X-N: 7}"))
	m := h.Message("M", `{"id":"W-1"}`)
	m.Headers, m.Correlation = hub.Headers{"cookie": "secret"}, "C"
	r, err := h.In("p", m)
	if err != nil || !maps.Equal(r.Headers, map[string]string{"status": "201", "location": "/orders/W-1", "x-n": "7"}) || r.Correlation != "C" || r.ID != "M/reply" {
		t.Errorf("%+v %v", r, err)
	}
}

func TestPage(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "order.html"), []byte("<p>{{.name}} {{.sum}}{{.gone}}</p>"), 0o600); err != nil {
		t.Fatal(err)
	}
	page := "../../" + filepath.Base(dir) + "/order.html" // from pages/ beside the configuration
	h := patterntest.Start(t, config("- reply: {body: '=body?.order', page: "+page+"}\n- send: a"))
	const order = `{"order":{"name":"<script>alert(\"x\")</script>&","sum":19.90}}`
	const html = "200 text/html; charset=utf-8 <p>&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;&amp; 19.90</p>"
	const json = `200  {"name":"<script>alert(\"x\")</script>&","sum":19.90}`
	for accept, want := range map[string]string{
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": html,
		"text/html, application/json":                                     html,
		"application/json, text/html":                                     json,
		"application/json;q=0.5, Text/HTML":                               html,
		"text/html;q=0.4, application/json;q=0.9":                         json,
		"text/html;q=0":    json,
		"application/json": json,
		"*/*":              json,
		"":                 json,
	} {
		if got := replied(t, h, order, accept); got != want {
			t.Errorf("Accept %q: %q, want %q", accept, got, want)
		}
	}
	if got := replied(t, h, `{}`, "text/html"); got != "404 text/html; charset=utf-8 <p> </p>" {
		t.Errorf("the page of nothing: %q", got)
	}
	patterntest.Faults(t, config, map[string][3]string{
		"no file": {"- reply: {body: =body, page: ordr.html}", "7:36: error[E268]: page ordr.html: ", "pages are html/template files in pages/"},
		"no body": {"- reply: {status: 200, page: " + page + "}", "7:36: error[E268]: a page shows the reply's body, and this reply has none", "add body: =body"},
	})
}

// TestPageLanguage: a page is in the language that the body names, else as its reader's browser says, and it shares parts with others.
func TestPageLanguage(t *testing.T) {
	german, err := os.ReadFile("../../config/pages/words.de.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const frame = `{{define "frame"}}<html lang="{{.lang}}">{{template "main" .}}{{end}}`
	write("words.de.json", string(german))
	write("_frame.html", frame)
	write("order.html", `{{define "main"}}{{say "Order %s" .name}}, {{money 1234.5 "EUR"}}, {{when .at "2026-01-31T14:30:00Z"}}{{end}}{{template "frame" .}}`)
	conf := config("- reply: {body: {name: =body.name, language: '=body.language', at: \"2026-01-31T12:00:00Z\"}, page: " + strings.Repeat("../", 12) + dir + "/order.html}")
	h := patterntest.Start(t, conf)
	const english, deutsch = `<html lang="en">Order &lt;b&gt;, €1,234.50, `, "<html lang=\"de\">Bestellung &lt;b&gt;, 1.234,50\u00a0€, "
	for _, c := range [][3]string{{"", "", english}, {"de-AT,de;q=0.9,en;q=0.1", "", deutsch}, {"en", "de", deutsch}, {"de", "en", english}, {"fr", "it", english}} {
		m := h.Message("M", `{"name":"<b>","language":"`+c[1]+`"}`)
		m.Headers = hub.Headers{"accept": "text/html", "accept-language": c[0]}
		r, err := h.In("p", m)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.Body.Bytes()); !strings.HasPrefix(got, c[2]) || r.Headers.Get("vary") != "accept, accept-language" || !strings.Contains(got, `lang="`+r.Headers.Get("content-language")+`"`) {
			t.Errorf("Accept-Language %q, own %q: %s %v", c[0], c[1], got, r.Headers)
		}
	}
	write("_frame.html", frame+`{{define "more"}}{{say "Nobody \"said\" this"}}{{end}}`)
	if got := patterntest.Problems(t, conf); !strings.Contains(got, `words.de.json: there are no words for "Nobody \"said\" this"`) {
		t.Error(got)
	}
	write("_frame.html", `{{define "frame"}}<a title="{{.name}}>{{end}}`) // found when it first runs
	if got := patterntest.Problems(t, conf); !strings.Contains(got, "E268") {
		t.Error(got)
	}
}

// The answer is given once what was done is durable; the steps behind run from the store, with the variables, and their errors are not the caller's.
func TestContinuation(t *testing.T) {
	h := patterntest.Start(t, config("- set: {v: =body.n + 1, body.m: 1}\n- send: a\n- reply: 202\n- filter: body.n > 0\n- send: b\n  with: {v: =v, m: =body.m}\n- {fail: late, when: body.n == 2}"))
	h.Runtime.Pause(map[string]bool{"p#1": true}, true)
	if got := replied(t, h, `{"n":1}`, ""); got != "202  " {
		t.Errorf("replied %s", got)
	}
	patterntest.Want(t, "durable with the answer", h.WaitingBodies("a"), `{"n":1,"m":1}`)
	patterntest.Want(t, "waiting behind it", h.WaitingBodies("p#1"), `{"n":1,"m":1}`)
	patterntest.Want(t, "behind", h.WaitingBodies("b"))
	h.Runtime.Pause(map[string]bool{"p#1": true}, false)
	h.Settle()
	patterntest.Want(t, "behind", h.WaitingBodies("b"), `{"v":2,"m":1}`)
	if got := replied(t, h, `{"n":2}`, ""); got != "202  " {
		t.Errorf("replied %s", got)
	}
	h.Settle()
	if d := h.Dead(); len(d) != 1 || d[0].Error.Class != "late" || d[0].Queue != "p#1" || len(h.Waiting("b")) != 1 {
		t.Errorf("dead letters %+v", d)
	}
}

// Before the reply the pipeline is synchronous: a bad message is told so at once, and nothing of it stays.
func TestRunErrors(t *testing.T) {
	for name, c := range map[string][3]string{ // steps, body, error
		"before":      {"- filter: body.n > 0\n- reply: 202", `{"n":"1"}`, `invalid transform p/filter pipelines.yaml:8:17: body.n is a string, not a number`},
		"body":        {"- reply: {body: {x: =body.n * 2}}", `{"n":"1"}`, `invalid transform p/reply pipelines.yaml:8:27: body.n is a string, not a number`},
		"headers":     {"- reply: 202\n  headers: {x: =body.n * 2}", `{"n":"1"}`, `invalid transform p/reply pipelines.yaml:9:22: body.n is a string, not a number`},
		"status":      {"- reply: {status: =body.n}", `{"n":"ok"}`, `invalid status p/reply pipelines.yaml:8: the reply's status is "ok", and not 200 to 599`},
		"high status": {"- reply: {status: =body.n}", `{"n":600}`, `invalid status p/reply pipelines.yaml:8: the reply's status is 600`},
		"no status":   {"- reply: {status: =body.n}", `{}`, `invalid status p/reply pipelines.yaml:8: the reply's status is null`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config("- send: a\n"+c[0]+"\n- send: b"))
			if got := h.Refused(t, c[1]); !strings.HasPrefix(got, c[2]) {
				t.Errorf("got  %s\nwant %s", got, c[2])
			}
			h.Settle()
			patterntest.Want(t, "kept", append(h.WaitingBodies("a"), h.WaitingBodies("b")...))
		})
	}
}

// TestErrors: the reply of the pipeline's errors is the answer; what the failed run did is not kept, what the reaction did is.
func TestErrors(t *testing.T) {
	for name, source := range map[string]string{"who waits at the source": "web", "who asks by a channel": "{call: c}"} {
		t.Run(name, func(t *testing.T) {
			conf := config("- send: a\n- fail: {class: broken, say: it broke}\n  when: body.n == 1\n- reply: 202")
			conf.YAML += "    errors: {broken: [{send: b, with: {why: =error.message}}, {reply: {status: 422, body: {n: =body.n, why: =error.message}}}]}\n"
			if source != "web" {
				conf.YAML = strings.Replace(conf.YAML, "  p:\n    from: web", "  asks: {from: web, steps: [{call: c, as: got}, {reply: {status: 200, body: =got}}]}\n  p:\n    from: c", 1)
				conf.YAML = strings.Replace(conf.YAML, "channels: {", "channels: {c: {type: direct}, ", 1)
			}
			h := patterntest.Start(t, conf)
			first := map[bool]string{true: "p", false: "asks"}[source == "web"]
			m := h.Message("M", `{"n":1}`)
			r, err := h.In(first, m)
			if err != nil || r == nil {
				t.Fatalf("%v %v", r, err)
			}
			want := map[bool]string{true: "422", false: "200"}[source == "web"] + ` {"n":1,"why":"it broke"}`
			if got := r.Headers.Get("status") + " " + string(r.Body.Bytes()); got != want {
				t.Errorf("replied %q, want %q", got, want)
			}
			patterntest.Want(t, "of the failed run", h.WaitingBodies("a"))
			patterntest.Want(t, "of the reaction", h.WaitingBodies("b"), `{"why":"it broke"}`)
		})
	}
}

func TestProblems(t *testing.T) {
	conf := config("- reply: 202")
	conf.YAML = strings.Replace(conf.YAML, "from: web", "from: b", 1)
	if got := patterntest.Problems(t, conf); !strings.Contains(got, "7:9: error[E267]: nobody waits for this reply: no step calls the channel b") {
		t.Error(got)
	}
	patterntest.Faults(t, config, map[string][3]string{
		"status":      {"- reply: 99", `7:16: error[E267]: "99" is no HTTP status code`, "write reply: 202"},
		"high status": {"- reply: {status: 600}", `7:25: error[E267]: "600" is no HTTP status code`, "write reply: 202"},
		"status map":  {"- reply: {status: {a: 1}}", "7:17: error[E267]: a status is one number, this is a map", "write status: 202"},
		"list":        {"- reply: [202]", "7:9: error[E267]: a reply is a status, or a map with status and body", "write reply: 202, or reply: {status: 200, body: =body}"},
		"key":         {"- reply: {statsu: 202}", `7:17: error[E101]: unknown reply field "statsu"`, `did you mean "status"?`},
		"second":      {"- reply: 202\n- reply: 202", "8:9: error[E267]: nobody waits for this reply: it stands behind another one, behind a delay", "one reply a pipeline"},
		"of one step": {"- send: a\n  errors: {other: {reply: 500}}\n- reply: 202", "8:18: error[E267]: nobody waits for this reply", "one reply a pipeline"},
		"body":        {"- translate: {x: 1}\n- reply: {body: =body.y}", "8:29: error[E301]: body has no field y", "known: x"},
		"behind":      {"- translate: {x: 1}\n- reply: 202\n- filter: body.y == 1", "9:22: error[E301]: body has no field y", "known: x"},
		"modifier":    {"- reply: 202\n  with: =body", "8:9: error[E205]: `with` has no effect on reply", "remove it"},
	})
}
