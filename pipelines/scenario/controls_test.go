package scenario_test

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/scenario"
)

// A hub with a seeded bug is caught by the kind of chaos that is there for it,
// and by the place or the seed that is told; without the bug it passes.
func TestControls(t *testing.T) {
	for name, c := range map[string]struct {
		chaos     string
		steps     string // of a pipeline that reads the channel in
		good      string // likewise, without the bug
		do        string
		got, with string // of the failure
	}{
		"an effect without a key, before the commit": {
			chaos: "crash",
			steps: `[{call: billing.charge, headers: {idempotency-key: ""}, as: charge}, {send: out}]`,
			good:  `[{call: billing.charge, as: charge}, {send: out}]`,
			do:    `[{send: in, with: {no: 1}, expect: {calls: {billing.charge: 1}}}]`,
			got:   `+ effect of billing.charge: {"no":1}`, with: "after call billing.charge 1",
		},
		"a mark of what was handled in a unit of its own": {
			chaos: "crash",
			steps: `[{mark: apart}, {send: out}]`, good: `[{mark: together}, {send: out}]`,
			do:  `[{send: in, with: {no: 1}, expect: {out: 1}}]`,
			got: `- message in out:  {"no":1}`, with: "after commit 1",
		},
		"a request without a key that nobody recognizes": {
			chaos: "duplicate",
			steps: `[{send: out}]`, good: `[{idempotent: {key: body.no}}, {send: out}]`,
			do:  `[{post: web, body: {no: 1}, headers: {idempotency-key: ""}, expect: {out: 1}}]`,
			got: `+ message in out:  {"no":1}`, with: "every message twice",
		},
		"the last one wins, whichever it is": {
			chaos: "reorder",
			steps: `[{table: {put: last, key: '"k"'}}]`, good: `[{table: {put: last, key: '"k"', version: body.no}}]`,
			do:  `[{post: both, body: {no: 7}, expect: {table last: {k: {no: 8}}}}]`,
			got: `- table last k: {"no":8}`, with: "the order of seed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if r := open(t, write(t, controlled(c.good, c.chaos, c.do)), mark()).run(t, scenario.Options{Seeds: 20})["it"]; len(r.Failures) > 0 {
				t.Fatalf("without the bug: %s", r.Failures)
			}
			b := open(t, write(t, controlled(c.steps, c.chaos, c.do)), mark())
			r := b.run(t, scenario.Options{Seeds: 20})["it"]
			if len(r.Failures) != 1 {
				t.Fatalf("%d failures: %v", len(r.Failures), r.Failures)
			}
			f := r.Failures[0]
			if !strings.Contains(f.Got, c.got) || !strings.Contains(f.Expected, c.with) {
				t.Errorf("got\n%s\nwant %s\nwith %s", f, c.got, c.with)
			}
			again(t, b, f)
		})
	}
}

// again runs what the failure says, and wants the same failure.
func again(t *testing.T, b *bench, f scenario.Failure) {
	t.Helper()
	o := scenario.Options{Chaos: true}
	if m := regexp.MustCompile(`--(kill|seed) (\d+)$`).FindStringSubmatch(f.Again); m != nil {
		n, _ := strconv.Atoi(m[2])
		if o.Kill = n; m[1] == "seed" {
			o.Kill, o.Seed = 0, int64(n)
		}
	}
	for _, g := range b.run(t, o)["it"].Failures {
		if g == f {
			return
		}
	}
	t.Errorf("%s did not show it again", f.Again)
}

// controlled is a configuration with the steps and a test of them.
func controlled(steps, chaos, do string) string {
	return `
adapters:
  web: {type: http-server}
  billing: {type: http-client, ops: {charge: POST /charges}}
channels:
  in: {type: direct}
  out: {type: direct}
  both: {type: direct}
pipelines:
  handler: {from: in, steps: ` + steps + `}
  charging: {from: call, steps: [{call: billing.charge}]}
  web: {from: {web: POST /}, steps: [{reply: 202}, {send: in}]}
  both: {from: {web: POST /both}, steps: [{send: in}, {send: in, with: {no: 8}}]}
tests:
  it:
    chaos: [` + chaos + `]
    mock: {billing.charge: {result: approved}}
    do: ` + do + "\n"
}

// mark is a pattern that notes that a message was handled, and stops one that
// was: in the message's unit of work, or carelessly in one of its own.
func mark() pipelines.Pattern {
	return pipelines.Pattern{Verb: "mark", Keeps: true, Compile: func(b *pipelines.Build) hub.Step {
		apart := b.Node.Str() == "apart"
		return hub.StepFunc(func(ctx context.Context, x *hub.Exchange, next hub.Next) error {
			w := hub.Write{Kind: "mark", Key: x.Msg.ID, Value: []byte("1"), IfVersion: hub.AnyVersion}
			if _, err := x.Record(ctx, w.Kind, w.Key); !errors.Is(err, hub.ErrNotFound) {
				return err
			}
			if !apart {
				x.Write(w)
			} else if err := x.Env.Store.(store.Store).Commit(ctx, &hub.Unit{Writes: []hub.Write{w}}); err != nil {
				return err
			}
			return next(ctx, x)
		})
	}}
}
