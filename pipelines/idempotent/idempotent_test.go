package idempotent_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/count"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/idempotent"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/send"
	"orderhub/pipelines/split"
	"orderhub/pipelines/translate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func registry() pipelines.Registry {
	return pipelines.Registry{Entry: idempotent.HeaderKey, Patterns: []pipelines.Pattern{idempotent.Pattern(), call.Pattern(), count.Pattern(), filter.Pattern(), reply.Pattern(),
		send.Pattern(), split.Pattern(), translate.Pattern()}}
}

func config(from, steps string) patterntest.Config {
	return patterntest.Config{Registry: registry(), YAML: `
adapters:
  feed: {type: fake}
  web: {type: fake-web}
  out: {type: fake, ops: [ask]}
channels:
  orders: {type: direct}
pipelines:
  p:
    from: ` + from + `
    steps:
      ` + strings.ReplaceAll(strings.TrimSpace(steps), "\n", "\n      ") + "\n"}
}

func start(t *testing.T, from, steps string) *patterntest.Hub {
	t.Helper()
	return patterntest.Start(t, config(from, steps))
}

func bodies(h *patterntest.Hub) []string { return patterntest.Bodies(h.Sent("out")) }

func want(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got  %q\n want %q", what, got, want)
	}
}

func failures(ds []*hub.Delivery) (out []string) {
	for _, d := range ds {
		out = append(out, fmt.Sprintf("%s %s %s: %s", d.Error.Class, d.Error.Reason, d.Error.Where, d.Error.Message))
	}
	return out
}

func isError(t *testing.T, err error, class hub.Class, reason string) {
	t.Helper()
	if e, ok := errors.AsType[*hub.Error](err); !ok || e.Class != class || e.Reason != reason {
		t.Errorf("error %v, want %s %s", err, class, reason)
	}
}

func TestDrop(t *testing.T) {
	h := start(t, "feed", "- idempotent: {key: body.id, compare: body.id}\n- send: out")
	for i, id := range []string{"a", "b", "a"} {
		if _, err := h.In("p", h.Message(fmt.Sprintf("M%d", i), fmt.Sprintf(`{"id":"%s","n":%d}`, id, i))); err != nil {
			t.Fatal(err)
		}
		h.Settle()
	}
	want(t, "sent", bodies(h), []string{`{"id":"a","n":0}`, `{"id":"b","n":1}`})
	if c := h.Sent("out")[0].Correlation; c != "a" {
		t.Errorf("correlation %q, want the key", c)
	}
	h.Advance(31 * 24 * time.Hour)
	h.Must("p", `{"id":"a","n":3}`)
	h.Settle()
	if n := len(bodies(h)); n != 3 {
		t.Errorf("%d sent: after 30 days the key is forgotten", n)
	}
}

func TestHistoryTellsTheDuplicate(t *testing.T) {
	h := start(t, "orders", "- idempotent: body.id\n- send: out")
	for _, id := range []string{"M1", "M2"} {
		m := h.Message(id, `{"id":"a"}`)
		m.Correlation = "mine"
		h.Put("orders", m)
		h.Settle()
	}
	if line := "duplicate a was handled as M1"; !slices.Contains(h.History("M2"), line) {
		t.Errorf("no %q in %q", line, h.History("M2"))
	}
	if c := h.Sent("out")[0].Correlation; c != "mine" {
		t.Errorf("correlation %q was replaced", c)
	}
}

// A message that failed wrote no key: it is no duplicate of itself.
func TestFailureIsNoDuplicate(t *testing.T) {
	var tries atomic.Int64
	c := config("feed", "- idempotent: {key: body.id, duplicate: fail}\n- call: out.ask\n  as: a\n- send: out")
	c.Answers = map[string]patterntest.Answer{"out.ask": func(context.Context, *hub.Message) (*hub.Message, error) {
		if tries.Add(1) == 1 {
			return nil, hub.Fail(hub.Unavailable, "away", "away")
		}
		return &hub.Message{}, nil
	}}
	h := patterntest.Start(t, c)
	h.Must("p", `{"id":"a"}`)
	h.Settle()
	if n := len(h.Records("idempotent")); n != 0 {
		t.Errorf("%d keys after the failure", n)
	}
	h.Advance(time.Hour)
	want(t, "sent", bodies(h), []string{`{"id":"a"}`})
	if dead := h.Dead(); len(dead) != 0 {
		t.Errorf("dead letters %q", failures(dead))
	}
}

