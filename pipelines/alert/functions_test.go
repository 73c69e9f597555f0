package alert_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"orderhub/hub/figures"
	"orderhub/pipelines"
	"orderhub/pipelines/alert"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/send"
)

// says has one rule, which fires while the hub runs and tells the value of a formula.
func says(t *testing.T, value string) patterntest.Config {
	t.Helper()
	schema := filepath.Join(t.TempDir(), "order.json")
	if err := os.WriteFile(schema, []byte(`{"type": "object", "properties": {"id": {"type": "string"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return patterntest.Config{Clock: patterntest.NewClock(),
		Registry: pipelines.Registry{Patterns: append(process.Patterns(), fail.Pattern(), reply.Pattern(), send.Pattern()), Sections: []pipelines.Section{process.Section(), alert.Section()}},
		YAML: `schemas: {order: "` + schema + `"}
adapters: {web: {type: fake-web}, out: {type: fake}, db: {type: fake}}
channels: {orders: {type: direct}, copies: {type: fanout}}
pipelines:
  intake: {from: web, steps: [{when: body.n < 1, fail: small}, {reply: 202}, {send: copies}]}
  work: {from: orders, steps: [{when: body.n > 1, fail: large}]}
  copy: {from: copies, steps: [{fail: broken}]}
processes:
  order: {id: body.id, data: {order: order}, states: {open: {receive: {paid: {goto: done}}}, done: {final: true}}}
alerts:
  waits: {when: ready(), text: '=` + value + `'}
`}
}

// text is what the alert says now.
func text(t *testing.T, h *patterntest.Hub) string {
	t.Helper()
	s := known(t, h)
	if s.Error != "" {
		t.Error(s.Error)
	}
	return s.Text
}

// What adapters and processes tell: of the parts that are named, and of no other.
func TestFiguresOfParts(t *testing.T) {
	start := patterntest.NewClock().Now()
	put := func(now time.Time, to *figures.Set) {
		for adapter, n := range map[string]int64{"out": 3, "db": 40} {
			to.Put(figures.Lag, n, adapter, "topic a", "0")
			to.Put(figures.Lag, n+1, adapter, "topic a", "1")
		}
		to.Put(figures.Expiry, start.Add(time.Hour).Unix(), "out", "hub.pem")
		to.Put(figures.Expiry, start.Add(2*time.Minute).Unix(), "out", "broker.example")
		to.Put(figures.Expiry, start.Add(time.Minute).Unix(), "web", "web.pem")
		to.Put(figures.Stuck, 2, "order")
		to.Put(figures.Tasks, 7, "order", "open")
		to.Put(figures.Tasks, 3, "order", "late")
		to.Put(figures.Instances, 5, "order", "open")
		to.Put(figures.Instances, 6, "order", "done")
		to.PutFlag(figures.Up, now.Sub(start) < time.Minute, "adapter", "db")
		to.Put(figures.Breaker, 1, "db", "half-open")
	}
	for formula, want := range map[string][2]string{ // at the start, and 30 s later
		`lag("out")`:                 {"7", "7"},
		`lag("web")`:                 {"0", "0"},
		`expires("out")`:             {"120", "90"},
		`expires()`:                  {"60", "30"},
		`expires("db") > 1000000000`: {"true", "true"},
		`stuck("order")`:             {"2", "2"},
		`late("order")`:              {"3", "3"},
		`instances("order", "open")`: {"5", "5"},
		`breaker("db")`:              {"half-open", "half-open"},
		`breaker("out")`:             {"closed", "closed"},
	} {
		t.Run(formula, func(t *testing.T) {
			c := says(t, "string("+formula+")")
			c.Figures = put
			h := patterntest.Start(t, c)
			h.Settle()
			first := text(t, h)
			pass(h, 30*time.Second)
			if got := [2]string{first, text(t, h)}; got != want {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// What fails is told as a rate of the last minute, and as the dead letters that lie there.
func TestFailed(t *testing.T) {
	h := patterntest.Start(t, says(t, `string(dead("orders")) + " " + string(dead("work")) + " " + string(dead("copies")) + " " + string(failed("work"))`))
	h.Settle()
	h.Put("orders", h.Message("a", `{"n": 2}`), h.Message("b", `{"n": 1}`), h.Message("c", `{"n": 3}`))
	h.Put("copies>copy", h.Message("d", `{"n": 1}`))
	for _, want := range []string{"2 2 1 0.2", "2 2 1 0.1", "2 2 1 0.067"} { // two in 10 s, in 20 s, in 30 s
		pass(h, 10*time.Second)
		if got := text(t, h); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	pass(h, time.Minute)
	if got := text(t, h); got != "2 2 1 0" {
		t.Errorf("after a minute: %s", got)
	}
}

// Refusals are told by the pipeline whose source brought them, and by reason.
func TestRefused(t *testing.T) {
	h := patterntest.Start(t, says(t, `string(refused("intake")) + " " + string(refused("intake", "small")) + " " + string(refused("intake", "schema")) + " " + string(refused("work"))`))
	h.Settle()
	for range 3 {
		if _, err := h.In("intake", h.Message("", `{"n": 0}`)); err == nil {
			t.Fatal("it is taken")
		}
	}
	pass(h, 10*time.Second)
	if got := text(t, h); got != "0.3 0.3 0 0" {
		t.Errorf("told: %s", got)
	}
}

// usual learns an hour of the week that it saw whole, mixes it with those of the weeks before, and says that it knows nothing of the others; a restart of
// the hub changes nothing of that, and an hour in which the hub was away teaches nothing.
func TestUsual(t *testing.T) {
	conf := says(t, `string(usual("work"))`)
	conf.Store = "sqlite:" + t.TempDir() + "/hub.db"
	const unknown = "1000000000000000"
	h := patterntest.Start(t, conf)
	defer func() { h.Stop() }()
	goTo := func(day, hour, minute int) { // on which no hub looked before
		t.Helper()
		h.Stop()
		conf.Clock.Set(time.Date(2026, 3, day, hour, minute, 0, 0, time.UTC))
		h = patterntest.Start(t, conf)
		h.Settle()
	}
	hour := func(every time.Duration) { // of messages
		t.Helper()
		for range time.Hour / every {
			h.Put("orders", h.Message("", `{"n": 1}`))
			for range every / (30 * time.Second) {
				h.Advance(30 * time.Second)
			}
		}
	}
	want := func(what, value string) {
		t.Helper()
		if got := text(t, h); got != value {
			t.Errorf("%s: %s, want %s", what, got, value)
		}
	}
	goTo(1, 12, 0)
	want("nothing is learned", unknown)
	hour(5 * time.Minute)
	want("at an hour that was never seen", unknown)
	goTo(8, 12, 0)
	want("a week later", "300")
	hour(10 * time.Minute)
	goTo(15, 12, 0)
	want("after hours of 12 and 6 messages", "400")
	h.Put("orders", h.Message("", `{"n": 1}`))
	pass(h, 10*time.Minute)
	goTo(15, 14, 0)
	goTo(22, 12, 0)
	want("after an hour whose end nobody saw", "400")
	goTo(22, 13, 0)
	want("at another hour", unknown)
}
