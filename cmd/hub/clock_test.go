package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

const clocks = `
hub: {name: clocks, store: "sqlite:STORE", drain: 2s}
adapters:
  billing: {type: http-client, url: "http://127.0.0.1:1", ops: {list: GET /events}}
channels:
  runs: {type: direct}
  events: {type: direct}
pipelines:
  nightly:
    from: {schedule: "0 2 * * *", zone: Europe/Berlin}
    steps: [{send: runs}]
  poll:
    from: {poll: billing.list, every: 5m, with: {after: '=cursor ?? 0'}, items: =body.items, cursor: =last(items).id}
    steps: [{delay: 2m}, {send: events}]
tests:
  time goes by:
    chaos: [crash, duplicate, reorder]
    start_at: 2026-03-02T00:40
    mock: {billing.list: {items: '=body.after < 2 ? [{id: body.after + 1}] : []'}}
    do:
      - {advance: 5m, expect: {none: [events, runs], calls: {billing.list: 1}}}
      - {advance: 2m, expect: {events: [{id: 1}], none: runs}}
      - {at: 2026-03-02T00:59, expect: {events: [{id: 2}], none: runs}}
      - {advance: 1m, expect: {runs: [{due: "2026-03-02T01:00:00Z", previous: null}]}}
      - {restart: true}
      - {give: nightly, body: {due: "2026-03-01T01:00:00Z", previous: null}, expect: {runs: 2, calls: {billing.list: 4}}}
`

// TestClocksOnVirtualTime: a schedule, a poll and a delay in hub test: a crash at each place, repeats and other orders change nothing.
func TestClocksOnVirtualTime(t *testing.T) {
	s := newSite(t, clocks)
	var out bytes.Buffer
	if code := run(context.Background(), []string{"test", s.config}, strings.NewReader(""), &out, &out); code != 0 {
		t.Errorf("exit %d\n%s", code, &out)
	}
	has(t, out.String(), "ok ", "1 test")
}

// TestStatusTellsTheNextTime: hub status has the next time of a clock; a clock keeps no hub from ending its work.
func TestStatusTellsTheNextTime(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, clocks)
	s.start("--no-stubs")
	await(t, "the next time", func() bool { return strings.Count(s.hub(0, "status"), "next at 20") == 2 })
	has(t, s.hub(0, "status"), "nightly clock", "poll clock", ":00:00Z")
	has(t, s.hub(0, "status", "-o", "json"), `"clock": true`, `"next_due"`)
	has(t, s.hub(0, "graph", s.config), "schedule 0 2 * * *", "poll billing.list")
	s.hub(0, "pause", "nightly")
	await(t, "the pause", func() bool { return strings.Count(s.hub(0, "status"), "next at 20") == 1 })
	s.hub(0, "resume", "nightly")
	has(t, s.hub(0, "send", "nightly", `{"due":"2026-03-01T01:00:00Z","previous":null}`, "--wait"), "done", "nightly/send runs")
}