func TestFail(t *testing.T) {
	h := start(t, "feed", "- idempotent: {key: body.id, duplicate: fail}\n- send: out")
	for _, id := range []string{"M1", "M1", "M2"} { // M1 is delivered again: that is no new request
		if _, err := h.In("p", h.Message(id, `{"id":"a"}`)); err != nil {
			t.Fatal(err)
		}
	}
	h.Settle()
	if dead := h.Dead(); len(dead) != 1 || dead[0].Msg.ID != "M2" || dead[0].Error.Class != hub.Rejected || dead[0].Error.Reason != "duplicate" {
		t.Errorf("dead letters %q", failures(dead))
	}
	want(t, "sent", bodies(h), []string{`{"id":"a"}`})
}

func TestVersion(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"numbers":          {`1 3 2 3 10`, `1 3 10`},
		"numbers in texts": {`"1" "9" "10" 10 "2"`, `"1" "9" "10"`},
		"times":            {`"2026-03-01T10:00:00Z" "2026-03-01T10:30:00+01:00" "2026-03-01T11:30:00+01:00"`, `"2026-03-01T10:00:00Z" "2026-03-01T11:30:00+01:00"`},
		"texts":            {`"v-a" "v-c" "v-b" "v-c" "v-d"`, `"v-a" "v-c" "v-d"`},
		"decimals":         {`1.10 1.1 1.2`, `1.10 1.2`},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, "feed", "- idempotent: {key: body.sku, version: body.v}\n- translate: {v: =body.v}\n- send: out")
			for v := range strings.FieldsSeq(tc.in) {
				h.Must("p", `{"sku":"s","v":`+v+`}`)
				h.Settle()
			}
			var exp []string
			for v := range strings.FieldsSeq(tc.want) {
				exp = append(exp, `{"v":`+v+`}`)
			}
			want(t, "applied", bodies(h), exp)
		})
	}
}

// TestFault_F5_TimesOfVersions: a time is read in all its forms, so that what is newer is never taken for old; what looks like a time and is none is invalid, and so is
// a version that can't be compared with the last one.
func TestFault_F5_TimesOfVersions(t *testing.T) {
	for name, tc := range map[string]struct {
		in, want string // with | between them
		dead     int
	}{
		"offsets without a colon": {`"2026-10-25T02:30:00.000+0200"|"2026-10-25T02:15:00.000+0100"`, `"2026-10-25T02:30:00.000+0200"|"2026-10-25T02:15:00.000+0100"`, 0},
		"mails":                   {`"Sun, 25 Oct 2026 02:30:00 +0200"|"Sun, 25 Oct 2026 02:15:00 +0100"`, `"Sun, 25 Oct 2026 02:30:00 +0200"|"Sun, 25 Oct 2026 02:15:00 +0100"`, 0},
		"databases":               {`"2026-10-25 02:30:00+02"|"2026-10-25 02:15:00+01"|"2026-10-25T00:45:00"`, `"2026-10-25 02:30:00+02"|"2026-10-25 02:15:00+01"`, 0},
		"no times":                {`"2026-10-25T02:30:00Z"|"2026-13-25T02:30:00Z"|"2026-10-26"|"later"`, `"2026-10-25T02:30:00Z"|"2026-10-26"`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, "feed", "- idempotent: {key: body.sku, version: body.v}\n- translate: {v: =body.v}\n- send: out")
			for v := range strings.SplitSeq(tc.in, "|") {
				h.Must("p", `{"sku":"s","v":`+v+`}`)
				h.Settle()
			}
			var exp []string
			for v := range strings.SplitSeq(tc.want, "|") {
				exp = append(exp, `{"v":`+v+`}`)
			}
			want(t, "applied", bodies(h), exp)
			for _, d := range h.Dead() {
				if d.Error.Class != hub.Invalid {
					t.Errorf("%q", failures([]*hub.Delivery{d}))
				}
			}
			if n := len(h.Dead()); n != tc.dead {
				t.Errorf("%d dead letters, want %d", n, tc.dead)
			}
		})
	}
}

