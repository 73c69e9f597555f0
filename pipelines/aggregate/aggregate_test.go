package aggregate_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/aggregate"
	"orderhub/pipelines/count"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/send"
	"orderhub/pipelines/split"
	"orderhub/pipelines/translate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func registry() pipelines.Registry {
	return pipelines.Registry{Patterns: []pipelines.Pattern{aggregate.Pattern(), count.Pattern(), filter.Pattern(), send.Pattern(), split.Pattern(), translate.Pattern()}}
}

const head = `
adapters:
  feed: {type: fake}
  out: {type: fake}
channels:
  rows: {type: direct}
  late: {type: direct}
pipelines:
  p:
    from: rows
    lanes: 16
    steps:
`

func config(steps string) patterntest.Config {
	return patterntest.Config{Registry: registry(), YAML: head + "      " + strings.ReplaceAll(strings.TrimSpace(steps), "\n", "\n      ") + "\n"}
}

func start(t *testing.T, steps string) *patterntest.Hub {
	t.Helper()
	return patterntest.Start(t, config(steps))
}

// put stores one row and waits until it is handled, so that rows come in order.
func put(h *patterntest.Hub, id, body string) {
	h.Put("rows", h.Message(id, body))
	h.Settle()
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

func noneDead(t *testing.T, h *patterntest.Hub) {
	t.Helper()
	if dead := h.Dead(); len(dead) > 0 {
		t.Errorf("dead letters: %q", failures(dead))
	}
}

func TestComplete(t *testing.T) {
	h := start(t, `
- aggregate: {by: body.call, until: size == int(body.rows), idle: 10m, give: {call: =key, n: =size, rows: "=map(bodies, .sku)", complete: =complete}}
- send: out`)
	put(h, "A", `{"call":"c1","rows":"3","sku":"x"}`)
	put(h, "B", `{"call":"c2","rows":"2","sku":"u"}`)
	put(h, "C", `{"call":"c1","rows":"3","sku":"y"}`)
	put(h, "D", `{"call":"c1","rows":"3","sku":"z"}`)
	want(t, "aggregates", bodies(h), []string{`{"call":"c1","n":3,"rows":["x","y","z"],"complete":true}`})
	m := h.Sent("out")[0]
	if m.Key != "c1" || m.Correlation != "c1" || m.Root() != "A" {
		t.Errorf("id %s key %s correlation %s", m.ID, m.Key, m.Correlation)
	}
	if line := "aggregated 3 in c1"; !slices.Contains(h.History("D"), line) || !slices.Contains(h.History("A"), line) {
		t.Errorf("the histories of the first and the last member should both tell %q:\n%q\n%q", line, h.History("A"), h.History("D"))
	}
	if left := h.Waiting("p/aggregate!group"); len(left) != 1 {
		t.Errorf("%d timers, want that of c2 alone", len(left))
	}
	if n := len(h.Records("group " + hub.HashID("p/aggregate c1"))); n != 0 {
		t.Errorf("%d members are left behind", n)
	}
	noneDead(t, h)
}

func TestDefaultIsTheList(t *testing.T) {
	h := start(t, "- aggregate: {by: '\"all\"', until: 'sum(bodies, .n) >= 6'}\n- send: out")
	for i := range 4 {
		put(h, "", fmt.Sprintf(`{"n":%d}`, i))
	}
	want(t, "aggregates", bodies(h), []string{`[{"n":0},{"n":1},{"n":2},{"n":3}]`})
}

func TestGroupOfOne(t *testing.T) {
	h := start(t, "- aggregate: {by: body, until: size == 1, idle: 1m}\n- send: out")
	put(h, "", `"a"`)
	put(h, "", `"b"`)
	want(t, "aggregates", bodies(h), []string{`["a"]`, `["b"]`})
	if left := h.Waiting("p/aggregate!group"); len(left) != 0 {
		t.Errorf("%d timers", len(left))
	}
}

func TestIdle(t *testing.T) {
	h := start(t, "- aggregate: {by: body.g, until: size == 9, idle: 10m, give: {n: =size, complete: =complete}}\n- translate: {n: =body.n, was: =complete}\n- send: out")
	put(h, "A", `{"g":"g"}`)
	h.Advance(9 * time.Minute)
	put(h, "B", `{"g":"g"}`)
	h.Advance(9 * time.Minute)
	want(t, "before it is idle", bodies(h), nil)
	if n := len(h.Waiting("p/aggregate!group")); n != 1 {
		t.Errorf("%d timers, want one", n)
	}
	h.Advance(time.Minute)
	want(t, "after 10 idle minutes", bodies(h), []string{`{"n":2,"was":false}`})
	h.Advance(24 * time.Hour)
	want(t, "it goes on once", bodies(h), []string{`{"n":2,"was":false}`})
	if !slices.Contains(h.History("A"), "aggregated 2 in g, incomplete") {
		t.Errorf("history %q", h.History("A"))
	}
	noneDead(t, h)
}

func TestTimeoutSinceTheFirst(t *testing.T) {
	for _, idle := range []string{"", ", idle: 10m"} {
		t.Run(idle, func(t *testing.T) {
			h := start(t, "- aggregate: {by: '\"g\"', timeout: 1h"+idle+", give: =size}\n- send: out")
			for range 7 {
				put(h, "", `{}`)
				h.Advance(9 * time.Minute)
			}
			want(t, "aggregates", bodies(h), []string{"7"})
			noneDead(t, h)
		})
	}
}

// What a step behind says of its errors holds for the aggregate that a timer sends on.
func TestErrorsBehindATimer(t *testing.T) {
	h := start(t, "- aggregate: {by: '\"g\"', timeout: 1h, give: =size}\n- count: {name: n, add: =body / 2}\n  errors: {invalid: {send: out}}")
	put(h, "", `{}`)
	h.Advance(time.Hour)
	want(t, "what the reaction sent", bodies(h), []string{"1"})
	noneDead(t, h)
}

// A configuration that was loaded anew gives the group more time: the old timer does not end it.
func TestTimerIsNoNews(t *testing.T) {
	clock, file := patterntest.NewClock(), "sqlite:"+t.TempDir()+"/hub.db"
	c := config("- aggregate: {by: '\"g\"', idle: 10m, give: =size}\n- send: out")
	c.Clock, c.Store = clock, file
	h := patterntest.Start(t, c)
	put(h, "", `{}`)
	h.Stop()
	c = config("- aggregate: {by: '\"g\"', idle: 1h, give: =size}\n- send: out")
	c.Clock, c.Store = clock, file
	h = patterntest.Start(t, c)
	h.Advance(30 * time.Minute)
	want(t, "after 30 minutes", bodies(h), nil)
	h.Advance(30 * time.Minute)
	want(t, "after an hour", bodies(h), []string{"1"})
	noneDead(t, h)
}

func TestLate(t *testing.T) {
	h := start(t, "- aggregate: {by: body.g, until: size == 2, late: late}\n- send: out")
	for i := range 3 {
		put(h, "", fmt.Sprintf(`{"g":"g","n":%d}`, i))
	}
	want(t, "aggregates", bodies(h), []string{`[{"g":"g","n":0},{"g":"g","n":1}]`})
	want(t, "late", patterntest.Bodies(patterntest.Messages(h.Waiting("late"))), []string{`{"g":"g","n":2}`})
	h.Advance(25 * time.Hour)
	put(h, "", `{"g":"g","n":3}`)
	put(h, "", `{"g":"g","n":4}`)
	if got := bodies(h); len(got) != 2 || got[1] != `[{"g":"g","n":3},{"g":"g","n":4}]` {
		t.Errorf("a day later the key begins a new group: %q", got)
	}
	if ids := h.Sent("out"); ids[0].ID == ids[1].ID {
		t.Errorf("two groups of one key have one ID")
	}
	noneDead(t, h)
}

// TestFault_F8_RollingGroups: where it is said so, a key that comes again begins a new group, whatever ended the one before.
func TestFault_F8_RollingGroups(t *testing.T) {
	for name, c := range map[string]struct {
		step string
		want []string
	}{
		"by size":   {"{by: body.g, until: size == 2, rolling: true, give: '=map(bodies, .n)'}", []string{"[0,1]", "[2,3]", "[4,5]"}},
		"of one":    {"{by: body.g, until: size == 1, rolling: true, give: '=map(bodies, .n)'}", []string{"[0]", "[1]", "[2]", "[3]", "[4]", "[5]", "[6]"}},
		"by body":   {"{by: body.g, until: body.n == 2 or body.n == 5, idle: 1h, rolling: true, give: '=map(bodies, .n)'}", []string{"[0,1,2]", "[3,4,5]", "[6]"}},
		"by a time": {"{by: body.g, idle: 1h, rolling: true, give: '=map(bodies, .n)'}", []string{"[0,1,2,3,4,5,6]"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, "- aggregate: "+c.step+"\n- send: out")
			for i := range 7 {
				put(h, "", fmt.Sprintf(`{"g":"g","n":%d}`, i))
			}
			h.Advance(time.Hour)
			want(t, "groups", bodies(h), c.want)
			ids := map[string]bool{}
			for _, m := range h.Sent("out") {
				ids[m.ID] = true
			}
			if len(ids) != len(c.want) {
				t.Errorf("%d IDs of %d groups", len(ids), len(c.want))
			}
			noneDead(t, h)
		})
	}
}

