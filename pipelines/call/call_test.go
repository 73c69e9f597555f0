package call_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
	"orderhub/pipelines/translate"
	"orderhub/transforms/binary"
	"orderhub/transforms/text"
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
		Registry: pipelines.Registry{Formats: []hub.FormatKind{text.Format(), binary.Format()},
			Patterns: []pipelines.Pattern{call.Pattern(), fail.Pattern(), filter.Pattern(), reply.Pattern(), send.Pattern(), set.Pattern(), translate.Pattern()}}}
}

// answers gives the answers one after another, the last one for ever; an error class fails the call.
func answers(list ...string) map[string]patterntest.Answer {
	next := 0
	return map[string]patterntest.Answer{"out.ask": func(context.Context, *hub.Message) (*hub.Message, error) {
		a := list[min(next, len(list)-1)]
		next++
		if slices.Contains(hub.Classes, hub.Class(a)) {
			return nil, hub.Fail(hub.Class(a), "far_end", "the far end says %s", a)
		}
		return &hub.Message{Body: hub.NewBody([]byte(a)), Headers: hub.Headers{hub.HeaderStatus: "200"}}, nil
	}}
}

func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct{ steps, answer, asked, sent string }{
		"body":       {"- call: out.ask", `{"m":7.50}`, `{"n":1}`, `{"m":7.50}`},
		"as":         {"- {call: out.ask, as: got}\n- set: {body.m: =got.m * 2}", `{"m":7.50}`, `{"n":1}`, `{"n":1,"m":15.00}`},
		"with":       {"- {call: out.ask, with: {q: =body.n + 1}, as: got}", `{"m":7}`, `{"q":2}`, `{"n":1}`},
		"no body":    {"- {call: out.ask, as: got}\n- translate: {none: =got == null}", ``, `{"n":1}`, `{"none":true}`},
		"a list":     {"- {call: out.ask, as: got}\n- translate: {all: =got}", `[1,"x"]`, `{"n":1}`, `{"all":[1,"x"]}`},
		"passed":     {"- {call: out.ask, when: body.n == 2, as: got}\n- translate: {m: '=got?.m ?? 0'}", `{"m":7}`, "", `{"m":0}`},
		"a pipeline": {"- {call: sub, with: {q: =body.n}, as: got}\n- translate: {m: =got.twice}", ``, "", `{"m":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config(c.steps + "\n- send: a")
			conf.Answers = answers(c.answer)
			conf.YAML += "  sub: {from: call, steps: [{reply: {body: {twice: =body.q * 2}}}]}\n"
			h := patterntest.Start(t, conf)
			h.Must("p", `{"n":1}`)
			patterntest.Want(t, "sent", h.WaitingBodies("a"), c.sent)
			if asked := patterntest.Bodies(h.Called("out.ask")); strings.Join(asked, "") != c.asked {
				t.Errorf("asked %q, want %s", asked, c.asked)
			}
		})
	}
}

// The request has its own headers, not the message's; but its key, its correlation and its trace.
func TestRequest(t *testing.T) {
	conf := config("- {call: out.ask, headers: {X-Shop: =body.shop}, timeout: 7s}\n- call: out.ask\n- send: a")
	var left []time.Duration
	conf.Answers = map[string]patterntest.Answer{"out.ask": func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		deadline, _ := ctx.Deadline()
		left = append(left, time.Until(deadline))
		return m, nil
	}}
	h := patterntest.Start(t, conf)
	m := h.Message("M", `{"shop":"north"}`)
	m.Headers, m.Key, m.Correlation = hub.Headers{"secret": "x"}, "k", "C"
	if _, err := h.In("p", m); err != nil {
		t.Fatal(err)
	}
	r := h.Called("out.ask")
	if !maps.Equal(r[0].Headers, map[string]string{"x-shop": "north", hub.HeaderIdempotency: "M/p/call.out.ask"}) || r[0].Key != "k" || r[0].Correlation != "C" || r[0].Root() != "M" || r[0].ID == "M" {
		t.Errorf("request %+v", r[0])
	}
	if a, b := r[0].Headers.Get(hub.HeaderIdempotency), r[1].Headers.Get(hub.HeaderIdempotency); a == b {
		t.Errorf("two steps have one Idempotency-Key: %s", a)
	}
	if left[0] > 7*time.Second || left[0] < 3*time.Second || left[1] > 30*time.Second || left[1] < 20*time.Second {
		t.Errorf("time left: %v, want 7s and the default 30s", left)
	}
	if sent := h.Waiting("a")[0].Msg; sent.ID != "M" || sent.Headers.Get("secret") != "x" {
		t.Errorf("the message goes on as %+v", sent)
	}
}

// Every attempt of a message sends one Idempotency-Key, another message another.
func TestIdempotencyKeyOnRetries(t *testing.T) {
	conf := config("- call: out.ask\n  retry: {times: 3, wait: 1s}\n- send: a")
	conf.YAML = strings.Replace(conf.YAML, "from: web", "from: out", 1)
	conf.Answers = answers("unavailable", "timeout", `{"m":1}`)
	h := patterntest.Start(t, conf)
	for _, id := range []string{"M", "N"} {
		if _, err := h.In("p", h.Message(id, `{"n":1}`)); err != nil {
			t.Fatal(err)
		}
		h.Settle()
		h.Advance(time.Minute)
		h.Advance(time.Minute)
	}
	var keys []string
	for _, m := range h.Called("out.ask") {
		keys = append(keys, m.Headers.Get(hub.HeaderIdempotency))
	}
	patterntest.Want(t, "keys", keys, "M/p/call.out.ask", "M/p/call.out.ask", "M/p/call.out.ask", "N/p/call.out.ask")
	patterntest.Want(t, "sent once each", h.WaitingBodies("a"), `{"m":1}`, `{"m":1}`)
	history := h.History("M")
	for _, line := range []string{"called out.ask failed: the far end says unavailable", "called out.ask failed: the far end says timeout", "called out.ask → 200", "sent a"} {
		if !slices.Contains(history, line) {
			t.Errorf("history has no %q: %q", line, history)
		}
	}
}

func TestRunErrors(t *testing.T) {
	for name, c := range map[string][3]string{ // step, answer, error
		"rejected":    {"- call: out.ask", "rejected", "rejected far_end p/call out.ask pipelines.yaml:8: the far end says rejected"},
		"unavailable": {"- call: out.ask", "unavailable", "unavailable far_end p/call out.ask pipelines.yaml:8: the far end says unavailable"},
		"no JSON":     {"- {call: out.ask, as: got}\n- send: b\n  with: {x: =got}", "<html>", "rejected bad_response p/call out.ask pipelines.yaml:8: out.ask answered with a body that is not JSON: "},
		"timeout":     {"- call: out.ask\n  timeout: 10ms", "", "timeout timeout p/call out.ask pipelines.yaml:8: "},
		"with":        {"- call: out.ask\n  with: {q: =body.n.x * 2}", "{}", `invalid transform p/call out.ask pipelines.yaml:9:19: body.n is a number, not an object`},
		"headers":     {"- call: out.ask\n  headers: {q: =body.m * 2}", "{}", `invalid transform p/call out.ask pipelines.yaml:9:22: body.m is missing; body = {"n":1}`},
		"in a called": {"- call: sub", "", "late late sub/fail pipelines.yaml:9: late"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config("- send: a\n" + c[0])
			conf.YAML += "  sub: {from: call, steps: [{send: b}, {fail: late}]}\n"
			conf.Answers = answers(c[1])
			if name == "timeout" {
				conf.Answers["out.ask"] = func(ctx context.Context, _ *hub.Message) (*hub.Message, error) { <-ctx.Done(); return nil, ctx.Err() }
			}
			h := patterntest.Start(t, conf)
			if got := h.Refused(t, `{"n":1}`); !strings.HasPrefix(got, c[2]) {
				t.Errorf("got  %s\nwant %s", got, c[2])
			}
			patterntest.Want(t, "sent", append(h.WaitingBodies("a"), h.WaitingBodies("b")...))
		})
	}
}

func TestProblems(t *testing.T) {
	if got := patterntest.Problems(t, config("- translate: {x: 1}\n- call: out.ask\n- filter: body.y == 1\n- send: a")); strings.Contains(got, "error[") {
		t.Errorf("nothing is known of the answer: %s", got)
	}
	patterntest.Faults(t, config, map[string][3]string{
		"behind as":     {"- translate: {x: 1}\n- {call: out.ask, as: got}\n- filter: body.y == 1 or got.z == 1", "9:22: error[E301]: body has no field y", "known: x"},
		"before":        {"- filter: got.x == 1\n- {call: out.ask, as: got}", "7:17: error[E301]: unknown name got", "known: "},
		"operation":     {"- call: out.aks", `7:15: error[E244]: out has no operation "aks"`, `did you mean "out.ask"?`},
		"no operation":  {"- call: out", "7:15: error[E244]: say which operation of out is called", "write out.ask"},
		"unknown":       {"- call: outt.ask", `7:15: error[E242]: unknown operation or pipeline "outt.ask"`, `did you mean "out.ask"?`},
		"channel":       {"- call: a", "7:15: error[E241]: nobody reads a: a call of it would never be answered", "add a pipeline with from: a and a reply"},
		"not for calls": {"- call: p", "7:15: error[E240]: the pipeline p is not for calls", "write from: call in pipeline p"},
		"as":            {"- {call: out.ask, as: a-b}", `7:29: error[E306]: "a-b" can't be a name in formulas`, "use letters, digits and _"},
		"as body":       {"- {call: out.ask, as: body}", `7:29: error[E306]: "body" is a name of every message`, "choose another name"},
		"expires":       {"- {call: out.ask, expires: 1d}", "7:25: error[E205]: `expires` has no effect on call", "remove it"},
	})
}