func TestVersionThatIsNone(t *testing.T) {
	h := start(t, "feed", "- idempotent: {key: body.sku, version: body.v}\n- send: out")
	h.Must("p", `{"sku":"s","v":"x"}`)
	for _, v := range []string{"1", "null", `""`, "[1]", "true"} {
		h.Must("p", `{"sku":"s","v":`+v+`}`)
	}
	h.Settle()
	for _, d := range h.Dead() {
		if d.Error.Class != hub.Invalid {
			t.Errorf("%q", failures([]*hub.Delivery{d}))
		}
	}
	if n := len(h.Dead()); n != 5 {
		t.Errorf("%d dead letters, want 5", n)
	}
}

const web = "- idempotent: {key: body.id, compare: body.id, duplicate: same_reply}\n- reply: {status: 202, body: {order: =body.id, n: =body.n}, headers: {location: /o}}\n- send: out"

func TestSameReply(t *testing.T) {
	c := config("web", strings.Replace(web, ", headers: {location: /o}}", "}\n  headers: {location: /o}", 1))
	c.Store = "sqlite:" + t.TempDir() + "/hub.db"
	h := patterntest.Start(t, c)
	first := h.Must("p", `{"id":"W-1","n":1}`)
	h.Stop()
	h = patterntest.Start(t, c) // a restart between them
	second := h.Must("p", `{"id":"W-1","n":2}`)
	h.Settle()
	for _, name := range []string{"status", "location"} {
		if first.Headers.Get(name) == "" || first.Headers.Get(name) != second.Headers.Get(name) {
			t.Errorf("%s: %q, then %q", name, first.Headers.Get(name), second.Headers.Get(name))
		}
	}
	if a, b := string(first.Body.Bytes()), string(second.Body.Bytes()); a != b || a != `{"order":"W-1","n":1}` {
		t.Errorf("replies %s and %s", a, b)
	}
	if first.Headers.Get("idempotent-replayed") != "" || second.Headers.Get("idempotent-replayed") != "true" {
		t.Errorf("idempotent-replayed: %v, %v", first.Headers, second.Headers)
	}
}

// blocking is a far end that answers when it may.
func blocking(c *patterntest.Config) (began, goOn chan bool) {
	began, goOn = make(chan bool, 100), make(chan bool)
	c.Answers = map[string]patterntest.Answer{"out.ask": func(context.Context, *hub.Message) (*hub.Message, error) {
		began <- true
		if <-goOn {
			return &hub.Message{}, nil
		}
		return nil, hub.Fail(hub.Rejected, "no", "no")
	}}
	return began, goOn
}

func TestInProgress(t *testing.T) {
	c := config("web", "- idempotent: {key: body.id, compare: body.id, duplicate: same_reply}\n- call: out.ask\n  as: a\n- reply: {status: 200, body: =body.n}")
	began, goOn := blocking(&c)
	h := patterntest.Start(t, c)
	in := func(n int) (*hub.Message, error) {
		return h.In("p", h.Message("", fmt.Sprintf(`{"id":"W-1","n":%d}`, n)))
	}
	done := make(chan error, 1)
	go func() { _, err := in(1); done <- err }()
	<-began
	_, err := in(2)
	isError(t, err, hub.Throttled, "in_progress")
	if e := hub.AsError(err); e.After != time.Second {
		t.Errorf("Retry-After %s", e.After)
	}
	goOn <- false
	isError(t, <-done, hub.Rejected, "no")
	go func() { <-began; goOn <- true }()
	if r, err := in(3); err != nil || string(r.Body.Bytes()) != "3" {
		t.Errorf("after the first one failed: %v", err)
	}
	if r, err := in(4); err != nil || string(r.Body.Bytes()) != "3" {
		t.Errorf("the reply is that of the first one that succeeded: %v", err)
	}
}

