package clock_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/pipelines"
	"orderhub/pipelines/call"
	"orderhub/pipelines/clock"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/send"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const head = `adapters: {out: {type: fake, ops: [list, look]}}
channels: {after: {type: direct}}
pipelines:
  p:
    from: `

// config is a pipeline that sends on what the clock brings. Its clock begins on Sunday, the first of March 2026, at noon UTC.
func config(from string, steps ...string) patterntest.Config {
	return patterntest.Config{YAML: head + from + "\n    lanes: 1\n    steps:\n      " + strings.Join(append(steps, "- send: out"), "\n      ") + "\n",
		Registry: pipelines.Registry{Feeds: []pipelines.Feed{clock.Feed()},
			Patterns: []pipelines.Pattern{call.Pattern(), fail.Pattern(), reply.Pattern(), send.Pattern()}}}
}

// came are the times of the messages that came, and those of the runs before.
func came(h *patterntest.Hub) (out []string) {
	for _, m := range h.Sent("out") {
		v, _ := m.Body.Doc()
		due := strings.TrimPrefix(v.Get("due").Str(), "2026-03-")
		if previous := v.Get("previous"); !previous.IsNull() {
			due += " after " + strings.TrimPrefix(previous.Str(), "2026-03-")
		}
		out = append(out, due)
	}
	return out
}

func want(t *testing.T, h *patterntest.Hub, what string, times ...string) {
	t.Helper()
	patterntest.Want(t, what, came(h), times...)
	if dead := h.Dead(); len(dead) > 0 {
		t.Errorf("%d dead letters: %v", len(dead), dead[0].Error)
	}
}

func TestEvery(t *testing.T) {
	h := patterntest.Start(t, config("{every: 7m}"))
	h.Settle()
	want(t, h, "at the start")
	left := h.Waiting("p!clock")
	if len(left) != 1 || left[0].Due.Sub(h.Clock.Now()) > 7*time.Minute {
		t.Fatalf("%d messages wait, want the next time: %+v", len(left), left)
	}
	h.Clock.Set(left[0].Due.Add(-time.Second))
	h.Settle()
	want(t, h, "before its time")
	h.Clock.Set(left[0].Due)
	h.Settle()
	if n := len(h.Sent("out")); n != 1 {
		t.Fatalf("%d messages at its time", n)
	}
	h.Advance(7 * time.Minute)
	h.Advance(7 * time.Minute)
	if n := len(h.Sent("out")); n != 3 {
		t.Errorf("%d messages after three times", n)
	}
}

func TestSchedule(t *testing.T) {
	h := patterntest.Start(t, config(`{schedule: "0 2 * * 1-5", zone: Europe/Berlin}`))
	for range 2 * 48 {
		h.Advance(30 * time.Minute)
	}
	want(t, h, "of two days", "02T01:00:00Z", "03T01:00:00Z after 02T01:00:00Z")
	m := h.Sent("out")[0]
	if m.ID != "p-20260302T010000Z" || m.Key != "p" {
		t.Errorf("the message is %s with the key %s", m.ID, m.Key)
	}
}

// A night in which clocks are set: a skipped time comes once, behind the gap, a doubled one once.
func TestDaylightSaving(t *testing.T) {
	for name, c := range map[string]struct {
		from time.Time
		want []string
	}{
		"forward": {time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), []string{"29T01:30:00Z", "30T00:30:00Z after 29T01:30:00Z"}},
		"back":    {time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC), []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z after 2026-10-25T00:30:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			conf := config(`{schedule: "30 2 * * *", zone: Europe/Berlin}`)
			conf.Clock = patterntest.NewClock()
			conf.Clock.Set(c.from)
			h := patterntest.Start(t, conf)
			h.Settle()
			for range 2 * 48 {
				h.Advance(30 * time.Minute)
			}
			want(t, h, "of two nights", c.want...)
		})
	}
}

// The hub is down over several times, and comes back.
func TestMissed(t *testing.T) {
	for missed, c := range map[string]struct {
		down time.Duration
		want []string
	}{
		"once": {3*time.Hour + 10*time.Minute, []string{"01T13:00:00Z", "01T16:00:00Z after 01T13:00:00Z"}},
		"each": {3*time.Hour + 10*time.Minute, []string{"01T13:00:00Z", "01T14:00:00Z after 01T13:00:00Z", "01T15:00:00Z after 01T14:00:00Z", "01T16:00:00Z after 01T15:00:00Z"}},
		"skip": {3*time.Hour + 10*time.Minute, []string{"01T13:00:00Z"}},
	} {
		t.Run(missed, func(t *testing.T) {
			conf := config("{every: 1h, missed: " + missed + "}")
			conf.Clock, conf.Store = patterntest.NewClock(), "sqlite:"+t.TempDir()+"/hub.db"
			h := patterntest.Start(t, conf)
			h.Settle()
			h.Advance(time.Hour)
			first := came(h)
			h.Stop()
			conf.Clock.Advance(c.down)
			h = patterntest.Start(t, conf)
			h.Settle()
			patterntest.Want(t, "the times", append(first, came(h)...), c.want...)
			h.Advance(50 * time.Minute)
			if all := came(h); len(all) == 0 || !strings.HasPrefix(all[len(all)-1], "01T17:00:00Z") {
				t.Errorf("the next time is not run: %q", all)
			}
		})
	}
}

// A time that is hardly over is none that was missed.
func TestSkipIsForWhatWasMissed(t *testing.T) {
	conf := config("{every: 1h, missed: skip}")
	conf.Clock, conf.Store = patterntest.NewClock(), "sqlite:"+t.TempDir()+"/hub.db"
	h := patterntest.Start(t, conf)
	h.Settle()
	h.Stop()
	conf.Clock.Advance(time.Hour + 30*time.Second)
	h = patterntest.Start(t, conf)
	h.Settle()
	want(t, h, "half a minute late", "01T13:00:00Z")
}

// More times than one unit brings: none is lost, each comes once.
func TestManyMissed(t *testing.T) {
	h := patterntest.Start(t, config("{every: 1s, missed: each}"))
	h.Settle()
	h.Advance(1500 * time.Second)
	all := came(h)
	if n := len(all); n != 1500 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != n {
		t.Errorf("%d messages, want 1500 different ones", n)
	}
}

// Another schedule: what had fallen due under the old one is run once, then the new times come. No time comes twice.
func TestChangedSchedule(t *testing.T) {
	c, file := patterntest.NewClock(), "sqlite:"+t.TempDir()+"/hub.db"
	start := func(from string) *patterntest.Hub {
		conf := config(from)
		conf.Clock, conf.Store = c, file
		h := patterntest.Start(t, conf)
		h.Settle()
		return h
	}
	h := start("{every: 1h}")
	h.Advance(time.Hour)
	want(t, h, "of the first", "01T13:00:00Z")
	h.Stop()
	h = start(`{schedule: "30 * * * *"}`)
	want(t, h, "at the change")
	if left := h.Waiting("p!clock"); len(left) != 1 || left[0].Due.Minute() != 30 {
		t.Errorf("the next time is %+v", left)
	}
	h.Advance(30 * time.Minute)
	want(t, h, "of the second", "01T13:30:00Z after 01T13:00:00Z")
	h.Stop()
	c.Advance(3 * time.Hour)
	h = start("{every: 1h}")
	want(t, h, "what had fallen due", "01T14:30:00Z after 01T13:30:00Z")
	h.Advance(30 * time.Minute)
	want(t, h, "of the third", "01T14:30:00Z after 01T13:30:00Z", "01T17:00:00Z after 01T14:30:00Z")
}

// The machine's clock is set back: no time comes again.
func TestClockSetBack(t *testing.T) {
	h := patterntest.Start(t, config("{every: 1h}"))
	h.Settle()
	h.Advance(time.Hour)
	h.Advance(time.Hour)
	before := came(h)
	h.Clock.Set(h.Clock.Now().Add(-90 * time.Minute))
	h.Settle()
	h.Advance(time.Hour)
	patterntest.Want(t, "after it was set back", came(h), before...)
	h.Advance(90 * time.Minute)
	want(t, h, "when time goes on", "01T13:00:00Z", "01T14:00:00Z after 01T13:00:00Z", "01T15:00:00Z after 01T14:00:00Z")
}

// Also with another schedule no time comes again.
func TestClockSetBackAndChanged(t *testing.T) {
	conf := config("{every: 1h}")
	conf.Clock, conf.Store = patterntest.NewClock(), "sqlite:"+t.TempDir()+"/hub.db"
	h := patterntest.Start(t, conf)
	h.Settle()
	h.Advance(time.Hour)
	h.Stop()
	conf.Clock.Set(conf.Clock.Now().Add(-50 * time.Minute))
	again := config("{every: 30m}")
	again.Clock, again.Store = conf.Clock, conf.Store
	h = patterntest.Start(t, again)
	h.Settle()
	h.Advance(40 * time.Minute)
	want(t, h, "while the clock shows what it has shown")
	h.Advance(40 * time.Minute)
	want(t, h, "after it was set back", "01T13:30:00Z after 01T13:00:00Z")
}

// What a run fails with does not stop the clock; the runs of a pipeline stay in order.
func TestRunThatFails(t *testing.T) {
	conf := config("{every: 1h}", "- {fail: rejected, when: 'body.due == \"2026-03-01T13:00:00Z\"'}")
	h := patterntest.Start(t, conf)
	h.Settle()
	h.Advance(time.Hour)
	h.Advance(time.Hour)
	patterntest.Want(t, "the times", came(h), "01T14:00:00Z after 01T13:00:00Z")
	if dead := h.Dead(); len(dead) != 1 || dead[0].Queue != "p#0" {
		t.Errorf("%d dead letters, want the run that failed", len(dead))
	}
}

func TestSendAtWill(t *testing.T) {
	h := patterntest.Start(t, config("{every: 1h}"))
	h.Must("p", `{"due":"2026-03-01T00:00:00Z","previous":null}`)
	h.Settle()
	want(t, h, "by hand", "01T00:00:00Z")
}

func TestProblems(t *testing.T) {
	for name, c := range map[string]struct{ from, want, help string }{
		"both":             {`{schedule: "0 2 * * *", every: 5m}`, "a clock has one of `every` and `schedule`", "add every: 5m"},
		"no pause":         {"{poll: out.look}", "a clock has one of `every` and `schedule`", "add every: 5m"},
		"a word":           {"every", "from takes a map", "write {schedule: …}"},
		"no unit":          {"{every: 5}", "E110", "write 5s, 5m"},
		"too often":        {"{every: 10ms}", "every", "1s"},
		"no cron":          {`{schedule: "0 2 * *"}`, "is no schedule", "write minute hour"},
		"never":            {`{schedule: "0 0 30 2 *"}`, "never comes", "write minute hour"},
		"no zone":          {`{schedule: "0 2 * * *", zone: Mars/Base}`, `"Mars/Base" is no time zone`, "Europe/Berlin"},
		"zone of a pause":  {"{every: 5m, zone: Europe/Berlin}", "`zone` belongs to `schedule`", "remove it"},
		"missed":           {"{every: 5m, missed: all}", "missed", "once"},
		"misspelt":         {"{every: 5m, mised: each}", `did you mean "missed"`, ""},
		"of a poll":        {"{every: 5m, cursor: =body.id}", "`cursor` belongs to a poll", "add poll:"},
		"missed of a poll": {"{poll: out.look, every: 5m, missed: each}", "`missed` has no effect on a poll", "remove it"},
		"unknown":          {"{poll: out.lok, every: 5m}", `has no operation "lok"`, `did you mean "out.look"`},
		"more alone":       {"{poll: out.look, every: 5m, more: =body.more}", "`more` needs a cursor", "add cursor:"},
		"a formula":        {"{poll: out.look, every: 5m, cursor: =item.id}", "item", ""},
		"no such source":   {"{evry: 5m}", `unknown channel or adapter "evry"`, `did you mean "every"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := patterntest.Problems(t, config(c.from))
			if !strings.Contains(got, c.want) || !strings.Contains(got, c.help) || strings.Count(got, "error[") != 1 {
				t.Errorf("got\n%s\nwant one error with %q and %q", got, c.want, c.help)
			}
		})
	}
	if got := patterntest.Problems(t, config("{every: 5m}", "- reply: 200")); !strings.Contains(got, "every 5m brings messages without waiting") {
		t.Errorf("a reply: got\n%s", got)
	}
}

// The body of a schedule's message is typed.
func TestTyped(t *testing.T) {
	if got := patterntest.Problems(t, config("{every: 5m}", "- {send: after, with: =body.duu}")); !strings.Contains(got, `did you mean "due"`) {
		t.Errorf("got\n%s", got)
	}
}

func TestDocument(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range clock.Feed().Words {
		if !strings.Contains(string(page), "from: {"+word+":") {
			t.Errorf("README.md shows no source %s", word)
		}
	}
}
