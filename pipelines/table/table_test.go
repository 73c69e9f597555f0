package table_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/send"
	"orderhub/pipelines/table"
	"orderhub/pipelines/translate"
)

func config(steps string) patterntest.Config {
	return patterntest.Config{
		Registry: pipelines.Registry{Funcs: table.Funcs(), Patterns: []pipelines.Pattern{table.Pattern(), filter.Pattern(), reply.Pattern(), send.Pattern(), translate.Pattern()}},
		YAML: `
adapters:
  web: {type: fake-web}
channels:
  rows: {type: direct}
pipelines:
  p:
    from: rows
    lanes: 16
    steps:
      ` + strings.ReplaceAll(strings.TrimSpace(steps), "\n", "\n      ") + `
  read:
    from: web
    steps: [{reply: {body: '=table("products", body)'}}]
  all:
    from: web
    steps: [{reply: {body: '=table("products")'}}]
`}
}

func start(t *testing.T, steps string) *patterntest.Hub {
	t.Helper()
	return patterntest.Start(t, config(steps))
}

func put(h *patterntest.Hub, bodies ...string) {
	for _, b := range bodies {
		h.Put("rows", h.Message("", b))
		h.Settle()
	}
}

func read(h *patterntest.Hub, pipeline, key string) string {
	r := h.Must(pipeline, key)
	return string(r.Body.Bytes())
}

func TestPutAndRead(t *testing.T) {
	h := start(t, "- table: {put: products, key: body.sku}")
	put(h, `{"sku":"b","price":1}`, `{"sku":"a","price":2.50}`, `{"sku":"b","price":3}`)
	for key, want := range map[string]string{`"a"`: `{"sku":"a","price":2.50}`, `"b"`: `{"sku":"b","price":3}`, `"c"`: `null`} {
		if got := read(h, "read", key); got != want {
			t.Errorf("row %s is %s, want %s", key, got, want)
		}
	}
	if got, want := read(h, "all", `1`), `{"a":{"sku":"a","price":2.50},"b":{"sku":"b","price":3}}`; got != want {
		t.Errorf("all rows %s, want %s", got, want)
	}
}

func TestValueAndNumberKeys(t *testing.T) {
	h := start(t, "- table: {put: products, key: body.id, value: =body.price}")
	put(h, `{"id":7,"price":null}`, `{"id":8,"price":[1]}`)
	if got := read(h, "all", "1"); got != `{"7":null,"8":[1]}` {
		t.Errorf("rows %s", got)
	}
	if got := read(h, "read", "8"); got != "[1]" {
		t.Errorf("row %s", got)
	}
}

func TestDeleteAndKeep(t *testing.T) {
	h := start(t, "- table: {put: products, key: body.sku, keep: 1h}\n  when: body.price != null\n- table: {delete: products, key: body.sku}\n  when: body.price == null")
	put(h, `{"sku":"a","price":1}`, `{"sku":"b","price":1}`, `{"sku":"a","price":null}`, `{"sku":"c","price":null}`)
	if got := read(h, "all", "1"); got != `{"b":{"sku":"b","price":1}}` {
		t.Errorf("rows %s", got)
	}
	h.Advance(2 * time.Hour)
	if got := read(h, "all", "1"); got != `{}` {
		t.Errorf("rows after an hour %s", got)
	}
}

// With versions the row ends the same in whatever order the changes come.
func TestVersionsCommute(t *testing.T) {
	steps := "- table: {put: products, key: body.sku, value: {n: =body.v}, version: body.v}\n  when: not body.gone\n- table: {delete: products, key: body.sku, version: body.v}\n  when: body.gone"
	changes := []string{`{"sku":"a","v":1,"gone":false}`, `{"sku":"a","v":2,"gone":true}`, `{"sku":"a","v":3,"gone":false}`, `{"sku":"b","v":1,"gone":false}`, `{"sku":"b","v":2,"gone":true}`}
	for _, order := range [][]int{{0, 1, 2, 3, 4}, {2, 1, 0, 4, 3}, {1, 0, 2, 4, 3}, {2, 2, 0, 1, 4, 4, 3}} {
		h := start(t, steps)
		for _, i := range order {
			put(h, changes[i])
		}
		if got := read(h, "all", "1"); got != `{"a":{"n":3}}` {
			t.Errorf("order %v: rows %s", order, got)
		}
	}
}

func TestMerge(t *testing.T) {
	h := start(t, "- table: {put: products, key: body.sku, value: =body.set, merge: true}")
	put(h, `{"sku":"a","set":{"x":1,"y":{"z":1}}}`, `{"sku":"a","set":{"y":2}}`, `{"sku":"a","set":null}`)
	if got := read(h, "read", `"a"`); got != `{"x":1,"y":2}` {
		t.Errorf("row %s", got)
	}
}