func TestLateIsRejected(t *testing.T) {
	h := start(t, "- aggregate: {by: '\"g\"', idle: 20h, give: =size}\n- send: out")
	put(h, "", `{}`)
	h.Advance(20 * time.Hour)
	h.Advance(39 * time.Hour) // late for 2 × idle
	put(h, "", `{}`)
	want(t, "aggregates", bodies(h), []string{"1"})
	if dead := h.Dead(); len(dead) != 1 || dead[0].Error.Class != hub.Rejected || dead[0].Error.Reason != "late" {
		t.Errorf("dead letters %q", failures(dead))
	}
	h.Advance(2 * time.Hour)
	put(h, "", `{}`)
	if n := len(h.Dead()); n != 1 {
		t.Errorf("%d dead letters: the group is forgotten by now", n)
	}
}

func TestSameMemberCountsOnce(t *testing.T) {
	h := start(t, "- aggregate: {by: '\"g\"', until: size == 2}\n- send: out")
	put(h, "A", `1`)
	put(h, "A", `1`)
	want(t, "after the same member twice", bodies(h), nil)
	put(h, "B", `2`)
	want(t, "aggregates", bodies(h), []string{"[1,2]"})
	noneDead(t, h)
}

func TestCorrelationAndHeaders(t *testing.T) {
	h := start(t, "- aggregate: {by: body, until: size == 2}\n- send: out")
	send := func(group, correlation, other string) {
		m := h.Message("", group)
		m.Correlation = correlation
		m.Headers = hub.Headers{"tenant": "eu", "row": other, "sequence": "1/1"}
		h.Put("rows", m)
		h.Settle()
	}
	send(`"same"`, "W-1", "1")
	send(`"same"`, "W-1", "2")
	send(`"mixed"`, "W-1", "1")
	send(`"mixed"`, "W-2", "1")
	got := h.Sent("out")
	if len(got) != 2 || got[0].Correlation != "W-1" || got[1].Correlation != "" {
		t.Fatalf("correlations: %+v", got)
	}
	if h := got[0].Headers; h.Get("tenant") != "eu" || h.Get("row") != "" || h.Get("sequence") != "" {
		t.Errorf("headers %v, want those that both have", h)
	}
}

