package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub/hubtest"
)

// tapped is a verb that looks on, once its tap is open.
type tapped struct {
	out, talk bytes.Buffer
	code      chan int
}

// lookOn begins a tap, and returns when the hub's tap is open: the act is in the audit log.
func (s *site) lookOn(ctx context.Context, args ...string) *tapped {
	s.t.Helper()
	acts := func() int { return strings.Count(s.hub(0, "audit", "--act", "view", "-o", "ndjson"), "\n") }
	v, before := &tapped{code: make(chan int, 1)}, acts()
	go func() {
		v.code <- run(ctx, append(append([]string{"tap"}, args...), "--hub", s.dir), strings.NewReader(""), &v.out, &v.talk)
	}()
	hubtest.Until(s.t, "the tap is open", func() bool { return acts() > before })
	return v
}

// TestTap: a pipeline and a channel are looked at, by a condition, up to a limit; nothing is taken away; what schemas mark is masked; and the end says what was missed.
func TestTap(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, `
hub: {store: "sqlite:STORE"}
schemas: {order: order.json}
adapters: {web: {type: http-server, listen: "127.0.0.1:0"}}
channels: {orders: {type: direct, schema: order, key: body.id}, kept: {type: direct}}
pipelines:
  intake: {from: {web: POST /orders, schema: order}, steps: [{reply: 202}, {send: orders}]}
  work: {from: orders, steps: [{send: kept}]}
`)
	s.file("order.json", `{"type": "object", "properties": {"id": {"type": "string"}, "total": {"type": "number"}, "mail": {"type": "string", "x-pii": true}}}`)
	s.start()
	post := func(from, to int) {
		for i := from; i < to; i++ {
			s.post("/orders", fmt.Sprintf(`{"id":"W-%d","total":%d,"mail":"ann@example.com"}`, i, i*100)).Body.Close()
		}
	}
	pipeline, channel := s.lookOn(t.Context(), "intake", "--where", "body.total >= 200", "--limit", "2"), s.lookOn(t.Context(), "orders", "--limit", "4", "-o", "ndjson")
	unclear := s.lookOn(t.Context(), "work", "--where", "body.total == 300 or body.nothing > 1", "--limit", "1")
	kept := func(n int) {
		hubtest.Until(t, "what was sent lies at the end", func() bool { return strings.Count(s.hub(0, "channel", "show", "kept"), "W-") == n })
	}
	post(0, 3)
	kept(3) // so that the last one is the last everywhere: messages of different keys have no order
	post(3, 4)
	if code := <-pipeline.code; code != 0 {
		t.Errorf("exit %d\n%s", code, pipeline.talk.String())
	}
	if out := pipeline.out.String(); strings.Count(out, "\n") != 2 || strings.Contains(out, "ann@") || strings.Contains(out, "W-1") {
		t.Errorf("the pipeline:\n%s", out)
	}
	has(t, pipeline.out.String(), "intake", `"id":"W-2"`, `"id":"W-3"`, `"mail":"`)
	has(t, pipeline.talk.String(), "2 shown, 0 missed")
	<-channel.code
	var list []api.Tapped
	for dec := json.NewDecoder(&channel.out); dec.More(); {
		var m api.Tapped
		if err := dec.Decode(&m); err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	if len(list) != 4 || list[0].Place != "orders" || list[3].Key != "W-3" || list[0].Size == 0 {
		t.Errorf("the channel: %+v", list)
	}
	<-unclear.code
	has(t, unclear.talk.String(), "1 shown", "of 3 more the condition could not be told; the first: message ")
	kept(4) // none was taken away

	has(t, s.hub(0, "tap", "orders", "--for", "100ms"), "0 shown, 0 missed")
	has(t, s.hub(1, "tap", "intke"), `no pipeline, channel or queue is called "intke". Did you mean "intake"?`)
	has(t, s.hub(1, "tap", "intake", "--where", "body.total >"), "where: ")
	has(t, s.hub(1, "tap", "intake", "--for", "soon"), "for is no time span")
	has(t, s.hub(2, "tap", "intake", "--limit", "-1"), "--limit counts from 1")

	ctx, cancel := context.WithCancel(t.Context())
	ended := s.lookOn(ctx, "intake")
	cancel()
	if code := <-ended.code; code != 130 {
		t.Errorf("interrupted: exit %d", code)
	}
}

// TestTapSlow: who does not read holds nobody: what it missed is counted. When the hub ends, so does the tap, with exit 3.
func TestTapSlow(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	s.start()
	client := api.NewClient(s.ready.Control, url.Values{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	answer, err := client.Open(ctx, "GET", "/tap/intake", url.Values{"for": {"1h"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	large := fmt.Sprintf(`{"id":"%%d","total":1,"note":%q}`, strings.Repeat("x", 10<<10))
	for i := range 400 { // 4 MB: more than a socket and the tap hold
		s.post("/orders", fmt.Sprintf(large, i)).Body.Close()
	}
	v := s.lookOn(t.Context(), "intake")
	lines := bufio.NewReaderSize(answer, 1<<20)
	copies, line := 0, api.TapLine{}
	for line.Missed == 0 || int64(copies)+line.Missed < 400 { // a message is shown, or counted
		raw, err := lines.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		line = api.TapLine{}
		if err := json.Unmarshal(raw, &line); err != nil {
			t.Fatal(err)
		}
		if line.Copy != nil {
			copies++
		}
	}
	if copies == 0 || int64(copies)+line.Missed != 400 {
		t.Errorf("%d copies and %d missed of 400", copies, line.Missed)
	}
	s.stop()
	if code := <-v.code; code != 3 {
		t.Errorf("the hub ended: exit %d", code)
	}
	has(t, v.talk.String(), "the hub ended, or the connection to it was lost")
	io.Copy(io.Discard, answer)
}