// Merges of many lanes into few rows lose nothing.
func TestConcurrentMerges(t *testing.T) {
	for _, url := range []string{"memory:", "sqlite:" + t.TempDir() + "/hub.db"} {
		t.Run(url[:6], func(t *testing.T) {
			c := config("- table: {put: products, key: body.row, value: =body.set, merge: true}")
			c.Store = url
			h := patterntest.Start(t, c)
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for n := range 15 {
						h.Put("rows", h.Message("", fmt.Sprintf(`{"row":"r%d","set":{"f%d-%d":1}}`, n%3, i, n)))
					}
				})
			}
			wg.Wait()
			h.Settle()
			for row := range 3 {
				if got := strings.Count(read(h, "read", fmt.Sprintf(`"r%d"`, row)), ":1"); got != 40 {
					t.Errorf("row %d has %d fields, want 40", row, got)
				}
			}
			if dead := h.Dead(); len(dead) > 0 {
				t.Errorf("%d dead letters: %s", len(dead), dead[0].Error.Message)
			}
		})
	}
}

// A row that somebody else changes between the read and the commit (another
// hub on the same store) is read again.
func TestConflict(t *testing.T) {
	c := config("- table: {put: products, key: body.sku, value: =body.set, merge: true}\n- meddle: x")
	runs := 0
	c.Registry.Patterns = append(c.Registry.Patterns, pipelines.Pattern{Verb: "meddle", Compile: func(*pipelines.Build) hub.Step {
		return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
			if runs++; runs == 1 {
				u := &hub.Unit{Writes: []hub.Write{{Kind: "table products", Key: "a", Value: []byte(`{"row":{"theirs":1}}`), IfVersion: hub.AnyVersion}}}
				if err := x.Env.Store.(store.Store).Commit(ctx, u); err != nil {
					return err
				}
			}
			return next(ctx, x)
		})
	}})
	h := patterntest.Start(t, c)
	put(h, `{"sku":"a","set":{"ours":1}}`)
	if got := read(h, "read", `"a"`); got != `{"theirs":1,"ours":1}` || runs != 2 {
		t.Errorf("row %s after %d runs", got, runs)
	}
}

// A formula sees what the steps before it put.
func TestReadOwnWrites(t *testing.T) {
	c := config("- table: {put: other, key: body.sku}")
	c.YAML += `
  own:
    from: web
    steps:
      - table: {put: products, key: '"a"', value: 1}
      - table: {put: products, key: '"b"', value: 2}
      - table: {delete: products, key: '"a"'}
      - reply: {body: {a: '=table("products", "a")', b: '=table("products", "b")', all: '=table("products")'}}
`
	h := patterntest.Start(t, c)
	if got := read(h, "own", "1"); got != `{"a":null,"b":2,"all":{"b":2}}` {
		t.Errorf("in the unit %s", got)
	}
	if got := read(h, "all", "1"); got != `{"b":2}` {
		t.Errorf("behind it %s", got)
	}
}

func TestTooManyRows(t *testing.T) {
	h := start(t, "- table: {put: products, key: body}")
	u := &hub.Unit{}
	for i := range 10_001 {
		u.Writes = append(u.Writes, hub.Write{Kind: "table products", Key: fmt.Sprint(i), Value: []byte(`{"row":1}`), IfVersion: hub.AnyVersion})
	}
	if err := h.Runtime.Commit(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if _, err := h.In("all", h.Message("", "1")); err == nil || !strings.Contains(err.Error(), "more than 10000 rows") {
		t.Errorf("error %v", err)
	}
	if got := read(h, "read", "10000"); got != "1" {
		t.Errorf("row %s", got)
	}
}

func TestBadMessages(t *testing.T) {
	h := start(t, "- table: {put: products, key: body.sku, version: body.v}")
	put(h, `{"v":1}`, `{"sku":"","v":1}`, `{"sku":"a","v":null}`, `{"sku":"a","v":"x"}`, `{"sku":"a","v":1}`, `{"sku":"`+strings.Repeat("x", 256)+`","v":1}`)
	var got []string
	for _, d := range h.Dead() {
		got = append(got, string(d.Error.Class)+" "+d.Error.Where)
	}
	if want := slices.Repeat([]string{"invalid p/table"}, 5); !slices.Equal(got, want) {
		t.Errorf("dead letters %q, want %q", got, want)
	}
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct{ steps, want string }{
		"neither":  {"- table: {key: body.a}", `neither puts nor deletes`},
		"both":     {"- table: {put: a, delete: a, key: body.a}", `not both`},
		"no key":   {"- table: {put: a}", `needs "key"`},
		"unknown":  {"- table: {put: a, key: body.a, valeu: 1}", `did you mean "value"`},
		"name":     {"- table: {put: 'a b', key: body.a}", `can't be the name of a table`},
		"delete":   {"- table: {delete: a, key: body.a, merge: true}", "`merge` has no meaning"},
		"object":   {"- translate: {a: {b: 1}}\n- table: {put: a, key: body.a}", `a key is a text or a number`},
		"duration": {"- table: {put: a, key: body.a, keep: 5}", `keep`},
		"args":     {`- filter: table() == 1`, `table`},
		"formula":  {"- translate: {sku: 1}\n- table: {put: a, key: body.skuu}", `did you mean "sku"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := patterntest.Problems(t, config(tc.steps))
			if !strings.Contains(got, tc.want) || !strings.Contains(got, "error") {
				t.Errorf("got\n%s\nwant %s", got, tc.want)
			}
		})
	}
}