func TestMemberWithoutAKeyIsInvalid(t *testing.T) {
	h := start(t, "- aggregate: {by: body.g, idle: 1m}\n- send: out")
	put(h, "", `{}`)
	put(h, "", `{"g":""}`)
	put(h, "", `{"g":"`+strings.Repeat("x", 256)+`"}`)
	h.Put("rows", &hub.Message{ID: "T", Body: hub.NewBody([]byte("no json"))})
	h.Settle()
	for _, d := range h.Dead() {
		if d.Error.Class != hub.Invalid {
			t.Errorf("%q", failures([]*hub.Delivery{d}))
		}
	}
	if n := len(h.Dead()); n != 4 {
		t.Errorf("%d dead letters, want 4", n)
	}
}

// A member whose group can't be given on is a dead letter; the group is as it was.
func TestFailedGive(t *testing.T) {
	h := start(t, "- aggregate: {by: '\"g\"', until: size >= 2, idle: 5m, give: {total: \"=sum(bodies, .n)\"}}\n- send: out")
	put(h, "", `{"n":1}`)
	put(h, "", `{"n":"x"}`)
	if dead := h.Dead(); len(dead) != 1 || dead[0].Error.Class != hub.Invalid || dead[0].Error.Where != "p/aggregate" {
		t.Fatalf("dead letters %q", failures(dead))
	}
	put(h, "", `{"n":2}`)
	want(t, "aggregates", bodies(h), []string{`{"total":3}`})
}

