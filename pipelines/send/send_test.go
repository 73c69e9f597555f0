package send_test

import (
	"maps"
	"slices"
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
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const head = `adapters: {web: {type: fake-web}, out: {type: fake, ops: [ask]}}
channels: {a: {type: direct}, b: {type: direct}, line: {type: direct}, news: {type: topic}, all: {type: fanout}, by.headers: {type: headers}, keyed: {type: direct, key: body.id.y.z}, r.direct: {type: direct}, r.paid: {type: direct}, r.orders: {type: direct}, r.one: {type: direct}, r.two: {type: direct}, r.eu: {type: direct}}
pipelines:
  p:
    from: web
    steps:
` // a step's verb stands at 7:9

func config(steps string) patterntest.Config {
	return patterntest.Config{YAML: head + "      " + strings.ReplaceAll(strings.TrimSpace(steps), "\n", "\n      ") + "\n",
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{filter.Pattern(), send.Pattern(), translate.Pattern()}}}
}

// readers read every kind of channel; what each got lies in a channel of its name.
const readers = `  direct: {from: line, steps: [{send: r.direct}]}
  paid: {from: {news: order.paid}, steps: [{send: r.paid}]}
  orders: {from: {news: order.*}, steps: [{send: r.orders}]}
  one: {from: all, steps: [{send: r.one}]}
  two: {from: all, steps: [{send: r.two}]}
  eu: {from: {by.headers: {region: eu}}, steps: [{send: r.eu}]}
`

func TestWhoGetsIt(t *testing.T) {
	for name, c := range map[string]struct{ step, body, got string }{
		"direct":              {"- send: line", `{}`, "direct"},
		"topic":               {"- send: {news: order.paid}", `{}`, "orders paid"},
		"topic, formula":      {`- send: {news: ="order." + body.state}`, `{"state":"new"}`, "orders"},
		"topic, other":        {`- send: {news: ="stock." + body.state}`, `{"state":"new"}`, ""},
		"fanout":              {"- send: all", `{}`, "one two"},
		"headers":             {"- send: by.headers\n  headers: {region: =body.r}", `{"r":"eu"}`, "eu"},
		"headers, other":      {"- send: by.headers\n  headers: {region: =body.r}", `{"r":"us"}`, ""},
		"headers of before":   {"- send: by.headers", `{}`, "eu"},
		"headers, taken away": {"- send: by.headers\n  headers: {Region: null}", `{}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config(c.step)
			conf.YAML += readers
			h := patterntest.Start(t, conf)
			m := h.Message("M", c.body)
			m.Headers = hub.Headers{"region": "eu"}
			if _, err := h.In("p", m); err != nil {
				t.Fatal(err)
			}
			h.Settle()
			var got []string
			for _, r := range []string{"direct", "eu", "one", "orders", "paid", "two"} {
				for _, d := range h.Waiting("r." + r) {
					if got = append(got, r); string(d.Msg.Body.Bytes()) != c.body || d.Msg.ID != "M" {
						t.Errorf("%s got %s %s", r, d.Msg.ID, d.Msg.Body.Bytes())
					}
				}
			}
			patterntest.Want(t, "readers", got, strings.Fields(c.got)...)
		})
	}
}

// with, headers and expires belong to what is sent; the message goes on as it was.
func TestModifiers(t *testing.T) {
	h := patterntest.Start(t, config("- send: a\n  with: {n: =body.n * 1.10}\n  headers: {tags: =body.tags, Seen: yes it is, x: null}\n  expires: 2d\n- send: b"))
	m := h.Message("M", `{"n":2.00,"tags":["x",7]}`)
	m.Headers, m.Correlation = hub.Headers{"x": "y", "z": "z"}, "C"
	if _, err := h.In("p", m); err != nil {
		t.Fatal(err)
	}
	patterntest.Want(t, "with", h.WaitingBodies("a"), `{"n":2.2000}`)
	patterntest.Want(t, "behind", h.WaitingBodies("b"), `{"n":2.00,"tags":["x",7]}`)
	sent, behind := h.Waiting("a")[0].Msg, h.Waiting("b")[0].Msg
	if !maps.Equal(sent.Headers, map[string]string{"tags": "x,7", "seen": "yes it is", "z": "z"}) || !sent.Expires.Equal(h.Clock.Now().Add(48*time.Hour)) || sent.ID != "M/p.send a" || sent.Correlation != "C" {
		t.Errorf("sent %+v", sent)
	}
	if !maps.Equal(behind.Headers, map[string]string{"x": "y", "z": "z"}) || !behind.Expires.IsZero() || behind.ID != "M" {
		t.Errorf("behind %+v", behind)
	}
	patterntest.Want(t, "history", h.History("M"), "received web", "sent a", "sent b")
}

func TestAdapter(t *testing.T) {
	h := patterntest.Start(t, config("- send: {out: template, to: =body.email, data: =body.order}\n- send: {out: template}\n  with: {n: =body.order.n}\n  headers: {x: y}\n- send: b"))
	m := h.Message("M", `{"email":"jo@x.de","order":{"n":1.50}}`)
	m.Key = "k" // in order
	if _, err := h.In("p", m); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	sent := h.Sent("out template")
	patterntest.Want(t, "sent", patterntest.Bodies(sent), `{"n":1.50}`, `{"n":1.50}`)
	if sent[0].Headers.Get("to") != "jo@x.de" || sent[1].Headers.Get("to") != "" || sent[1].Headers.Get("x") != "y" || sent[0].ID == sent[1].ID || sent[0].Root() != "M" {
		t.Errorf("sent %+v and %+v", sent[0], sent[1])
	}
	if history := h.History("M"); !slices.Contains(history, "sent to j***@x.de") || strings.Contains(strings.Join(history, "\n"), "jo@") {
		t.Errorf("history %q", history)
	}
}

// In a unit with effects the outbox retries in the order of the key; another key does not wait.
func TestOutboxKeepsTheOrderOfAKey(t *testing.T) {
	away := true
	conf := config("- send: a\n- send: {out: mail}")
	conf.Refuses = func(m *hub.Message) error {
		if away && m.Key == "k" {
			return hub.Fail(hub.Unavailable, "away", "away")
		}
		return nil
	}
	h := patterntest.Start(t, conf)
	for _, m := range []struct{ id, key string }{{"1", "k"}, {"2", "k"}, {"3", "other"}} {
		in := h.Message(m.id, m.id)
		in.Key = m.key
		if _, err := h.In("p", in); err != nil {
			t.Fatalf("the outbox takes it: %v", err)
		}
		h.Settle()
	}
	patterntest.Want(t, "delivered past a refusal", patterntest.Bodies(h.Sent("out mail")), "3")
	away = false
	h.Advance(time.Minute)
	patterntest.Want(t, "delivered", patterntest.Bodies(h.Sent("out mail")), "3", "1", "2")
}

// In a unit without effects the adapter is served at once, and its refusal is the caller's.
func TestWithoutEffects(t *testing.T) {
	conf := config("- send: {out: mail}")
	conf.Refuses = func(m *hub.Message) error {
		if m.ID == "M" {
			return hub.Fail(hub.Rejected, "no", "the far end says no")
		}
		return nil
	}
	h := patterntest.Start(t, conf)
	h.Must("p", `{"n":1}`)
	patterntest.Want(t, "confirmed when the source is acknowledged", patterntest.Bodies(h.Sent("out mail")), `{"n":1}`)
	if got := h.Refused(t, `{}`); !strings.HasPrefix(got, "rejected no ") || !strings.HasSuffix(got, ": the far end says no") {
		t.Errorf("the caller is told %s", got)
	}
}

func TestRunErrors(t *testing.T) {
	for name, c := range map[string][3]string{ // step, body, error
		"with":    {"- send: a\n  with: {x: 1, y: =body.n * 2}", `{"n":"1"}`, `invalid transform p/send a pipelines.yaml:8:25: body.n is a string, not a number`},
		"headers": {"- send: a\n  headers: {y: =body.n * 2}", `{"n":null}`, `invalid transform p/send a pipelines.yaml:8:22: body.n is null; body = {"n":null}`},
		"topic":   {"- send: {news: =\"order.\" + body.n}", `{"n":1}`, `invalid transform p/send news pipelines.yaml:7:22: body.n is a number, not a string`},
		"option":  {"- send: {out: x, to: =body.to.mail}", `{}`, `invalid transform p/send out pipelines.yaml:7:28: body.to is missing; body = {}`},
		"key":     {"- send: keyed", `{"id":{"x":1}}`, `invalid transform p/send keyed pipelines.yaml:2:170: key of channel keyed: body.id.y is missing; body.id = {"x":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config(c[0]+"\n- send: b"))
			if got := h.Refused(t, c[1]); !strings.HasPrefix(got, c[2]) {
				t.Errorf("got  %s\nwant %s", got, c[2])
			}
			patterntest.Want(t, "sent", append(h.WaitingBodies("a"), h.WaitingBodies("b")...))
		})
	}
}

