package alert_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/alert"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/send"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config has a channel that nobody reads, so that what is put there waits, and one rule.
func config(rule string) patterntest.Config {
	return patterntest.Config{Clock: patterntest.NewClock(),
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{send.Pattern()}, Sections: []pipelines.Section{alert.Section()}},
		YAML: `adapters: {out: {type: fake, ops: [look]}, in: {type: fake}}
channels: {orders: {type: direct}, next: {type: direct}}
pipelines:
  p: {from: in, steps: [{send: out}]}
  q: {from: next, steps: [{send: orders}]}
alerts:
  waits: ` + rule + "\n"}
}

const waits = `{when: oldest("orders") > seconds("1m"), for: 2m, hold: 1m, again: 10m, severity: critical, text: '=string(waiting("orders")) + " wait"', send: out}`

// pass lets the time go by, as it does: not in one leap.
func pass(h *patterntest.Hub, d time.Duration) {
	h.Settle()
	for ; d > 0; d -= 10 * time.Second {
		h.Advance(10 * time.Second)
	}
}

// told are the messages that came, as "state: text".
func told(h *patterntest.Hub) (out []string) {
	for _, m := range h.Sent("out") {
		v, _ := m.Body.Doc()
		if v.Get("state").Str() != "" {
			out = append(out, v.Get("state").Str()+": "+v.Get("text").Str())
		}
	}
	return out
}

func known(t *testing.T, h *patterntest.Hub) *alert.State {
	t.Helper()
	k, _, err := alert.Read(t.Context(), h.Store.Get)
	if err != nil {
		t.Fatal(err)
	}
	return k.Alerts["waits"]
}

// An alert is raised once, held, told again, and cleared once; restarts of the hub change nothing.
func TestCourse(t *testing.T) {
	conf := config(waits)
	conf.Store = "sqlite:" + t.TempDir() + "/hub.db"
	h := patterntest.Start(t, conf)
	var came []string
	restart := func() {
		came = append(came, told(h)...)
		h.Stop()
		h = patterntest.Start(t, conf)
		h.Settle()
	}
	h.Put("orders", h.Message("w", "{}"))
	pass(h, 2*time.Minute)
	if s := known(t, h); s.Since.IsZero() || !s.Raised.IsZero() {
		t.Fatalf("after two minutes: %+v", s)
	}
	restart()
	pass(h, time.Minute+10*time.Second)
	restart()
	pass(h, 4*time.Minute)
	restart()
	patterntest.Want(t, "told", came, "raised: 1 wait")
	pass(h, 6*time.Minute)
	restart()
	patterntest.Want(t, "told", came, "raised: 1 wait", "again: 1 wait")
	take(t, h)
	pass(h, 50*time.Second)
	if s := known(t, h); s.Raised.IsZero() {
		t.Errorf("cleared at once: %+v", s)
	}
	restart()
	pass(h, 2*time.Minute)
	restart()
	patterntest.Want(t, "told", came, "raised: 1 wait", "again: 1 wait", "cleared: 1 wait")
}

// What is true for a moment is not told.
func TestPending(t *testing.T) {
	h := patterntest.Start(t, config(`{when: 'waiting("orders") > 0', for: 2m, send: out}`))
	h.Put("orders", h.Message("w", "{}"))
	pass(h, time.Minute)
	if s := known(t, h); s.Since.IsZero() {
		t.Fatalf("not pending: %+v", s)
	}
	take(t, h)
	pass(h, 3*time.Minute)
	if s := known(t, h); !s.Since.IsZero() || len(told(h)) > 0 {
		t.Errorf("%+v, told %v", s, told(h))
	}
}

