package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/api"
)

// twins are two processes that know the same IDs.
var twins = strings.NewReplacer("steps: [{start: order}]", "steps: [{start: order}, {start: parcel}]",
	"schemas:", `  parcel:
    id: body.id
    data: {order: order}
    states:
      packing: {task: {group: store, ask: {done: bool}, due: 1s}, next: [{goto: packed}]}
      packed: {final: true}
schemas:`).Replace(waiting)

// TestTwoProcesses: an ID that two processes know must be told with its process; late tasks are on the list.
func TestTwoProcesses(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, twins)
	s.file("order.json", waitingSchema)
	s.start()
	for _, id := range []string{"W-1", "W-2"} {
		s.hub(0, "send", "intake", `{"id":"`+id+`"}`, "--wait")
	}
	await(t, "the tasks are late", func() bool { return s.late() == 2 })
	has(t, s.hub(0, "status"), "order    v1       2     0      0      0      0", "parcel   v1       2     0      0      2      2", "late  parcel W-1", "task of store", "hub task show parcel:W-1/1")
	has(t, s.hub(0, "process", "list"), "order    W-1", "parcel   W-2", "task of store, late since ")
	has(t, s.hub(0, "process", "list", "--limit", "1"), "there are more: name the process, or give --limit")
	has(t, s.hub(0, "process", "list", "parcel", "--limit", "1"), "there are more: --after W-1")
	has(t, s.hub(0, "process", "list", "parcel", "--after", "W-1"), "W-2")
	has(t, s.hub(1, "process", "show", "W-1"), "several processes have W-1: name one of order/W-1, parcel/W-1")
	has(t, s.hub(0, "process", "show", "parcel/W-1"), "W-1  parcel process v1  state packing")
	has(t, s.hub(0, "report"), "order  v1  2 open", "parcel  v1  2 open, 0 ended, 0 stuck, 2 tasks (2 late)")
	has(t, s.hub(0, "trace", "W-1"), "W-1  order process v1  state paid", "W-1  parcel process v1  state packing", "asked     store: task")
}

// late counts the late tasks.
func (s *site) late() int {
	return strings.Count(s.hub(0, "task", "list", "--late", "-o", "json"), `"late": true`)
}

// TestRefusedAndPaused: what a process refuses is told, and leaves no dead letter; what it can't take yet is stored.
func TestRefusedAndPaused(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, waiting)
	s.file("order.json", waitingSchema)
	s.start()
	s.hub(0, "send", "intake", `{"id":"W-1"}`, "--wait")
	has(t, s.hub(1, "process", "cancel", "W-1", "--why", "test"), "nothing says how it is undone")
	has(t, s.hub(0, "dlq"), "no dead letters")
	s.hub(0, "pause", "order")
	has(t, s.hub(0, "process", "signal", "W-1", "picked_up"), "state paid", "it is stored, and the process has not taken it yet: hub trace W-1")
	s.hub(0, "resume", "order")
	await(t, "it is shipped", func() bool { return s.view("W-1").State == "shipped" })
}

// TestInstanceAPI: every fault of a call is a problem+json.
func TestInstanceAPI(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, waiting)
	s.file("order.json", waitingSchema)
	s.start()
	c := (&cli{home: s.dir}).client()
	for _, test := range []struct {
		call, body string
		status     int
		part       string
	}{
		{"POST /instances/signal", `{"instance": "W-1", "event": "picked_up"}`, 404, "no process order knows it"},
		{"POST /instances/retry", `{"id": "W-1"}`, 400, "unknown field"},
		{"POST /diff", `{`, 400, "the body"},
		{"POST /tasks/claim", `{}`, 400, "id is needed"},
		{"POST /tasks/claim", `{"id": "x"}`, 404, "no open task x"},
		{"POST /tasks/hand-over", `{"id": "x"}`, 404, "no open task x"},
		{"POST /tasks/hand-over", `{"id": "x", "to": "ann"}`, 404, "no open task x"},
		{"GET /report?process=x", "", 404, `no process "x"`},
	} {
		method, path, _ := strings.Cut(test.call, " ")
		path, query, _ := strings.Cut(path, "?")
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Do(t.Context(), method, path, values, []byte(test.body))
		if e, ok := errors.AsType[*api.Problem](err); !ok || e.Status != test.status || !strings.Contains(e.Error(), test.part) {
			t.Errorf("%s %s: %v, expected %d with %s", test.call, test.body, err, test.status, test.part)
		}
	}
	if raw, err := c.Do(t.Context(), http.MethodGet, "/tasks", nil, nil); err != nil || strings.TrimSpace(string(raw)) != "[]" {
		t.Errorf("tasks of an empty hub: %s, %v", raw, err)
	}
}

// TestHubWithoutProcesses says so.
func TestHubWithoutProcesses(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	s.start()
	for _, verb := range []string{"process list", "process show W-1", "report"} {
		has(t, s.hub(1, strings.Fields(verb)...), "this hub has no processes")
	}
	has(t, s.hub(0, "task", "list"), "no open tasks")
	has(t, s.hub(0, "diff", s.config), "PROCESS  CHANGE")
}