// An answer that is no JSON is passed on as it came, with its type; who reads it gets a text, or what is to say of bytes.
func TestFault_B8_AnswersThatAreNoDocuments(t *testing.T) {
	const pdf = "%PDF\x00\xff\xfe"
	for name, c := range map[string]struct{ steps, kind, answer, sent, sentKind, reason string }{
		"bytes passed on":          {"- call: out.ask", "application/pdf", pdf, pdf, "application/pdf", ""},
		"text passed on":           {"- call: out.ask", "text/plain", "it is done", "it is done", "text/plain", ""},
		"without a type":           {"- call: out.ask", "", pdf, pdf, "", ""},
		"text as a variable":       {"- {call: out.ask, as: got}\n- translate: {said: =got}", "text/plain; charset=utf-8", "it is done", `{"said":"it is done"}`, "application/json", ""},
		"bytes as a variable":      {"- {call: out.ask, as: got}\n- translate: {said: =got.size}", "application/pdf", pdf, `{"said":7}`, "application/json", ""},
		"JSON that is cut off":     {"- {call: out.ask, as: got}\n- translate: {said: =got}", "application/json", `{"a":`, "", "", "bad_response"},
		"bytes read as a document": {"- call: out.ask\n- translate: {x: =body.base64}", "application/pdf", pdf, `{"x":"JVBERgD//g=="}`, "application/json", ""},
	} {
		answer := map[string]patterntest.Answer{"out.ask": func(context.Context, *hub.Message) (*hub.Message, error) {
			return &hub.Message{Body: hub.NewBody([]byte(c.answer)), Headers: hub.Headers{hub.HeaderContentType: c.kind}}, nil
		}}
		cfg := config(c.steps + "\n- send: out")
		cfg.Answers = answer
		h := patterntest.Start(t, cfg)
		m := h.Message("M", `{"n":1}`).WithHeader(hub.HeaderContentType, "application/json")
		_, err := h.In("p", m)
		if c.reason != "" {
			if e := hub.AsError(err); err == nil || c.reason == "bad_response" && e.Reason != c.reason || e.Class == hub.Bug {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		sent := h.Sent("out")
		if err != nil || len(sent) != 1 || string(sent[0].Body.Bytes()) != c.sent || sent[0].Headers.Get(hub.HeaderContentType) != c.sentKind {
			t.Errorf("%s: %v, sent %d: %+v", name, err, len(sent), sent)
		}
	}
}

// Bytes that are an answer's body answer whoever asked.
func TestFault_B8_BytesAreReplied(t *testing.T) {
	cfg := config("- call: out.ask\n- reply: {body: =body}")
	cfg.Answers = map[string]patterntest.Answer{"out.ask": func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody([]byte("\x00\xff")), Headers: hub.Headers{hub.HeaderContentType: "image/png"}}, nil
	}}
	h := patterntest.Start(t, cfg)
	got, err := h.In("p", h.Message("M", `{"n":1}`))
	if err != nil || string(got.Body.Bytes()) != "\x00\xff" || got.Headers.Get(hub.HeaderContentType) != "image/png" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Status, headers and links of an answer are in reach, each by the name that the step gives it; the body of the message stays.
func TestFault_H5_PartsOfAnAnswer(t *testing.T) {
	for name, c := range map[string]struct{ steps, sent string }{
		"all": {"- {call: out.ask, as: {body: got, status: code, headers: head, links: links}}\n- translate: {n: =body.n, m: =got.m, ok: =code == 201, at: =head.location, next: =links.next, none: '=links.last ?? \"-\"'}",
			`{"n":1,"m":7,"ok":true,"at":"/orders/7","next":"/orders?page=2","none":"-"}`},
		"the status alone": {"- {call: out.ask, as: {status: code}}\n- set: {body.code: =code}", `{"n":1,"code":201}`},
	} {
		cfg := config(c.steps + "\n- send: a")
		cfg.Answers = map[string]patterntest.Answer{"out.ask": func(context.Context, *hub.Message) (*hub.Message, error) {
			return &hub.Message{Body: hub.NewBody([]byte(`{"m":7}`)), Headers: hub.Headers{hub.HeaderStatus: "201", "location": "/orders/7", "link": `</orders?page=2>; rel="next"`}}, nil
		}}
		h := patterntest.Start(t, cfg)
		h.Must("p", `{"n":1}`)
		patterntest.Want(t, name, h.WaitingBodies("a"), c.sent)
	}
	patterntest.Faults(t, config, map[string][3]string{
		"a part that is none": {"- {call: out.ask, as: {boddy: got}}", `7:30: error[E101]: unknown as field "boddy"`, `did you mean "body"?`},
		"no name":             {"- {call: out.ask, as: {body: a-b}}", `7:36: error[E306]: "a-b" can't be a name in formulas`, "use letters, digits and _"},
	})
}