func TestProblems(t *testing.T) {
	patterntest.Faults(t, config, map[string][3]string{
		"unknown":     {"- send: lines", `7:15: error[E231]: unknown channel or adapter "lines"`, `did you mean "line"?`},
		"no key":      {"- send: news", "7:15: error[E232]: news is a topic: its messages need a routing key", "write send: {news: order.paid}"},
		"key":         {"- send: {line: order.paid}", "7:16: error[E232]: line is a direct channel: it takes no routing key", "write send: line"},
		"key's kind":  {"- send: {news: =1 + 1}", "7:23: error[E301]: the document must be a string, not a number", "use string(...)"},
		"option":      {"- send: {out: x, too: y}", `7:24: error[E101]: unknown fake send field "too"`, `did you mean "to"?`},
		"formula":     {"- translate: {mail: x}\n- send: {out: x, to: =body.email}", "8:34: error[E301]: body has no field email", `did you mean "mail"?`},
		"with":        {"- translate: {mail: x}\n- send: a\n  with: {m: =body.email}", "9:25: error[E301]: body has no field email", `did you mean "mail"?`},
		"headers":     {"- send: a\n  headers: [x]", "8:9: error[E235]: `headers` is a map of names and values", "write headers: {region: =body.region}"},
		"still known": {"- translate: {x: 1}\n- send: a\n  with: {y: =body.x}\n- filter: body.y == 1", "10:22: error[E301]: body has no field y", "known: x"},
		"modifier":    {"- send: a\n  timeout: 5s", "8:9: error[E205]: `timeout` has no effect on send", "remove it"},
	})
}