// Of many that race one has an effect; the others are told so, or get its answer.
func TestRace(t *testing.T) {
	for _, url := range []string{"memory:", "sqlite:" + t.TempDir() + "/hub.db"} {
		t.Run(url[:6], func(t *testing.T) {
			c := config("web", "- count: {name: tried}\n- idempotent: {key: body.id, compare: body.id, duplicate: same_reply}\n- count: {name: done}\n- reply: {body: =body.n}")
			c.Store = url
			h := patterntest.Start(t, c)
			replies := make([]sync.Map, 20)
			var wg sync.WaitGroup
			for i := range 200 {
				wg.Go(func() {
					for {
						r, err := h.In("p", h.Message("", fmt.Sprintf(`{"id":"W-%d","n":%d}`, i%20, i)))
						if err == nil {
							replies[i%20].Store(string(r.Body.Bytes()), true)
							return
						}
						if hub.AsError(err).Reason != "in_progress" {
							t.Error(err)
							return
						}
						time.Sleep(time.Millisecond) // Retry-After
					}
				})
			}
			wg.Wait()
			if got := h.Counters(count.Kind("done"))[""]; got != 20 {
				t.Errorf("%d had an effect, want 20", got)
			}
			for i := range replies {
				n := 0
				replies[i].Range(func(any, any) bool { n++; return true })
				if n != 1 {
					t.Errorf("key %d got %d different replies", i, n)
				}
			}
		})
	}
}

// In a pipeline where nobody waits the second one waits for the first.
func TestQueueRace(t *testing.T) {
	c := config("orders", "- idempotent: {key: body.id, compare: body.id}\n- call: out.ask\n  as: a\n- send: out")
	began, goOn := blocking(&c)
	h := patterntest.Start(t, c)
	for n := range 5 {
		h.Put("orders", h.Message("", fmt.Sprintf(`{"id":"W-1","n":%d}`, n)))
	}
	<-began
	goOn <- true
	h.Settle()
	if n := len(h.Called("out.ask")); n != 1 || len(bodies(h)) != 1 {
		t.Errorf("%d calls, sent %q", n, bodies(h))
	}
	if dead := h.Dead(); len(dead) != 0 {
		t.Errorf("dead letters %q", failures(dead))
	}
}

// A duplicate is a duplicate, also where the steps behind would refuse it.
func TestDuplicateThatWouldFail(t *testing.T) {
	steps := "- idempotent: {key: body.id, compare: body.id, duplicate: same_reply}\n- filter: body.n > 0\n- reply: {body: =body.n}"
	h := start(t, "web", steps)
	h.Must("p", `{"id":"a","n":1}`)
	if r, err := h.In("p", h.Message("", `{"id":"a","n":"x"}`)); err != nil || r.Headers.Get("idempotent-replayed") != "true" {
		t.Errorf("same_reply: %v %v", r, err)
	}
	_, err := h.In("p", h.Message("", `{"id":"b","n":"x"}`))
	isError(t, err, hub.Invalid, "transform")

	h = start(t, "orders", "- idempotent: {key: body.id, compare: body.id}\n- filter: body.n > 0\n- send: out")
	for i, n := range []string{"1", `"x"`} {
		h.Put("orders", h.Message(fmt.Sprint("M", i), `{"id":"a","n":`+n+`}`))
		h.Settle()
	}
	if dead := h.Dead(); len(dead) != 0 {
		t.Errorf("a duplicate became a dead letter: %q", failures(dead))
	}

	h = start(t, "web", "- filter: body.n > 0\n- reply: {body: =body.n}")
	for i, n := range []string{"1", `"x"`} {
		m := h.Message("", `{"n":`+n+`}`)
		m.Headers = hub.Headers{"idempotency-key": "k"}
		_, err := h.In("p", m)
		if i == 1 {
			isError(t, err, hub.Invalid, "idempotency_key_reused")
		} else if err != nil {
			t.Error(err)
		}
	}
}

