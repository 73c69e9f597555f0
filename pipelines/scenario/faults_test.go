package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

// faults are tests with one fault each, its place, what is said of it and what to write.
func faults() map[string]struct{ test, at, message, help string } {
	return map[string]struct{ test, at, message, help string }{
		"no do":               {`{chaos: [crash]}`, `17:3`, `needs "do"`, "add do:"},
		"unknown key":         {`{doo: [], do: []}`, `17:8`, `unknown test field "doo"`, `did you mean "do"?`},
		"do is no list":       {`{do: {post: web}}`, `17:8`, "this is a map", "write - before"},
		"unknown chaos":       {`{chaos: [crahs], do: []}`, `17:16`, `unknown kind of chaos "crahs"`, `did you mean "crash"?`},
		"no time":             {`{start_at: tomorrow, do: []}`, `17:18`, `"tomorrow" is no time`, "write 2026-03-29T02:30"},
		"unknown pipeline":    {`{do: [{post: wbe}]}`, `17:20`, `unknown pipeline "wbe"`, `did you mean "web"?`},
		"a called pipeline":   {`{do: [{post: asked}]}`, `17:20`, "for calls", "bring a message to a pipeline that calls it"},
		"two things at once":  {`{do: [{post: web, advance: 1m}]}`, `17:25`, "has `post` already", "make it an entry of its own"},
		"nothing happens":     {`{do: [{body: {}}]}`, `17:13`, "nothing happens", "write one of post"},
		"unknown step key":    {`{do: [{post: web, bdy: {}}]}`, `17:25`, `unknown step field "bdy"`, `did you mean "body"?`},
		"no such file":        {`{do: [{post: web, body: order.jsn}]}`, `17:31`, "cannot read order.jsn", "relative to the configuration's folder"},
		"bad duration":        {`{do: [{advance: 13}]}`, `17:23`, "has no unit", ""},
		"unknown channel":     {`{do: [{send: ot}]}`, `17:20`, `unknown channel "ot"`, `did you mean "out"?`},
		"topic without key":   {`{do: [{send: news}]}`, `17:20`, "need a routing key", "write send: {channel: news, key: order.paid}"},
		"mock of nothing":     {`{mock: {billing.chrage: 1}, do: []}`, `17:15`, `no step calls "billing.chrage"`, `did you mean "billing.charge"?`},
		"no partner":          {`{mock: {billing: nothing.yaml}, do: []}`, `17:24`, "cannot read nothing.yaml", "relative to the configuration's folder"},
		"not a partner":       {`{mock: {billing: order.json}, do: []}`, `17:24`, "can't stand in for billing", "name its OpenAPI file"},
		"no answers":          {`{mock: {billing.charge: []}, do: []}`, `17:15`, "an empty list of answers", "write the answers"},
		"unknown class":       {`{mock: {billing.charge: {fail: timeuot}}, do: []}`, `17:38`, `unknown class of errors "timeuot"`, `did you mean "timeout"?`},
		"fail of nothing":     {`{do: [{fail: {refund: timeout}}]}`, `17:21`, `no step calls "refund"`, "known: billing.charge"},
		"expect of nothing":   {`{do: [{expect: {outt: 1}}]}`, `17:23`, `nothing can be expected of "outt"`, `did you mean "out"?`},
		"reply of no post":    {`{do: [{send: out, expect: {status: 200}}]}`, `17:34`, "no reply here", "beside the post"},
		"unread topic":        {`{do: [{expect: {news: 1}}]}`, `17:23`, "nobody reads news", "of a channel that a pipeline reads"},
		"none of nothing":     {`{do: [{expect: {none: [otu]}}]}`, `17:30`, `unknown channel or adapter "otu"`, `did you mean "out"?`},
		"bad formula":         {`{do: [{expect: {out: {a: "=body.b +"}}}]}`, `17:42`, "ends too early", "write what follows, or remove the last word"},
		"restart: false":      {`{do: [{restart: false}]}`, `17:23`, "does nothing", "write restart: true"},
		"unknown state":       {`{do: [{expect: {order W-1: payd}}]}`, `17:34`, `no state "payd"`, `did you mean "paid"?`},
		"no event":            {`{do: [{signal: {order: W-1}}]}`, `17:14`, "tells of an event", "add event: …"},
		"unknown instance of": {`{do: [{expect: {ordr W-1: paid}}]}`, `17:23`, `nothing can be expected of "ordr W-1"`, `did you mean "order W-1"?`},
		"no process":          {`{do: [{signal: {ordr: W-1, event: paid}}]}`, `17:14`, "the process is missing", "a process and the ID"},
	}
}

// Each fault of a test is told when the configuration is loaded: once, at its place, with what to write.
func TestFaults(t *testing.T) {
	for name, c := range faults() {
		t.Run(name, func(t *testing.T) {
			path := write(t, faulty+c.test+processes)
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), "order.json"), []byte(`{"type": "object"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			_, problems := pipelines.Load(path, registry(), yamlfile.NewLoader())
			var errs []yamlfile.Problem
			for _, p := range problems.All() {
				if p.Severity == yamlfile.Error || strings.HasPrefix(p.Code, "W4") {
					errs = append(errs, p)
				}
			}
			var w strings.Builder
			problems.WriteText(&w, true, false)
			if len(errs) != 1 {
				t.Fatalf("%d errors\n%s", len(errs), w.String())
			}
			p := errs[0]
			if at := fmt.Sprintf("%d:%d", p.Line, p.Col); at != c.at || !strings.Contains(p.Message, c.message) || !strings.Contains(p.Help, c.help) {
				t.Errorf("want %s %q, help %q; got %s\n%s", c.at, c.message, c.help, at, w.String())
			}
		})
	}
}

const faulty = `adapters:
  server: {type: http-server}
  billing: {type: http-client, url: "http://127.0.0.1:1", ops: {charge: POST /charges}}
channels:
  out: {type: direct}
  news: {type: topic}
pipelines:
  asked:
    from: call
    steps: [{call: billing.charge}]
  web:
    from: {server: POST /orders}
    steps:
      - {call: asked}
      - {send: out}
tests:
  it: `

const processes = `
processes:
  order:
    id: body.order_id
    data: order
    states:
      new: {next: [{goto: paid}]}
      paid: {final: true}
schemas: {order: order.json}
`
