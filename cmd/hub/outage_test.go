package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

// TestFault_V8_ReloadLeavesAQueue: a reload keeps the counts, and says which queue with messages it leaves without a reader; status
// goes on saying so until somebody reads it. A channel that never had a reader is no fault.
func TestFault_V8_ReloadLeavesAQueue(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	kept := shop + "      - send: archive\n"
	kept = strings.Replace(kept, "channels:\n", "channels:\n  archive: {type: direct}\n  other: {type: direct}\n", 1)
	s := newSite(t, kept)
	s.start()
	for i := range 3 {
		s.post("/orders", fmt.Sprintf(`{"id":"A-%d","total":1,"kind":"x"}`, i))
	}
	await(t, "the orders are worked", func() bool { return cell(t, s.hub(0, "status"), "work", 2) == "3" })
	s.hub(0, "pause", "work")
	s.post("/orders", `{"id":"A-9","total":1,"kind":"x"}`)
	await(t, "an order waits", func() bool { return cell(t, s.hub(0, "status"), "work", 5) == "1" })
	if out := s.hub(0, "status"); strings.Contains(out, "ATTENTION") {
		t.Errorf("a channel for people, and a paused pipeline, are no faults:\n%s", out)
	}
	before := cell(t, s.hub(0, "status"), "intake", 2)

	s.write(strings.Replace(kept, "from: orders", "from: other", 1))
	has(t, s.hub(0, "reload"), "warning: orders: 1 message lies here, and nobody reads it any more")
	out := s.hub(0, "status")
	has(t, out, "NEEDS ATTENTION", "unread  queue orders  since ", "1 message waits")
	if after := cell(t, out, "intake", 2); after != before || after == "0" {
		t.Errorf("intake has done %s, before the reload %s", after, before)
	}

	s.write(kept)
	if out := s.hub(0, "reload"); strings.Contains(out, "warning: orders") {
		t.Error(out)
	}
	if out := s.hub(0, "status"); strings.Contains(out, "ATTENTION") {
		t.Errorf("it is read again:\n%s", out)
	}
	s.stop()
}

// cell is a column of a stage: 2 is DONE, 5 READY.
func cell(t *testing.T, status, stage string, column int) string {
	t.Helper()
	for line := range strings.Lines(status) {
		if f := strings.Fields(line); len(f) > column && f[0] == stage {
			return f[column]
		}
	}
	t.Fatalf("no stage %s in\n%s", stage, status)
	return ""
}

// TestFault_V8_TraceOfRepeats: an answer from the cache took no time; a call that fails again and again has a line for the first time and
// one that counts, and what waits says how often and since when.
func TestFault_V8_TraceOfRepeats(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	var broken atomic.Bool
	var asked atomic.Int64
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1); broken.Load() && r.Method == http.MethodPost {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"ok":true}`)
	}))
	t.Cleanup(partner.Close)
	config := strings.Replace(shop, "channels:\n", "  far: {type: http-client, url: \""+partner.URL+"\", ops: {look: GET /look, act: POST /act}}\nretries:\n  fast: {times: 1000, wait: 20ms..50ms}\nchannels:\n", 1) +
		"      - enrich: {call: far.look, with: {a: 1}, into: body.found, cache: 10m}\n      - call: far.act\n        retry: fast\n"
	s := newSite(t, config)
	s.start()
	s.post("/orders", `{"id":"R-0","total":1,"kind":"x"}`)
	await(t, "an order is worked", func() bool { return asked.Load() == 2 })
	broken.Store(true)
	before := asked.Load()
	s.post("/orders", `{"id":"R-1","total":1,"kind":"x"}`)
	await(t, "it is tried many times", func() bool { return asked.Load() > before+10 })
	has(t, s.hub(0, "adapters"), "far      http-client  fails since ", "answered 503")
	await(t, "the trace tells of its tries", func() bool { // not while it is tried
		out := s.hub(0, "trace", "R-1")
		return strings.Contains(out, "waiting in orders, try ") && strings.Contains(out, "(the last of ") && strings.Contains(out, " tries since ")
	})
	broken.Store(false)
	await(t, "it is worked", func() bool { return strings.Contains(s.hub(0, "trace", "R-1"), "far.act → 200") })
	await(t, "the outage has ended", func() bool { return strings.Contains(s.hub(0, "adapters"), "far      http-client  works") })
	trace := s.hub(0, "trace", "R-1")
	has(t, trace, "far.look (cached)", "retried   failed ", "answered 503")
	if n := strings.Count(trace, "far.act failed"); n != 1 {
		t.Errorf("%d lines of calls that failed, want 1:\n%s", n, trace)
	}
	if strings.Contains(trace, "9223372036") {
		t.Errorf("an answer from the cache took an age:\n%s", trace)
	}
	s.stop()
}

// TestFault_B3_QueueSaysWhy: messages that wait though no partner is to blame are told of as well: their queue, why, since when; one warning.
func TestFault_B3_QueueSaysWhy(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	config := strings.Replace(shop, "channels:\n", "retries:\n  slow: {times: 9, wait: 2s..5m, errors: [closed]}\nchannels:\n", 1) +
		"      - fail: {class: closed, say: the warehouse is closed}\n        when: body.kind == \"late\"\n    errors:\n      closed: {retry: slow}\n"
	s := newSite(t, config)
	s.start()
	for i := range 5 {
		s.post("/orders", fmt.Sprintf(`{"id":"Q-%d","total":1,"kind":"late"}`, i))
	}
	await(t, "all wait", func() bool { return cell(t, s.hub(0, "status"), "work", 6) == "5" })
	has(t, s.hub(0, "status"), "NEEDS ATTENTION", "outage  queue orders  since ", "the warehouse is closed, 5 messages wait, next try in ", "5 wait since ")
	s.stop()
}