// 16 lanes, 20 groups of 25 members, every one of them sent twice: each group
// goes on once, with each member once.
func TestConcurrentMembers(t *testing.T) {
	for _, url := range []string{"memory:", "sqlite:" + t.TempDir() + "/hub.db"} {
		t.Run(url[:6], func(t *testing.T) {
			const groups, members = 20, 25
			c := config("- aggregate: {by: body.g, until: size == 25, idle: 10m, timeout: 1h, late: late, give: {g: =key, rows: '=sort(map(bodies, .n))'}}\n- send: out")
			c.Store = url
			h := patterntest.Start(t, c)
			var wg sync.WaitGroup
			for range 2 { // the second time they are duplicates, or late
				for n := range members {
					wg.Go(func() {
						for i := range groups {
							g := (i + n*7) % groups
							h.Put("rows", h.Message(fmt.Sprintf("M%d-%d", g, n), fmt.Sprintf(`{"g":"g%d","n":%d}`, g, n)))
						}
					})
				}
			}
			wg.Wait()
			h.Settle()
			all := make([]string, members)
			for i := range all {
				all[i] = fmt.Sprint(i)
			}
			got := map[string]int{}
			for _, b := range bodies(h) {
				got[b]++
			}
			for g := range groups {
				if w := fmt.Sprintf(`{"g":"g%d","rows":[%s]}`, g, strings.Join(all, ",")); got[w] != 1 {
					t.Errorf("group %d went on %d times as it should", g, got[w])
				}
			}
			if len(got) != groups {
				t.Errorf("%d different aggregates, want %d", len(got), groups)
			}
			if left := h.Waiting("p/aggregate!group"); len(left) != 0 {
				t.Errorf("%d timers are left", len(left))
			}
			noneDead(t, h)
		})
	}
}

// The hub stops in the middle of a group, and the timer falls due while it is away.
func TestRestart(t *testing.T) {
	c := config("- aggregate: {by: body.g, until: size == 3, idle: 10m, give: {n: \"=map(bodies, .n)\", complete: =complete}}\n- send: out")
	c.Clock, c.Store = patterntest.NewClock(), "sqlite:"+t.TempDir()+"/hub.db"
	h := patterntest.Start(t, c)
	put(h, "A1", `{"g":"a","n":1}`)
	put(h, "B1", `{"g":"b","n":1}`)
	put(h, "A2", `{"g":"a","n":2}`)
	h.Stop()
	h = patterntest.Start(t, c)
	put(h, "A2", `{"g":"a","n":2}`)
	put(h, "A3", `{"g":"a","n":3}`)
	want(t, "after the restart", bodies(h), []string{`{"n":[1,2,3],"complete":true}`})
	h.Stop()
	c.Clock.Advance(time.Hour)
	h = patterntest.Start(t, c)
	h.Settle()
	want(t, "the timer after the restart", bodies(h), []string{`{"n":[1],"complete":false}`})
	noneDead(t, h)
}

