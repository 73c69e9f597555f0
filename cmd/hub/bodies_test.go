package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/hub/hubtest"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

const keeping = `
hub: {name: shop, store: "sqlite:STORE", drain: 2s, keep_bodies: 2d}
schemas: {order: order.json}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
channels:
  orders: {type: direct, key: body.id}
pipelines:
  intake:
    from: {web: POST /orders, schema: order}
    steps:
      - set: {body.total: '=round(body.total, 2)', body.customer.email: =lower(body.customer.email), body.size: none}
      - content_filter: {drop: [note]}
      - route:
          - {when: body.total > 10, set: {body.size: large}}
          - {else: true, set: {body.size: small}}
      - reply: {status: 202, body: {id: =body.id}}
      - send: orders
  work:
    from: orders
    steps:
      - {call: priced, as: price}
      - translate: {id: =body.id, lines: [{sku: A, qty: 1}]}
      - set: {body.lines: [{sku: A, qty: 2}]}
      - filter: body.id != "W-2"
      - fail: {class: lost, say: gone}
  priced:
    from: call
    steps:
      - set: {body: {net: 1}}
  quiet:
    keep_bodies: 0s
    from: {web: POST /quiet}
    steps:
      - set: {body.size: none}
      - reply: 202
`

// TestBodies: the body before and after each step is kept for a time, and shown as what changed, masked by the schema; looking at it is recorded. A
// pipeline that keeps none leaves none.
func TestBodies(t *testing.T) {
	s := newSite(t, keeping)
	s.file("order.json", `{"type":"object","properties":{"id":{"type":"string"},"total":{"type":"number"},"note":{"type":"string"},"size":{"type":"string"},
		"customer":{"type":"object","properties":{"email":{"type":"string","x-pii":true}}}}}`)
	s.start()
	for _, body := range []string{`{"id":"W-1","total":12.9,"note":"x","customer":{"email":"Ada@Example.com"}}`, `{"id":"W-2","total":1.00,"note":"y","customer":{"email":"bob@example.com"}}`} {
		if res := s.post("/orders", body); res.StatusCode != http.StatusAccepted {
			t.Fatal(res.Status)
		}
	}
	if res := s.post("/quiet", `{"id":"Q-1"}`); res.StatusCode != http.StatusAccepted {
		t.Fatal(res.Status)
	}
	hubtest.Until(t, "W-1 is dead, and W-2 done", func() bool {
		status := s.hub(0, "status")
		return cell(t, status, "work", 2) == "1" && cell(t, status, "work", 3) == "1"
	})
	text := s.hub(0, "trace", "W-1", "--bodies", "--by", "ada")
	has(t, text, "- total: 12.9\n", "+ total: 12.90\n", `- note: "x"`, `- customer.email: "[email]"`, `+ customer.email: "[email]"`, `+ size: "large"`, "+ net: 1", `+ lines.0.sku: "A"`, "- lines.0.qty: 1", "+ lines.0.qty: 2",
		`lines.0.qty: 2`)
	if strings.Contains(strings.ToLower(text), "example.com") || strings.Count(text, `+ size: "large"`) != 1 {
		t.Errorf("what is personal is shown, or what a step changed is told again by the step around it:\n%s", text)
	}
	if text := s.hub(0, "trace", "W-1"); strings.Contains(text, "12.9") {
		t.Errorf("bodies are shown to who does not ask for them:\n%s", text)
	}
	has(t, s.hub(0, "trace", "W-1", "--bodies", "--personal"), `- customer.email: "Ada@Example.com"`, `+ customer.email: "ada@example.com"`)
	has(t, s.hub(0, "audit", "list"), "ada", "view", "full=true")

	var v api.Trace
	if err := json.Unmarshal([]byte(s.hub(0, "trace", "W-1", "--bodies", "-o", "json")), &v); err != nil {
		t.Fatal(err)
	}
	steps := map[string]*api.StepBody{}
	for _, e := range v.Events {
		if e.Body != nil {
			steps[e.Where] = e.Body
		}
	}
	compact := func(raw json.RawMessage) string { return strings.Join(strings.Fields(string(raw)), "") }
	if set := steps["work/set"]; set == nil || compact(set.Before) != `{"id":"W-1","lines":[{"sku":"A","qty":1}]}` || compact(set.After) != `{"id":"W-1","lines":[{"sku":"A","qty":2}]}` ||
		compact(set.Changes.Before) != `{"lines":{"0":{"qty":1}}}` || compact(set.Changes.After) != `{"lines":{"0":{"qty":2}}}` {
		t.Errorf("set: %+v", set)
	}
	if f := steps["work/fail"]; f == nil || f.After != nil || f.Changes != nil || compact(f.Before) != `{"id":"W-1","lines":[{"sku":"A","qty":2}]}` {
		t.Errorf("fail: %+v", f)
	}
	if e := steps["intake/send orders"]; e == nil || e.Changes != nil || e.After == nil {
		t.Errorf("send: %+v", e)
	}
	if quiet := s.hub(0, "trace", "last", "--bodies"); strings.Contains(quiet, "seen") || !strings.Contains(quiet, "/quiet") {
		t.Errorf("of a pipeline that keeps no bodies:\n%s", quiet)
	}
	s.stop()
	st, err := drivers.Open(t.Context(), "sqlite:"+filepath.Join(s.dir, "hub.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	list, err := st.List(t.Context(), hub.BodiesKind, "", "", 100)
	if err != nil || len(list) != 6 { // of two orders, in three stages
		t.Errorf("%d runs have left their bodies: %v", len(list), err)
	}
	for _, r := range list {
		if left := time.Until(r.Expires).Hours(); left < 47 || left > 48 {
			t.Errorf("bodies are kept for %v hours", left)
		}
	}
}
