package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/api"
	"orderhub/pipelines/process"
)

// desk is a process with calls, events, timers, a task and compensation. FAR is its billing.
const desk = `
hub: {name: shop, store: "sqlite:STORE", drain: 2s}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
  billing: {type: http-client, url: "FAR", ops: {charge: POST /charge, refund: POST /refund}}
channels:
  notices: {type: direct}
  orders: {type: direct, key: body.id}
pipelines:
  intake: {from: {web: POST /orders}, steps: [{reply: 202}, {send: orders}]}
  begin: {from: orders, steps: [{start: order}]}
processes:
  order:
    version: 2
    id: body.id
    data: {order: order}
    milestones: [billing, paid]
    receive: {cancel: {goto: cancelling, until: done}}
    states:
      new: {next: [{when: order.total > 100, goto: review}, {goto: billing}]}
      review:
        task: {group: desk, ask: {approve: bool, limit: "number?", note: "text?"}, due: 1d}
        next: [{when: task.approve, goto: billing}, {goto: cancelling}]
      billing:
        steps: [{call: billing.charge, with: {card: =order.card}, retry: never, as: charge, compensate: {when: charge.result == "approved", call: billing.refund, with: {}}}]
        next: [{when: charge.result == "approved", goto: paid}, {when: charge.result == "expired", goto: awaiting_card}, {goto: cancelling}]
      awaiting_card:
        receive: {card_updated: {set: {order.card: =event.card}, goto: billing}}
        timers: [{after: 7d, send: notices}, {after: 14d, goto: cancelling}]
      paid: {receive: {picked_up: {goto: done}}, timers: [{after: 21d, send: notices}]}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
schemas: {order: ORDER}
`

// bank answers charges by the card; broken makes it refuse for good.
type bank struct {
	*httptest.Server
	broken atomic.Bool
}

func newBank(t *testing.T) *bank {
	b := &bank{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		result := "approved"
		if strings.Contains(string(raw), "old") {
			result = "expired"
		}
		w.Header().Set("Content-Type", "application/json")
		if b.broken.Load() {
			w.WriteHeader(http.StatusUnprocessableEntity)
			result = "broken"
		}
		io.WriteString(w, `{"result":"`+result+`"}`)
	}))
	t.Cleanup(b.Close)
	return b
}

// newDesk is a hub that runs the process order.
func newDesk(t *testing.T, config string) (*site, *bank) {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) })
	b := newBank(t)
	s := newSite(t, "")
	s.file("update.json", `{"type":"object","required":["card"],"properties":{"card":{"type":"string"}}}`)
	s.deskConfig(config, b)
	s.start()
	return s, b
}

func (s *site) deskConfig(config string, b *bank) {
	s.t.Helper()
	schema := s.file("order.json", `{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"total":{"type":"number"},"card":{"type":"string"}}}`)
	s.write(strings.NewReplacer("FAR", b.URL, "ORDER", schema).Replace(config))
}