// take handles what lies in the channel.
func take(t *testing.T, h *patterntest.Hub) {
	t.Helper()
	ds, _, err := h.Store.Claim(t.Context(), "orders", 100, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range ds {
		if err := h.Store.Commit(t.Context(), &hub.Unit{Input: d}); err != nil {
			t.Fatal(err)
		}
	}
}

// While an alert is silent nobody is told; what holds still when the silence ends is told then.
func TestSilence(t *testing.T) {
	h := patterntest.Start(t, config(`{when: 'waiting("orders") > 0', hold: 0s, send: out}`))
	silence := func(d time.Duration) {
		k, version, err := alert.Read(t.Context(), h.Store.Get)
		if err != nil {
			t.Fatal(err)
		}
		now := h.Clock.Now()
		k.Silenced("waits", alert.Silence{Until: now.Add(d), By: "ada", Why: "we know"}, now)
		w, err := k.Write(version)
		if err == nil {
			err = h.Store.Commit(context.Background(), &hub.Unit{Writes: []hub.Write{w}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	h.Settle()
	silence(5 * time.Minute)
	h.Put("orders", h.Message("a", "{}"))
	pass(h, time.Minute)
	if s := known(t, h); s.Raised.IsZero() || len(told(h)) > 0 {
		t.Fatalf("%+v, told %v", s, told(h))
	}
	take(t, h)
	pass(h, time.Minute)
	patterntest.Want(t, "told of what came and went in silence", told(h))
	h.Put("orders", h.Message("b", "{}"))
	pass(h, 5*time.Minute)
	patterntest.Want(t, "told when the silence ended", told(h), `raised: waiting("orders") > 0`)
	silence(5 * time.Minute)
	take(t, h)
	pass(h, time.Minute)
	patterntest.Want(t, "told of the end", told(h), `raised: waiting("orders") > 0`, `cleared: waiting("orders") > 0`)
}

// A rule, or a message, that can't be made is shown with its reason, and told when it can.
func TestBroken(t *testing.T) {
	h := patterntest.Start(t, config(`{when: 'waiting("orders") > 0', send: out, with: {n: '=1 / (3 - int(body.text))'}, text: '=string(waiting("orders"))'}`))
	for _, id := range []string{"a", "b", "c"} {
		h.Put("orders", h.Message(id, "{}"))
	}
	pass(h, time.Minute)
	if s := known(t, h); !strings.Contains(s.Error, "division by zero") && !strings.Contains(s.Error, "zero") || !s.Raised.IsZero() {
		t.Errorf("%+v", s)
	}
	h.Put("orders", h.Message("d", "{}"))
	pass(h, time.Minute)
	if s := known(t, h); s.Error != "" || s.Told.IsZero() || len(h.Sent("out")) != 1 {
		t.Errorf("%+v, sent %v", s, patterntest.Bodies(h.Sent("out")))
	}
}

// Figures that rules read of what passes: rates, silence, dead letters.
func TestFigures(t *testing.T) {
	h := patterntest.Start(t, config(`
    when: rate("p") > 0.09 and silent("p") < 15 and up("out") and breaker("out") == "closed" and ready() and disk() > 0
    hold: 0s
    text: '=string(rate("p")) + " " + string(silent("p")) + " " + string(usual("p") > 1000000) + " " + string(figure("hub_messages_total", "p"))'
    send: orders`))
	pass(h, 20*time.Second)
	for range 7 {
		h.Must("p", `{}`)
		h.Advance(10 * time.Second)
	}
	s := known(t, h)
	if !strings.HasPrefix(s.Text, "0.1 0 true ") || s.Raised.IsZero() {
		t.Errorf("%+v", s)
	}
	pass(h, 2*time.Minute)
	if s := known(t, h); s.Cleared.IsZero() || !s.Raised.IsZero() {
		t.Errorf("nothing comes any more: %+v", s)
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct{ rule, want, help string }{
		"channel":   {`{when: oldest("ordres") > 1}`, `unknown channel, pipeline or adapter "ordres"`, `did you mean "orders"?`},
		"adapter":   {`{when: not up("ou")}`, `unknown adapter "ou"`, `did you mean "out"?`},
		"pipeline":  {`{when: rate("r") < 1}`, `unknown pipeline or process "r"`, "known: "},
		"figure":    {`{when: 'figure("hub_mesages_total") > 1'}`, `unknown figure "hub_mesages_total"`, `did you mean "hub_messages_total"?`},
		"function":  {`{when: oldst("orders") > 1}`, "unknown name oldst", `did you mean "oldest"?`},
		"computed":  {`{when: 'oldest("or" + string(waiting("orders"))) > 1'}`, "a name is written here as it is", "write it as a text"},
		"a number":  {`{when: oldest("orders")}`, "a condition is true or false, this is number", "compare it"},
		"no rule":   {`{send: out}`, `alert "waits" needs "when"`, "add when:"},
		"severity":  {`{when: not up("out"), severity: critcal}`, "critcal", "critical"},
		"misspelt":  {`{when: not up("out"), agian: 1h, send: out}`, `unknown alert`, `did you mean "again"?`},
		"end":       {`{when: not up("out"), send: ordres}`, `"ordres"`, `did you mean "orders"?`},
		"no send":   {`{when: not up("out"), with: {a: 1}}`, "`with` belongs to `send`", "add send:"},
		"a field":   {`{when: not up("out"), send: out, with: =body.txt}`, "txt", `did you mean "text"?`},
		"the body":  {`{when: body.total > 1}`, "body", ""},
		"no text":   {`{when: not up("out"), text: =waiting("orders")}`, "number", ""},
		"too often": {`{when: not up("out"), again: 1s}`, "again", "1m"},
	} {
		t.Run(name, func(t *testing.T) {
			got := patterntest.Problems(t, config(c.rule))
			if !strings.Contains(got, c.want) || !strings.Contains(got, c.help) || strings.Count(got, "error[") != 1 {
				t.Errorf("got\n%s\nwant one error with %q and %q", got, c.want, c.help)
			}
		})
	}
}

// What was raised while the store took nothing is told by the first look that is kept, with the time that it was raised at, and its end after it,
// though all is well by then. What was over meanwhile is over then, too: the end is told.
func TestMeanwhile(t *testing.T) {
	h := patterntest.Start(t, config(`{when: 'waiting("orders") > 0', hold: 5s, text: '=string(waiting("orders")) + " wait"', send: out}`))
	meanwhile := func() *alert.State {
		t.Helper()
		k, err := alert.Of(h.Plan).Meanwhile(t.Context(), h.Runtime.Exchange())
		if err != nil {
			t.Fatal(err)
		}
		return k.Alerts["waits"]
	}
	h.Settle()
	if s := meanwhile(); !s.Since.IsZero() {
		t.Fatalf("nothing waits: %+v", s)
	}
	h.Put("orders", h.Message("a", "{}"), h.Message("b", "{}"))
	h.Advance(2 * time.Second)
	since := h.Clock.Now()
	meanwhile()
	h.Advance(2 * time.Second)
	take(t, h)
	if s := meanwhile(); !s.Raised.Equal(since) || s.Text != "2 wait" {
		t.Errorf("the alert is forgotten before anybody was told: %+v", s)
	}
	if s := known(t, h); !s.Raised.IsZero() || len(told(h)) > 0 {
		t.Errorf("told: %v, kept: %+v", told(h), s)
	}
	pass(h, 10*time.Second)
	pass(h, 10*time.Second)
	patterntest.Want(t, "told", told(h), "raised: 2 wait", "cleared: 2 wait")
	v, _ := h.Sent("out")[0].Body.Doc()
	if got := v.Get("since").Str(); got != since.Format(time.RFC3339) {
		t.Errorf("raised since %s, want %s", got, since)
	}

	h.Put("orders", h.Message("c", "{}"))
	pass(h, 10*time.Second)
	take(t, h)
	h.Advance(time.Second)
	if s := meanwhile(); s.Raised.IsZero() {
		t.Error("it is cleared though nobody can be told")
	}
	pass(h, 20*time.Second)
	patterntest.Want(t, "told", told(h), "raised: 2 wait", "cleared: 2 wait", "raised: 1 wait", "cleared: 1 wait")
}
