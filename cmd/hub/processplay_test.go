package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// waiting is a process that waits for weeks.
const waiting = `
hub: {store: "sqlite:STORE"}
adapters: {web: {type: http-server, listen: "127.0.0.1:0"}}
channels:
  orders: {type: direct, key: body.id}
  notices: {type: direct}
pipelines:
  intake: {from: {web: POST /orders}, steps: [{reply: 202}, {send: orders}]}
  begin: {from: orders, steps: [{start: order}]}
  scan: {from: {web: "POST /orders/{id}/scan"}, steps: [{reply: 202}, {signal: {order: =params.id, event: picked_up}}]}
processes:
  order:
    id: body.id
    data: {order: order}
    states:
      paid: {receive: {picked_up: {goto: shipped}}, timers: [{after: 21d, send: notices}]}
      shipped: {timers: [{after: 30d, goto: done}]}
      done: {final: true}
schemas: {order: order.json}
`

const waitingSchema = `{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}`

// TestSandboxEndsThoughTimersWait: what waits for weeks is no part of it.
func TestSandboxEndsThoughTimersWait(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, waiting)
	s.file("order.json", waitingSchema)
	if err := os.Mkdir(filepath.Join(s.dir, "samples"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.file("samples/intake.1.json", `{"id":"W-1"}`)
	var out, talk bytes.Buffer
	if code := run(context.Background(), []string{"sandbox", s.config, "--wait", "10s"}, nil, &out, &talk); code != 0 {
		t.Fatalf("exit %d\n%s%s", code, &out, &talk)
	}
	has(t, out.String(), "== intake.1.json  POST /orders  202 Accepted", "W-1  order process v1  state paid  (since ", "next: send notices in 20d 23h)", "started", "1 sample in ")
}

// TestSendToProcess: a message that starts an instance is through when the instance waits.
func TestSendToProcess(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, waiting)
	s.file("order.json", waitingSchema)
	s.start()
	has(t, s.hub(0, "send", "intake", `{"id":"W-1"}`, "--wait"), "W-1  order process v1  state paid  (since ", "received", "order/paid")
	has(t, s.hub(0, "send", "scan", `{}`, "--param", "id=W-1", "--wait"), "signalled", "order W-1: picked_up")
	await(t, "it is shipped", func() bool { return s.view("W-1").State == "shipped" })
	has(t, s.hub(1, "send", "order", `{}`), "order is a process: send to a pipeline that starts it, or hub process signal ID EVENT")
}

// TestGraphOfProcess: a process is a node of its own kind, fed by what starts and signals it.
func TestGraphOfProcess(t *testing.T) {
	s := newSite(t, waiting)
	s.file("order.json", waitingSchema)
	for format, golden := range map[string]string{"text": "process.txt", "mermaid": "process.mmd"} {
		got := strings.ReplaceAll(s.hub(0, "graph", s.config, "-f", format), s.dir+"/", "")
		file := filepath.Join("testdata", "graph", golden)
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs:\n%s", file, got)
		}
	}
	s.start()
	s.hub(0, "send", "intake", `{"id":"W-1"}`, "--wait")
	raw, err := (&cli{home: s.dir}).client().Do(t.Context(), "GET", "/graph", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	has(t, string(raw), `"kind": "process"`, `"detail": "v1, 3 states"`, `"badge": "1 open"`)
}