// file writes a file beside the configuration, and gives its name.
func (s *site) file(name, text string) string {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// view is an instance by the command line.
func (s *site) view(id string) *process.View {
	s.t.Helper()
	var v process.View
	if err := json.Unmarshal([]byte(s.hub(0, "process", "show", id, "-o", "json")), &v); err != nil {
		s.t.Fatal(err)
	}
	return &v
}

// order posts an order and waits until it stands in the state.
func (s *site) order(id, body, state string) {
	s.t.Helper()
	if res := s.post("/orders", `{"id":"`+id+`",`+body+`}`); res.StatusCode != http.StatusAccepted {
		s.t.Fatal(res.Status)
	}
	await(s.t, id+" is in "+state, func() bool {
		var l api.Instances
		if err := json.Unmarshal([]byte(s.hub(0, "process", "list", "order", "--state", state, "-o", "json")), &l); err != nil {
			s.t.Fatal(err)
		}
		for _, v := range l.Instances {
			if v.ID == id && v.Places[0].Phase != process.Running {
				return true
			}
		}
		return false
	})
}

func TestProcessShowAndSignal(t *testing.T) {
	s, _ := newDesk(t, desk)
	s.order("W-1", `"total":5,"card":"old"`, "awaiting_card")
	has(t, s.hub(0, "process", "show", "W-1"), "W-1  order process v2  state awaiting_card  (since ", "next: send notices in 6d 23h)",
		"place    awaiting_card ", "waiting, since ", "listens  card_updated, cancel", "goto cancelling", "undo     order/billing/call billing.charge", "seen     new")
	has(t, s.hub(0, "process", "show", "order/W-1", "--data"), `"card":"old"`)
	has(t, s.hub(0, "process", "list"), "PROCESS", "W-1", "awaiting_card", "waits for card_updated, cancel")
	has(t, s.hub(0, "process", "list", "--stuck"), "no instances")
	for _, test := range []struct {
		want int
		line string
		part string
	}{
		{1, "process show W-9", "W-9: no process order knows it"},
		{1, "process signal W-1 card_updatd", `no state of order takes an event "card_updatd". Did you mean "card_updated"?`},
		{1, "process signal W-9 cancel", "no process order knows it"},
		{1, "process retry W-1", "nothing of order W-1 failed"},
		{1, "process move W-1", "on the newest version already: 2"},
		{1, "process list ordr", `no process "ordr". Did you mean "order"?`},
		{1, "process list --state payd", `no state "payd". Did you mean "paid"?`},
		{1, "process list --limit 0", "limit is no number above 0"},
		{2, "process cancel W-1", "--why is missing"},
		{2, "process signal W-1 card_updated --with {", "--with is no JSON"},
		{2, "process lst", `unknown command "lst". Did you mean "list"?`},
		{1, "send order {}", "order is a process: send to a pipeline that starts it"},
	} {
		has(t, s.hub(test.want, strings.Fields(test.line)...), test.part)
	}
	has(t, s.hub(0, "process", "signal", "W-1", "card_updated", "--with", `{"card":"new"}`), "W-1  order process v2  state ")
	await(t, "it is paid", func() bool { return s.view("W-1").State == "paid" })
	has(t, s.hub(0, "trace", "W-1"), "signalled event card_updated by hand", "received  event card_updated")
	has(t, s.hub(0, "process", "signal", "W-1", "card_updated", "--with", `{"card":"x"}`), "it is kept: no state takes card_updated yet")
	has(t, s.hub(0, "process", "list", "--early"), "W-1", "1 early event")
	s.hub(0, "process", "signal", "W-1", "picked_up")
	has(t, s.hub(0, "process", "show", "W-1"), "W-1  order process v2  ended in done  (")
	has(t, s.hub(1, "process", "signal", "W-1", "cancel"), "order W-1 ended in done at ")
	has(t, s.hub(0, "process", "list"), "no instances")
	has(t, s.hub(0, "process", "list", "--state", "done"), "W-1")
}

// TestSignalThatDoesNotFit: an event that no state takes, or with data that no state would take, is refused before anything is stored.
func TestSignalThatDoesNotFit(t *testing.T) {
	s, _ := newDesk(t, strings.NewReplacer("card_updated: {set:", "card_updated: {schema: update, set:", "order: ORDER", "order: ORDER, update: update.json").Replace(desk))
	s.order("W-1", `"total":5,"card":"old"`, "awaiting_card")
	for _, c := range []struct{ event, with, code, says string }{
		{"card_updatd", `{"card":"new"}`, "unknown_event", `no state of order takes an event "card_updatd". Did you mean "card_updated"?`},
		{"card_updated", `{"card":7}`, "schema", "the data of the event card_updated: "},
		{"card_updated", `{}`, "schema", "the data of the event card_updated: "},
	} {
		args := []string{"process", "signal", "W-1", c.event, "--with", c.with}
		has(t, s.hub(1, args...), c.says)
		has(t, s.hub(1, append(args, "-o", "json")...), `"status": 422`, fmt.Sprintf(`"code": %q`, c.code))
	}
	if v := s.view("W-1"); v.State != "awaiting_card" || len(v.Early) != 0 {
		t.Errorf("%s, with early events %+v", v.State, v.Early)
	}
	has(t, s.hub(0, "dlq"), "no dead letters")
	has(t, s.hub(0, "process", "signal", "W-1", "card_updated", "--with", `{"card":"new"}`), "W-1  order process v2  state ")
	await(t, "it is paid", func() bool { return s.view("W-1").State == "paid" })
}

func TestProcessRetryAndCancel(t *testing.T) {
	s, bank := newDesk(t, strings.Replace(desk, "version: 2", "version: 2\n    early: 1s", 1))
	bank.broken.Store(true)
	s.post("/orders", `{"id":"W-1","total":5,"card":"good"}`)
	await(t, "it is stuck", func() bool { return strings.Contains(s.hub(0, "process", "list", "--stuck"), "W-1") })
	has(t, s.hub(0, "process", "show", "W-1"), "billing  failed", "at order/billing/call billing.charge")
	has(t, s.hub(0, "status"), "PROCESS", "ATTENTION", "stuck", "hub process retry order/W-1")
	has(t, s.hub(0, "report", "order"), "1 open, 0 ended, 1 stuck", "STUCK", "rejected: ")
	await(t, "its message is a dead letter, just behind", func() bool { return strings.Contains(s.hub(0, "trace", "W-1"), "dead letter") })
	has(t, s.hub(0, "trace", "W-1"), "state billing")
	bank.broken.Store(false)
	has(t, s.hub(0, "process", "signal", "W-1", "picked_up"), "it is kept: no state takes picked_up yet")
	await(t, "nobody took the event in time", func() bool { return strings.Contains(s.hub(0, "dlq"), "the event picked_up waited 1s") })
	has(t, s.hub(0, "process", "retry", "W-1"), "W-1  order process v2", "1 dead letter dropped", "1 dead letter of it left, of events and timers: hub dlq")
	await(t, "it is paid", func() bool { return s.view("W-1").State == "paid" })
	if text := s.hub(0, "dlq"); strings.Contains(text, "billing") {
		t.Errorf("the dead letter of the failed step is left:\n%s", text)
	}
	s.hub(0, "process", "cancel", "W-1", "--why", "out of stock")
	await(t, "it is undone", func() bool { return s.view("W-1").State == "cancelled" })
	has(t, s.hub(0, "trace", "W-1"), "cancelled by hand: out of stock", "undone", "ended in cancelled")
	has(t, s.hub(0, "report"), "0 open, 1 ended, 0 stuck")
}

// TestProcessTrace: the timeline is one, in time order, and timers that wait do not move it.
func TestProcessTrace(t *testing.T) {
	s, _ := newDesk(t, desk)
	s.order("W-1", `"total":5,"card":"old"`, "awaiting_card")
	var v api.Trace
	if err := json.Unmarshal([]byte(s.hub(0, "trace", "W-1", "-o", "json")), &v); err != nil {
		t.Fatal(err)
	}
	if v.State != "awaiting_card" || len(v.Stored) != 0 || len(v.Instances) != 1 || len(v.Roots) != 2 {
		t.Errorf("state %q, stored %+v, roots %q", v.State, v.Stored, v.Roots)
	}
	for i := range v.Events[1:] {
		if v.Events[i+1].Time.Before(v.Events[i].Time) {
			t.Errorf("event %d is older than the one before: %+v", i+1, v.Events[i+1])
		}
	}
	text := s.hub(0, "trace", "W-1")
	has(t, text, "W-1  order process v2  state awaiting_card  (since ", "intake", "billing.charge", `chose     awaiting_card because charge.result == "expired" (charge.result = "expired")`)
	s.stop()
	t.Setenv("HUB_STORE", "sqlite:"+s.dir+"/hub.db")
	has(t, s.hub(0, "trace", "W-1"), "W-1  order process v2  state awaiting_card  (since ")
}
