package process_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/mask"
	"orderhub/pipelines/enrich"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
	"orderhub/pipelines/split"
)

// chargeSchema is what the gateway answers to a charge.
const chargeSchema = `{"type":"object","required":["id","result"],"properties":{"id":{"type":"string"},"result":{"enum":["approved","declined"]}}}`

// typed runs a process whose charges are typed, at a gateway that answers as given.
func typed(t *testing.T, processes string, charges ...string) *site {
	t.Helper()
	return typedBy(t, processes, script(charges...))
}

func typedBy(t *testing.T, processes string, charge patterntest.Answer) *site {
	t.Helper()
	answers := newBank().answers()
	answers["billing.charge"] = charge
	yaml := strings.Replace(far, "ops: [charge, refund]", "ops: {charge: {reply: charge}, refund: {}}", 1)
	return startWith(t, patterntest.Config{Answers: answers, YAML: yaml}, processes, "order", orderSchema, "charge", chargeSchema)
}

const takesMoney = `
  order:
    id: order.id
    data: {order: order}
    compensation: {group: money}
    states:
      billing:
        steps: [{call: billing.charge, with: {amount: =order.total}, as: charge, compensate: {when: charge.result == "approved", call: billing.refund, with: {charge: =charge.id}}}]
        errors: {rejected: {goto: cancelling}}
        next: [{when: charge.result == "approved", goto: paid}, {when: charge.result == "declined", goto: cancelling}]
      paid: {receive: {sent: {goto: done}, regret: {goto: cancelling}}}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      done: {final: true}
      cancelled: {final: true}
`

// An answer that does not fit is no refusal: `rejected` leads nowhere, the charge stops there, and is asked again with the same key.
func TestFault_M1_NoRefusal(t *testing.T) {
	for name, answer := range map[string]string{"a field is missing": `{"status":"fine"}`, "no object": `[]`, "nothing": ``, "another result": `{"id":"c1","result":"maybe"}`, "no JSON": `<html>`} {
		t.Run(name, func(t *testing.T) {
			s := typed(t, takesMoney, answer, `{"id":"c1","result":"approved"}`)
			s.begin(`{"id":"W-1","total":9}`)
			p := s.at("W-1", "billing").Places[0]
			if d := s.Dead(); p.Phase != process.Failed || p.Error.Reason != hub.BadResponse || len(d) != 1 {
				t.Fatalf("%+v, dead letters %v", p.Error, d)
			}
			s.wantCalls("billing.refund", 0)
			s.put(process.Retry("order", "W-1", "r1", s.Clock.Now()))
			s.at("W-1", "paid")
			s.wantCalls("billing.charge", 1)
		})
	}
}

// Who cancels meanwhile asks again first: what was charged is given back, and what nobody understands a person sees to.
func TestFault_M1_DoubtIsAskedAway(t *testing.T) {
	for name, c := range map[string]struct {
		then    string // the answer to the second question
		refunds int
		state   string
	}{
		"it was charged":         {`{"id":"c1","result":"approved"}`, 1, "cancelled"},
		"it was declined":        {`{"id":"c1","result":"declined"}`, 0, "cancelled"},
		"it was refused":         {`rejected`, 0, "cancelled"},
		"nobody understands yet": {`{"status":"fine"}`, 0, "cancelling"},
		"a bug of ours":          {`bug`, 0, "cancelling"},
	} {
		t.Run(name, func(t *testing.T) {
			s := typed(t, takesMoney, `{"status":"fine"}`, c.then)
			s.begin(`{"id":"W-1","total":9}`)
			s.put(process.Cancel("order", "W-1", "c1", "regret", s.Clock.Now()))
			s.at("W-1", c.state)
			s.wantCalls("billing.charge", 1)
			s.wantCalls("billing.refund", c.refunds)
			if tasks, _ := process.Tasks(context.Background(), s.Store, 100, nil); (len(tasks) == 1) != (c.state == "cancelling") {
				t.Errorf("%d tasks", len(tasks))
			}
		})
	}
}

// What had no effect is not told to be undone.
func TestFault_M1_NothingToUndo(t *testing.T) {
	s := typed(t, takesMoney, `{"id":"c1","result":"declined"}`)
	s.begin(`{"id":"W-1","total":9}`)
	s.at("W-1", "cancelled")
	said := slices.DeleteFunc(s.History("W-1"), func(e string) bool { return !strings.Contains(e, "undo") })
	patterntest.Want(t, "history", said, `skipped nothing to undo: charge.result == "approved" is false (order/billing/call billing.charge)`)
	s.clean()
}