// Another hub on the same store handles the key between our read and our
// commit: the commit fails, and the second run finds the duplicate.
func TestOtherHubWasFaster(t *testing.T) {
	c := config("orders", "- idempotent: {key: body.id, compare: body.id}\n- meddle: x\n- send: out")
	runs := 0
	c.Registry.Patterns = append(c.Registry.Patterns, pipelines.Pattern{Verb: "meddle", Compile: func(*pipelines.Build) hub.Step {
		return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
			runs++
			u := &hub.Unit{Writes: []hub.Write{{Kind: "idempotent", Key: "p a", Value: []byte(`{"id":"theirs","hash":"` + doc.Digest(doc.StringValue("a")) + `"}`)}}}
			if err := x.Env.Store.(store.Store).Commit(ctx, u); err != nil {
				return err
			}
			return next(ctx, x)
		})
	}})
	h := patterntest.Start(t, c)
	h.Put("orders", h.Message("M", `{"id":"a"}`))
	h.Settle()
	if runs != 1 || len(bodies(h)) != 0 || len(h.Waiting("orders")) != 0 {
		t.Errorf("%d runs, sent %q, %d wait", runs, bodies(h), len(h.Waiting("orders")))
	}
	if line := "duplicate a was handled as theirs"; !slices.Contains(h.History("M"), line) {
		t.Errorf("no %q in %q", line, h.History("M"))
	}
}

func TestChildrenOfOneMessage(t *testing.T) {
	for _, parallel := range []string{"1", "4"} {
		h := start(t, "web", "- split: {each: body, parallel: "+parallel+", steps: [{idempotent: body}]}\n  aggregate: {}\n- reply: {body: =body}")
		if r := h.Must("p", `[1,2,1,3,2]`); string(r.Body.Bytes()) != "[1,2,3]" {
			t.Errorf("parallel %s: %s", parallel, r.Body.Bytes())
		}
	}
}

func TestTwoReceiversOfOnePipeline(t *testing.T) {
	h := start(t, "feed", "- idempotent: {key: body.a, compare: body.a}\n- idempotent: {key: body.b, compare: body.b}\n- send: out")
	for _, body := range []string{`{"a":1,"b":1}`, `{"a":2,"b":2}`, `{"a":3,"b":2}`, `{"a":2,"b":3}`} {
		h.Must("p", body)
		h.Settle()
	}
	want(t, "sent", bodies(h), []string{`{"a":1,"b":1}`, `{"a":2,"b":2}`})
}

func TestKeyThatIsNone(t *testing.T) {
	h := start(t, "web", "- idempotent: body.id\n- reply: 200")
	for body, reason := range map[string]string{`{}`: "transform", `{"id":""}`: "transform", `{"id":"` + strings.Repeat("é", 256) + `"}`: "key_too_long"} {
		_, err := h.In("p", h.Message("", body))
		isError(t, err, hub.Invalid, reason)
	}
	h.Must("p", `{"id":"`+strings.Repeat("é", 255)+`"}`)
}

