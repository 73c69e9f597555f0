package count_test

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"orderhub/pipelines"
	"orderhub/pipelines/count"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/translate"
)

func config(steps string) patterntest.Config {
	return patterntest.Config{
		Registry: pipelines.Registry{Patterns: []pipelines.Pattern{count.Pattern(), fail.Pattern(), translate.Pattern()}},
		YAML: `
channels:
  events: {type: direct}
pipelines:
  p:
    from: events
    steps:
      ` + strings.ReplaceAll(strings.TrimSpace(steps), "\n", "\n      ") + "\n"}
}

func TestCount(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, tc := range map[string]struct {
		steps string
		in    []string
		want  map[string]int64
	}{
		"one count":     {"- count: n", []string{"1", "2"}, map[string]int64{"": 2}},
		"by two values": {"- count: {name: n, by: [body.s, body.n]}", []string{`{"s":"a","n":1}`, `{"s":"a","n":1}`, `{"s":"b","n":null}`}, map[string]int64{"a|1": 2, "b|": 1}},
		"by one":        {"- count: {name: n, by: body.s}", []string{`{"s":"a"}`, `{"s":"b|c"}`}, map[string]int64{"a": 1, "b/c": 1}},
		"add":           {"- count: {name: n, add: =body.n}", []string{`{"n":5}`, `{"n":-2}`, `{"n":3.0}`}, map[string]int64{"": 6}},
		"add a number":  {"- count: {name: n, add: 10}", []string{`1`, `2`}, map[string]int64{"": 20}},
		"no numbers":    {"- count: {name: n, add: =body.n}", []string{`{"n":1.5}`, `{"n":"1"}`, `{"n":null}`, `{"n":1}`}, map[string]int64{"": 1}},
		"failed":        {"- count: n\n- fail: broken", []string{`1`}, map[string]int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			h := patterntest.Start(t, config(tc.steps))
			for _, b := range tc.in {
				h.Put("events", h.Message("", b))
			}
			h.Settle()
			if got := h.Counters("count n"); !maps.Equal(got, tc.want) {
				t.Errorf("counted %v, want %v", got, tc.want)
			}
		})
	}
	t.Run("long values", func(t *testing.T) {
		h := patterntest.Start(t, config("- count: {name: n, by: body}"))
		h.Put("events", h.Message("", `"`+long+`a"`), h.Message("", `"`+long+`b"`))
		h.Settle()
		got := h.Counters("count n")
		for key := range got {
			if len(key) > 255 {
				t.Errorf("a key of %d bytes", len(key))
			}
		}
		if len(got) != 2 {
			t.Errorf("%d counts, want 2", len(got))
		}
	})
}

// Many at a time never conflict, and each counts once.
func TestConcurrent(t *testing.T) {
	c := config("- count: {name: n, by: [body.s]}")
	c.Store = "sqlite:" + t.TempDir() + "/hub.db"
	h := patterntest.Start(t, c)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 50 {
				h.Put("events", h.Message("", fmt.Sprintf(`{"s":%d}`, i%2)))
			}
		})
	}
	wg.Wait()
	h.Settle()
	if got := h.Counters("count n"); !maps.Equal(got, map[string]int64{"0": 200, "1": 200}) {
		t.Errorf("counted %v", got)
	}
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct{ steps, want string }{
		"no name": {"- count: {by: [body.a]}", `needs "name"`},
		"unknown": {"- count: {name: n, bby: [body.a]}", `did you mean "by"`},
		"name":    {"- count: a b", `can't be the name of a counter`},
		"by":      {"- count: {name: n, by: {a: 1}}", `list of formulas`},
		"object":  {"- translate: {a: {b: 1}}\n- count: {name: n, by: [body.a]}", `texts and numbers`},
		"add":     {"- count: {name: n, add: much}", `much`},
		"text":    {"- translate: {a: x}\n- count: {name: n, add: =body.a}", `a number`},
		"field":   {"- translate: {state: x}\n- count: {name: n, by: [body.stat]}", `did you mean "state"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := patterntest.Problems(t, config(tc.steps))
			if !strings.Contains(got, tc.want) || !strings.Contains(got, "error") {
				t.Errorf("got\n%s\nwant %s", got, tc.want)
			}
		})
	}
}