// Who was only kept out has not said that nothing was done: a charge that may have been made is left to a person, not taken for undone.
func TestFault_M1_KeptOut(t *testing.T) {
	for _, reason := range []string{"http_403", "http_404", "redirect", "target_forbidden"} {
		t.Run(reason, func(t *testing.T) {
			tries := 0
			s := typedBy(t, takesMoney, func(context.Context, *hub.Message) (*hub.Message, error) {
				if tries++; tries == 1 {
					return nil, hub.Fail(hub.Timeout, "timeout", "no answer")
				}
				return nil, hub.Fail(hub.Rejected, reason, "kept out")
			})
			s.begin(`{"id":"W-1","total":9}`)
			s.Advance(time.Hour)
			s.at("W-1", "cancelling")
			s.wantCalls("billing.charge", 1)
			s.wantCalls("billing.refund", 0)
			tasks, _ := process.Tasks(context.Background(), s.Store, 100, nil)
			if len(tasks) != 1 || !strings.Contains(tasks[0].Why, "it is not known whether") {
				t.Errorf("tasks %+v", tasks)
			}
		})
	}
}

// A pipeline that is called charges, and is refused what it wants next: that is no refusal of the whole. The order is not
// cancelled behind the charge, and who cancels it leaves nothing charged without a word. Only `fail:` is the author's own
// word, and what only reads has done nothing.
func TestFault_M1_DoneInPart(t *testing.T) {
	const charge = "{call: billing.charge, with: {order: =body.id}, as: charge}"
	for name, c := range map[string]struct {
		steps, ask string
		partial    bool
		class      hub.Class
	}{
		"a second partner refuses":    {charge + ", {call: shipping.book}", "pay", true, hub.Rejected},
		"asked by a channel":          {charge + ", {call: shipping.book}", "payments", true, hub.Rejected},
		"one of several items":        {"{split: {each: body.items, parallel: 4, steps: [{call: billing.charge, when: body == 1}, {call: shipping.book, when: body == 2}], aggregate: {give: bodies}}}", "pay", true, hub.Rejected},
		"a formula fails":             {charge + ", {set: {body.n: =number(body.id)}}", "pay", true, hub.Invalid},
		"a validation fails":          {charge + ", {validate: [{rule: body.total > 10, say: too little}]}", "pay", true, hub.Invalid},
		"a pipeline of it refuses":    {charge + ", {call: refuse}", "pay", true, hub.Rejected},
		"a pipeline of it is partial": {"{call: pay-first}", "pay", true, hub.Rejected},
		"its author refuses":          {charge + ", {fail: rejected}", "pay", false, hub.Rejected},
		"it only read":                {"{call: billing.look}, {call: shipping.book}", "pay", false, hub.Rejected},
		"it was only enriched":        {"{enrich: {call: billing.charge, into: body.charge}}, {call: shipping.book}", "pay", false, hub.Rejected},
		"nothing was done":            {"{call: shipping.book}", "pay", false, hub.Rejected},
	} {
		t.Run(name, func(t *testing.T) {
			answers := newBank().answers()
			reg := registry()
			reg.Patterns = append(reg.Patterns, split.Pattern(), enrich.Pattern())
			answers["billing.look"] = answer(`{}`)
			answers["shipping.book"] = func(context.Context, *hub.Message) (*hub.Message, error) {
				return nil, hub.Fail(hub.Rejected, "http_422", "no such address")
			}
			yaml := strings.Replace(far, "[charge, refund]", "[charge, refund, look]", 1)
			yaml = strings.Replace(yaml, "pipelines:\n", `  payments: {type: direct}
pipelines:
  `+map[string]string{"pay": "pay: {from: call, steps: [" + c.steps + "]}", "payments": "payer: {from: payments, steps: [" + c.steps + ", {reply: {body: =body}}]}"}[c.ask]+`
  pay-first: {from: call, steps: [`+charge+`, {call: shipping.book}]}
  refuse: {from: call, steps: [{fail: rejected}]}
`, 1)
			s := startWith(t, patterntest.Config{Answers: answers, Registry: reg, YAML: yaml}, `
  order:
    id: order.id
    data: {order: order}
    compensation: {group: money, retry: never}
    states:
      billing:
        steps: [{call: `+c.ask+`, with: '={id: order.id, total: order.total, items: [1, 2]}', as: paid, compensate: {call: billing.refund, with: {charge: c1}}}]
        errors: {rejected: {goto: cancelling}, invalid: {goto: cancelling}}
        next: [{goto: paid}]
      paid: {receive: {regret: {goto: cancelling}}}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      cancelled: {final: true}
`, "order", orderSchema)
			s.begin(`{"id":"W-1","total":9}`)
			if !c.partial {
				s.at("W-1", "cancelled")
				s.wantCalls("billing.refund", 0)
				return
			}
			p := s.at("W-1", "billing").Places[0]
			if d := s.Dead(); p.Phase != process.Failed || p.Error.Class != string(c.class) || !strings.Contains(p.Error.Message, "what was called before it is done") || len(d) != 1 {
				t.Fatalf("%+v, dead letters %v", p.Error, d)
			}
			s.put(process.Cancel("order", "W-1", "c1", "regret", s.Clock.Now()))
			s.at("W-1", "cancelling")
			tasks, _ := process.Tasks(t.Context(), s.Store, 100, nil)
			if len(tasks) != 1 || !strings.Contains(tasks[0].Why, "is done in part") {
				t.Fatalf("tasks %+v", tasks)
			}
			s.wantCalls("billing.refund", 0)
		})
	}
}

