package split_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/aggregate"
	"orderhub/pipelines/call"
	"orderhub/pipelines/count"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/idempotent"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/route"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
	"orderhub/pipelines/split"
	"orderhub/pipelines/table"
	"orderhub/pipelines/translate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func registry() pipelines.Registry {
	return pipelines.Registry{Funcs: table.Funcs(), Patterns: []pipelines.Pattern{split.Pattern(), aggregate.Pattern(), call.Pattern(), count.Pattern(),
		fail.Pattern(), filter.Pattern(), idempotent.Pattern(), route.Pattern(), send.Pattern(), set.Pattern(), table.Pattern(), translate.Pattern(), boom}}
}

// boom panics: what no pattern should do, and one will.
var boom = pipelines.Pattern{Verb: "boom", Compile: func(*pipelines.Build) hub.Step {
	return hub.StepFunc(func(context.Context, *hub.Exchange, hub.Next) error { panic("boom") })
}}

func start(t *testing.T, steps string, c patterntest.Config) *patterntest.Hub {
	t.Helper()
	c.YAML = "adapters:\n  feed: {type: fake}\n  out: {type: fake, ops: [ask]}\npipelines:\n  p:\n    from: feed\n    steps:\n" + indent(steps)
	c.Registry = registry()
	return patterntest.Start(t, c)
}

func indent(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n      ") + "\n"
}

func bodies(h *patterntest.Hub) []string { return patterntest.Bodies(h.Sent("out")) }

func want(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got  %q\n want %q", what, got, want)
	}
}

func TestChildren(t *testing.T) {
	for _, parallel := range []string{"1", "8"} {
		t.Run("parallel "+parallel, func(t *testing.T) {
			h := start(t, `
- split: {each: body.items, parallel: `+parallel+`, as: item}
- send: out
  with: {sku: =body.sku, order: =parent.order, item: =item.sku}`, patterntest.Config{})
			m := h.Message("M", `{"order":"W-1","items":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]}`)
			m.Key, m.Correlation = "k", "W-1"
			m.Headers = hub.Headers{"x": "y"}
			if _, err := h.In("p", m); err != nil {
				t.Fatal(err)
			}
			want(t, "bodies", bodies(h), []string{`{"sku":"a","order":"W-1","item":"a"}`, `{"sku":"b","order":"W-1","item":"b"}`, `{"sku":"c","order":"W-1","item":"c"}`})
			for i, s := range h.Sent("out") {
				if got, want := s.Headers.Get("sequence"), fmt.Sprintf("%d/3", i+1); got != want {
					t.Errorf("sequence %q, want %q", got, want)
				}
				if !strings.HasPrefix(s.ID, fmt.Sprintf("M/%d/", i+1)) || s.Correlation != "W-1" || s.Key != "k" || s.Headers.Get("x") != "y" {
					t.Errorf("child %d: id %q correlation %q key %q headers %v", i, s.ID, s.Correlation, s.Key, s.Headers)
				}
			}
		})
	}
}

func TestGather(t *testing.T) {
	for _, parallel := range []string{"1", "4"} {
		t.Run("parallel "+parallel, func(t *testing.T) {
			h := start(t, `
- split:
    each: body.items
    parallel: `+parallel+`
    steps:
      - filter: body.n != 3
      - set: {body.double: =body.n * 2}
  aggregate: {give: {id: =body.id, size: =size, doubles: "=map(bodies, .double)"}}
- count: {name: after}
- send: out`, patterntest.Config{})
			m := h.Message("M", `{"id":7,"items":[{"n":1},{"n":2},{"n":3},{"n":4},{"n":5}]}`)
			if _, err := h.In("p", m); err != nil {
				t.Fatal(err)
			}
			h.Settle()
			want(t, "bodies", bodies(h), []string{`{"id":7,"size":4,"doubles":[2,4,8,10]}`})
			if id := h.Sent("out")[0].ID; id != "M" {
				t.Errorf("the gathered message has the ID %s, want its own", id)
			}
			history := h.History("M")
			for _, line := range []string{"split 5", "gathered 4 of 5"} {
				if !slices.Contains(history, line) {
					t.Errorf("history has no %q: %q", line, history)
				}
			}
		})
	}
}