// A file of many rows, split and grouped again, in one unit of work.
func TestManyMembersOfOneUnit(t *testing.T) {
	h := start(t, "- split: body\n- aggregate: {by: body % 3, until: size == 1000, idle: 1m, give: =size}\n- send: out")
	var b strings.Builder
	for i := range 3001 {
		fmt.Fprintf(&b, ",%d", i)
	}
	put(h, "F", "["+b.String()[1:]+"]")
	if dead := h.Dead(); len(dead) != 1 || dead[0].Error.Reason != "late" {
		t.Fatalf("the 1001st of a group makes the whole file late: %q", failures(dead))
	}
	put(h, "G", strings.Replace("["+b.String()[1:]+"]", ",3000", "", 1))
	want(t, "aggregates", bodies(h), []string{"1000", "1000", "1000"})
	if left := h.Waiting("p/aggregate!group"); len(left) != 0 {
		t.Errorf("%d timers are left", len(left))
	}
}

func TestReadFromOutside(t *testing.T) {
	c := config("- aggregate: {by: body.g, until: size == 2}\n- send: out")
	c.YAML = strings.Replace(c.YAML, "from: rows", "from: feed", 1)
	h := patterntest.Start(t, c)
	for _, id := range []string{"A", "A", "B", "B"} { // each redelivered
		if _, err := h.In("p", h.Message(id, `{"g":"g"}`)); err != nil {
			t.Fatal(err)
		}
	}
	h.Settle()
	want(t, "aggregates", bodies(h), []string{`[{"g":"g"},{"g":"g"}]`})
	noneDead(t, h)
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct{ steps, want string }{
		"no by":       {"- aggregate: {until: size == 2}", `needs "by"`},
		"no end":      {"- aggregate: {by: body.a}", `nothing ever completes`},
		"unknown":     {"- aggregate: {by: body.a, untill: size == 2}", `did you mean "until"`},
		"no bool":     {"- aggregate: {by: body.a, until: size}", `true or false`},
		"key":         {"- translate: {a: {b: 1}}\n- aggregate: {by: body.a, until: size == 1}", `a key is a text or a number`},
		"duration":    {"- aggregate: {by: body.a, idle: 10}", `idle`},
		"two ways":    {"- translate: {a: b}\n- aggregate: {by: body.a, idle: 10m, late: late, rolling: true}", "no member of `rolling` groups is late"},
		"late":        {"- aggregate: {by: body.a, idle: 10m, late: lat}", `did you mean "late"`},
		"give":        {"- aggregate: {by: body.a, idle: 10m, give: {a: =body.a}}", `body`},
		"type behind": {"- aggregate: {by: body.a, idle: 10m, give: {number: =size}}\n- filter: body.numbr == 1", `did you mean "number"`},
		"elements":    {"- translate: {sku: a}\n- aggregate: {by: body.sku, idle: 1m, give: '=map(bodies, .skuu)'}", `did you mean "sku"`},
		"inside":      {"- split: {each: body, steps: [{aggregate: {by: body.a, idle: 10m}}]}", `can't stand inside`},
	} {
		t.Run(name, func(t *testing.T) {
			got := patterntest.Problems(t, config(tc.steps))
			if !strings.Contains(got, tc.want) || !strings.Contains(got, "error") {
				t.Errorf("got\n%s\nwant %s", got, tc.want)
			}
		})
	}
}