// A compensation that is done in part is one that can't be done: the task does not say so of the step that it is to undo.
func TestFault_M1_UndoneInPart(t *testing.T) {
	answers := newBank().answers()
	answers["shipping.cancel"] = func(context.Context, *hub.Message) (*hub.Message, error) {
		return nil, hub.Fail(hub.Rejected, "http_422", "it is on its way")
	}
	yaml := strings.Replace(far, "pipelines:\n", `pipelines:
  undo: {from: call, steps: [{call: billing.refund, with: {charge: c1}, as: refund}, {call: shipping.cancel}]}
`, 1)
	s := startWith(t, patterntest.Config{Answers: answers, YAML: yaml}, `
  order:
    id: order.id
    data: {order: order}
    compensation: {group: money, retry: never}
    states:
      billing:
        steps: [{call: billing.charge, with: =order, as: charge, compensate: {call: undo}}]
        next: [{goto: paid}]
      paid: {receive: {regret: {goto: cancelling}}}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      cancelled: {final: true}
`, "order", orderSchema)
	s.begin(`{"id":"W-1","total":9}`)
	s.signal("W-1", "regret", "")
	s.at("W-1", "cancelling")
	tasks, _ := process.Tasks(t.Context(), s.Store, 100, nil)
	if len(tasks) != 1 || !strings.Contains(tasks[0].Why, "billing.charge can't be undone: it is on its way") {
		t.Errorf("tasks %+v", tasks)
	}
}

// A partner that gives back what it was sent: neither the record of the instance nor the task for a person tells it.
func TestFault_S2_WhatUndoingIsTold(t *testing.T) {
	const token, card, mail = "bearer-token-0815", "card-4111-1111", "ada@example.org"
	answers := newBank().answers()
	echo := func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		return nil, hub.Fail(hub.Rejected, "http_400", "answered 400: %w", hub.Said(string(m.Body.Bytes())+" "+token+` {"pan":"pan-of-the-answer"}`))
	}
	answers["billing.refund"] = echo
	answers["shipping.pick"] = echo
	schema := strings.Replace(orderSchema, `"card":{"type":"string"}`, `"card":{"type":"string","x-secret":true},"mail":{"type":"string","x-pii":true},"pan":{"x-secret":true}`, 1)
	mask := &mask.Masker{}
	mask.Hide(token, "secret:billing")
	reg := registry()
	reg.Mask = mask
	s := startWith(t, patterntest.Config{Answers: answers, Registry: reg}, `
  order:
    id: order.id
    data: {order: order}
    compensation: {group: money, retry: never}
    states:
      billing:
        steps:
          - {call: billing.charge, with: =order, as: charge, compensate: {call: billing.refund, with: =order}}
        receive: {regret: {goto: cancelling}, odd: {set: {total: "=number(order.mail)"}, goto: cancelling}}
      cancelling: {compensate: all, next: [{goto: cancelled}]}
      cancelled: {final: true}
`, "order", schema)
	s.begin(`{"id":"W-1","total":9,"card":"` + card + `","mail":"` + mail + `"}`)
	s.signal("W-1", "odd", "") // a formula that quotes what it can't read
	s.signal("W-1", "regret", "")
	s.at("W-1", "cancelling")
	tasks, _ := process.Tasks(context.Background(), s.Store, 100, nil)
	if len(tasks) != 1 || !strings.Contains(tasks[0].Why, "answered 400") {
		t.Fatalf("tasks %+v", tasks)
	}
	said := tasks[0].Why + strings.Join(s.History("W-1"), "\n")
	for _, p := range s.view("W-1").Places {
		if p.Error != nil {
			said += p.Error.Message
		}
	}
	for _, d := range s.Dead() {
		said += d.Error.Message
	}
	for _, secret := range []string{token, card, mail, "pan-of-the-answer"} {
		if strings.Contains(said, secret) {
			t.Errorf("%q is told: %s", secret, said)
		}
	}
}