func TestHeader(t *testing.T) {
	c := config("web", "- count: {name: ran}\n- reply: {status: 201, body: =body.n}")
	c.Store = "sqlite:" + t.TempDir() + "/hub.db"
	h := patterntest.Start(t, c)
	post := func(key, body, param string) (*hub.Message, error) {
		m := h.Message("", body)
		m.Headers = hub.Headers{"param.id": param}
		if key != "" {
			m.Headers["idempotency-key"] = key
		}
		return h.In("p", m)
	}
	first, err := post("k", `{"n":1}`, "a")
	if err != nil {
		t.Fatal(err)
	}
	h.Stop()
	h = patterntest.Start(t, c)
	again, err := post("k", `{"n":1}`, "a")
	if err != nil || again.Headers.Get("status") != "201" || again.Headers.Get("idempotent-replayed") != "true" || string(again.Body.Bytes()) != string(first.Body.Bytes()) {
		t.Errorf("again: %v %v", again, err)
	}
	_, err = post("k", `{"n":2}`, "a")
	isError(t, err, hub.Invalid, "idempotency_key_reused")
	_, err = post("k", `{"n":1}`, "b")
	isError(t, err, hub.Invalid, "idempotency_key_reused")
	_, err = post(strings.Repeat("k", 256), `{"n":1}`, "a")
	isError(t, err, hub.Invalid, "key_too_long")
	for range 2 {
		if _, err := post("", `{"n":1}`, "a"); err != nil {
			t.Error(err)
		}
	}
	if got := h.Counters(count.Kind("ran"))[""]; got != 3 {
		t.Errorf("ran %d times, want 3", got)
	}
	h.Advance(31 * 24 * time.Hour)
	if r, err := post("k", `{"n":2}`, "a"); err != nil || r.Headers.Get("idempotent-replayed") != "" {
		t.Errorf("after 30 days: %v %v", r, err)
	}
}

func TestHeaderInProgress(t *testing.T) {
	c := config("web", "- call: out.ask\n  as: a\n- reply: {body: =body.n}")
	began, goOn := blocking(&c)
	h := patterntest.Start(t, c)
	post := func() error {
		m := h.Message("", `{"n":1}`)
		m.Headers = hub.Headers{"idempotency-key": "k"}
		_, err := h.In("p", m)
		return err
	}
	done := make(chan error, 1)
	go func() { done <- post() }()
	<-began
	isError(t, post(), hub.Throttled, "in_progress")
	goOn <- true
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := post(); err != nil {
		t.Error(err)
	}
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct{ from, steps, want string }{
		"no key":       {"web", "- idempotent: {keep: 1d}", `needs "key"`},
		"unknown":      {"web", "- idempotent: {key: body.a, keeep: 1d}", `did you mean "keep"`},
		"word":         {"web", "- idempotent: {key: body.a, duplicate: dropp}", `did you mean "drop"`},
		"object":       {"web", "- translate: {a: {b: 1}}\n- idempotent: body.a", `a key is a text or a number`},
		"version":      {"web", "- translate: {a: 1, v: [1]}\n- idempotent: {key: body.a, version: body.v}", `a version is`},
		"both":         {"web", "- idempotent: {key: body.a, version: body.v, duplicate: same_reply}", `remove one`},
		"nobody waits": {"feed", "- idempotent: {key: body.a, duplicate: same_reply}", `nobody waits`},
		"behind":       {"web", "- reply: 202\n- idempotent: {key: body.a, duplicate: same_reply}", `nobody waits`},
		"compare":      {"web", "- idempotent: {key: body.a, version: body.v, compare: body.a}", `differ on purpose`},
		"no scope":     {"web", "- idempotent: {key: body.a, release: true}\n- reply: 200", `needs a scope`},
		"other scope":  {"web", "- idempotent: {key: body.a, scope: orders}\n- idempotent: {key: body.a, scope: order, release: true}\n- reply: 200", `known: orders`},
		"keep freed":   {"web", "- idempotent: {key: body.a, scope: o}\n- idempotent: {key: body.a, scope: o, keep: 1d, release: true}", `no meaning for a release`},
		"duration":     {"web", "- idempotent: {key: body.a, keep: 30}", `keep`},
	} {
		t.Run(name, func(t *testing.T) {
			got := patterntest.Problems(t, config(tc.from, tc.steps))
			if !strings.Contains(got, tc.want) || !strings.Contains(got, "error") {
				t.Errorf("got\n%s\nwant %s", got, tc.want)
			}
		})
	}
}
