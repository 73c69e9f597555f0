package pipelines_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/yamlfile"
)

// stamp is a pattern that nobody knows but by what it declares.
func stamp(passes pipelines.Passing, process bool) pipelines.Pattern {
	return pipelines.Pattern{Verb: "stamp", Passes: passes.Always, Process: process, Compile: func(*pipelines.Build) hub.Step { return hub.Chain() }}
}

// TestFault_P1_NewPattern: what a pattern is, it declares. One that every message passes adds no 202 to what partners are
// told, and one that has a meaning in a process may stand there.
func TestFault_P1_NewPattern(t *testing.T) {
	for _, c := range []struct {
		passes pipelines.Passing
		want   string
	}{{pipelines.PassesAll, "[200]"}, {pipelines.PassesSome, "[200]"}, {pipelines.PassesFewer, "[200 202]"}} {
		d := described(t, "", "[{stamp: x}, {reply: 200}]", stamp(c.passes, false))[0]
		if got := fmt.Sprint(d.Statuses); got != c.want {
			t.Errorf("%d: statuses %s, want %s", c.passes, got, c.want)
		}
	}
	schema := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(schema, []byte(`{"type":"object","properties":{"id":{"type":"string"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	yaml := `
processes:
  order:
    data: x
    id: x.id
    states: {new: {steps: [{stamp: x}], final: true}}
channels: {a: {type: direct}}
pipelines: {begin: {from: a, steps: [{start: order}]}, in: {from: {files: in}, steps: [{send: a}]}}
adapters: {files: {type: fake}}
schemas: {x: ` + schema + `}
`
	for process, want := range map[bool]string{
		true:  "",
		false: "error[E296]: the step stamp has no meaning in a process: there is no message that goes on",
	} {
		reg := language()
		reg.Patterns = append(reg.Patterns, stamp(pipelines.PassesAll, process))
		if got := patterntest.Problems(t, patterntest.Config{YAML: yaml, Registry: reg}); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("process %v: %q, want %q", process, got, want)
		}
	}
}

// TestStepsInside: the steps inside a step are known by what it declares, those of its `errors:` are not among them.
func TestStepsInside(t *testing.T) {
	const steps = `
- route: [{when: a, reply: 200}, {else: true, steps: [{set: {x: 1}}, {send: b}]}]
  errors: {other: {fail: no}}
- {aggregate: {give: x}, split: {each: y, steps: [{count: n}]}}
- {translate: {reply: 500}}
- {sent: c}
`
	n, _ := yamlfile.NewLoader().Parse("steps.yaml", []byte(steps))
	var got []string
	reg := language()
	for p := range reg.Steps(n.Items()) {
		got = append(got, p.Verb)
	}
	patterntest.Want(t, "steps", got, "route", "reply", "set", "send", "split", "count", "translate")
}

// TestReplyOfItsOwn: a reply to the error of one step, and a field that is named so, are no reply of the pipeline: who calls it would never be answered.
func TestReplyOfItsOwn(t *testing.T) {
	for _, steps := range []string{`[{send: b, errors: {other: {reply: 500}}}]`, `[{translate: {reply: 1}}]`} {
		yaml := `
adapters: {web: {type: fake-web}}
channels: {a: {type: direct}, b: {type: direct}}
pipelines:
  p: {from: web, steps: [{call: a}, {reply: 200}]}
  q: {from: a, steps: ` + steps + `}
  r: {from: b, steps: [{filter: "1 == 2"}]}
`
		if got := patterntest.Problems(t, patterntest.Config{YAML: yaml, Registry: language()}); !strings.Contains(got, "pipelines.yaml:5:33: error[E241]: q reads a, and has no reply: a call of it would never be answered") {
			t.Errorf("%s: %s", steps, got)
		}
	}
}

// TestFault_P2_CalledPipelineDropsTheMessage: as the page of `call` says, what is filtered out is answered with null, not with the request.
func TestFault_P2_CalledPipelineDropsTheMessage(t *testing.T) {
	h := start(t, `
adapters: {web: {type: fake-web}}
pipelines:
  in: {from: web, steps: [{call: sub, with: {n: =body.n, list: =body.list}, as: got}, {reply: {status: 200, body: {got: =got}}}]}
  sub:
    from: call
    steps:
      - filter: body.n > 0
      - {set: {body.n: =body.n + 1}}
      - {split: body.list, when: body.n == 10}
`, nil)
	for body, want := range map[string]string{
		`{"n":0,"list":[]}`:    `{"got":null}`,
		`{"n":1,"list":[]}`:    `{"got":{"n":2,"list":[]}}`,
		`{"n":9,"list":[]}`:    `{"got":null}`,
		`{"n":9,"list":[1,2]}`: `{"got":{"n":10,"list":[1,2]}}`,
	} {
		if got := string(h.Must("in", body).Body.Bytes()); got != want {
			t.Errorf("%s is answered %s, want %s", body, got, want)
		}
	}
}