func TestGatherForms(t *testing.T) {
	for name, tc := range map[string]struct{ steps, in, out string }{
		"inside":            {`- split: {each: body, steps: [{set: {body.x: 1}}], aggregate: {give: {all: =bodies}}}`, `[{},{}]`, `{"all":[{"x":1},{"x":1}]}`},
		"no give":           {"- split: body\n  aggregate: {}", `[3,1,2]`, `[3,1,2]`},
		"no steps":          {"- split: {each: body.a}\n  aggregate: {give: {n: =size, b: =bodies}}", `{"a":[3,1]}`, `{"n":2,"b":[3,1]}`},
		"empty":             {"- split: {each: body.a}\n  aggregate: {give: {n: =size, b: =bodies}}", `{"a":[]}`, `{"n":0,"b":[]}`},
		"null":              {"- split: {each: body.a}\n  aggregate: {give: {n: =size, b: =bodies}}", `{"a":null}`, `{"n":0,"b":[]}`},
		"missing":           {"- split: body?.a\n  aggregate: {give: {n: =size, b: =bodies}}", `{}`, `{"n":0,"b":[]}`},
		"split in a split":  {"- split: {each: body, steps: [{split: {each: body}}]}\n  aggregate: {}", `[[1,2],[3],[]]`, `[1,2,3]`},
		"nested gathers":    {"- split: {each: body, parallel: 2, steps: [{split: {each: body, parallel: 2, aggregate: {give: =size}}}]}\n  aggregate: {}", `[[1,2],[3],[]]`, `[2,1,0]`},
		"variables go back": {"- split: {each: body, as: e, steps: [{translate: {v: =e}}]}\n  aggregate: {give: =bodies}\n- translate: {n: =len(body)}", `[1,2]`, `{"n":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, tc.steps+"\n- send: out", patterntest.Config{})
			h.Must("p", tc.in)
			want(t, "bodies", bodies(h), []string{tc.out})
		})
	}
}

func TestEmptyListEndsTheMessage(t *testing.T) {
	h := start(t, "- count: {name: seen}\n- split: body.items\n- send: out", patterntest.Config{})
	if _, err := h.In("p", h.Message("M", `{"items":[]}`)); err != nil {
		t.Fatal(err)
	}
	h.Settle()
	if got := bodies(h); got != nil {
		t.Errorf("sent %q", got)
	}
	if !slices.Contains(h.History("M"), "split 0") {
		t.Errorf("the history does not say so: %q", h.History("M"))
	}
}

func TestInvalidLists(t *testing.T) {
	many := `{"items":[` + strings.Repeat("1,", 10_000) + `1]}`
	for name, tc := range map[string]struct{ in, why string }{
		"text":     {`{"items":"x"}`, `body.items is string, not a list`},
		"object":   {`{"items":{"a":1}}`, `body.items is object, not a list`},
		"too many": {many, `10001 elements`},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, "- split: body.items\n- send: out", patterntest.Config{})
			h.Must("p", tc.in)
			dead := h.Dead()
			if len(dead) != 1 || dead[0].Error.Class != hub.Invalid || !strings.Contains(dead[0].Error.Message, tc.why) || dead[0].Error.Where != "p/split" {
				t.Errorf("dead letters %v, want one: %s", failures(dead), tc.why)
			}
		})
	}
}

func failures(ds []*hub.Delivery) (out []string) {
	for _, d := range ds {
		out = append(out, fmt.Sprintf("%s %s %s: %s", d.Error.Class, d.Error.Reason, d.Error.Where, d.Error.Message))
	}
	return out
}

// The first error stops the rest, and nothing of the others is kept.
func TestErrorStopsAll(t *testing.T) {
	for _, parallel := range []string{"1", "4"} {
		t.Run("parallel "+parallel, func(t *testing.T) {
			h := start(t, `
- split:
    each: body
    parallel: `+parallel+`
    steps:
      - count: {name: done}
      - route: [{when: body == 2, fail: broken}]
- send: out`, patterntest.Config{})
			h.Must("p", "[0,1,2,3,4,5]")
			h.Settle()
			dead := h.Dead()
			if len(dead) != 1 || dead[0].Error.Class != "broken" || dead[0].Error.Where != "p/fail" {
				t.Errorf("dead letters %v", failures(dead))
			}
			if got := h.Counters(count.Kind("done")); len(got) != 0 || len(bodies(h)) != 0 {
				t.Errorf("effects of a failed message: counted %v, sent %q", got, bodies(h))
			}
		})
	}
}

// An error ends the calls that run beside it, and the rest never begins.
func TestErrorCancelsTheOthers(t *testing.T) {
	var asked, cancelled atomic.Int64
	both := make(chan bool)
	h := start(t, "- split: {each: body, parallel: 2, steps: [{call: out.ask}]}\n- send: out", patterntest.Config{Answers: map[string]patterntest.Answer{
		"out.ask": func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
			asked.Add(1)
			if string(m.Body.Bytes()) == "1" {
				both <- true
				return nil, hub.Fail(hub.Rejected, "no", "no")
			}
			<-both
			<-ctx.Done()
			cancelled.Add(1)
			return nil, ctx.Err()
		}}})
	h.Must("p", "[0,1,2,3]")
	if asked.Load() != 2 || cancelled.Load() != 1 {
		t.Errorf("%d asked, %d cancelled", asked.Load(), cancelled.Load())
	}
	if dead := h.Dead(); len(dead) != 1 || dead[0].Error.Class != hub.Rejected {
		t.Errorf("the error is not the first one: %v", failures(dead))
	}
}

func TestPanicIsABug(t *testing.T) {
	for _, parallel := range []string{"1", "4"} {
		h := start(t, "- split: {each: body, parallel: "+parallel+", steps: [{boom: x}]}\n- send: out", patterntest.Config{})
		h.Must("p", "[1,2,3]")
		if dead := h.Dead(); len(dead) != 1 || dead[0].Error.Class != hub.Bug || !strings.Contains(dead[0].Error.Message, "boom") {
			t.Errorf("parallel %s: %v", parallel, failures(dead))
		}
	}
}

func TestParallelIsBounded(t *testing.T) {
	var running, most atomic.Int64
	h := start(t, "- split: {each: body, parallel: 3, steps: [{call: out.ask}]}\n  aggregate: {}\n- send: out", patterntest.Config{Answers: map[string]patterntest.Answer{
		"out.ask": func(_ context.Context, m *hub.Message) (*hub.Message, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer running.Add(-1)
			time.Sleep(2 * time.Millisecond) // a far end that takes its time
			return m, nil
		}}})
	h.Must("p", "[0,1,2,3,4,5,6,7,8,9]")
	want(t, "order", bodies(h), []string{"[0,1,2,3,4,5,6,7,8,9]"})
	if most.Load() != 3 {
		t.Errorf("%d at a time, want 3", most.Load())
	}
	keys := map[string]bool{}
	for _, m := range h.Called("out.ask") {
		keys[m.Headers.Get(hub.HeaderIdempotency)] = true
	}
	if len(keys) != 10 {
		t.Errorf("%d different Idempotency-Keys for 10 calls", len(keys))
	}
}

// Children that change one record each see the change of the one before.
func TestChildrenOfOneRecord(t *testing.T) {
	for _, parallel := range []string{"1", "8"} {
		t.Run("parallel "+parallel, func(t *testing.T) {
			h := start(t, `
- table: {put: sums, key: '"all"', value: {first: 0}}
- split: {each: body, parallel: `+parallel+`}
- table: {put: sums, key: '"all"', value: {list: '=concat(table("sums", "all")?.list ?? [], [body])', first: '=table("sums", "all")?.first'}, merge: true}
- idempotent: body
- aggregate: {by: '"g"', until: size == 4}
- send: out`, patterntest.Config{})
			h.Must("p", "[1,2,3,2,4]")
			h.Settle()
			want(t, "group", bodies(h), []string{"[1,2,3,4]"})
			if got := h.Records("table sums")["all"]; got != `{"row":{"first":0,"list":[1,2,3,2,4]}}` {
				t.Errorf("row %s", got)
			}
			if dead := h.Dead(); len(dead) > 0 {
				t.Errorf("dead letters %v", failures(dead))
			}
		})
	}
}

func TestTwoSplitsMakeDifferentIDs(t *testing.T) {
	h := start(t, `
- split: {each: body, steps: [{send: out}]}
  aggregate: {}
- split: {each: body, steps: [{send: out}]}`, patterntest.Config{})
	if _, err := h.In("p", h.Message("M", "[1,2]")); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range h.Sent("out") {
		ids = append(ids, m.ID)
	}
	want(t, "ids", ids, []string{"M/1", "M/2", "M/1~2", "M/2~2"})
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct{ steps, want string }{
		"no each":     {"- split: {parallel: 2}", `E103`},
		"unknown key": {"- split: {each: body, paralel: 2}", `did you mean "parallel"`},
		"no list":     {"- translate: {a: 1}\n- split: body.a", `body.a is a number, and a split needs a list`},
		"too many":    {"- split: {each: body, parallel: 100}", `E104`},
		"element":     {"- translate: {items: [{sku: a}]}\n- split: {each: body.items, steps: [{filter: body.skuu == 1}]}", `did you mean "sku"`},
		"parent":      {"- translate: {items: [1], id: 7}\n- split: {each: body.items, steps: [{filter: parent.idd == 1}]}", `did you mean "id"`},
		"give":        {"- split: {each: body}\n  aggregate: {giv: 1}", `did you mean "give"`},
		"behind":      {"- split: {each: body}\n  aggregate: {give: {n: =size}}\n- filter: body.m == 1", `"n"`},
		"twice":       {"- split: {each: body, aggregate: {}}\n  aggregate: {}", `two`},
		"bad name":    {"- split: {each: body, as: a-b}", `can't be a name`},
		"variable":    {"- split: {each: body, as: e}\n  aggregate: {}\n- filter: e == 1", `e`},
	} {
		t.Run(name, func(t *testing.T) {
			got := patterntest.Problems(t, patterntest.Config{Registry: registry(),
				YAML: "adapters: {feed: {type: fake}}\npipelines:\n  p:\n    from: feed\n    steps:\n" + indent(tc.steps)})
			if !strings.Contains(got, tc.want) || !strings.Contains(got, "error") {
				t.Errorf("got\n%s\nwant %s", got, tc.want)
			}
		})
	}
}
