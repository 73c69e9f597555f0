package process_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// chargeSchema is what the gateway answers to a charge.
const chargeSchema = `{"type":"object","required":["id","result"],"properties":{"id":{"type":"string"},"result":{"enum":["approved","declined"]}}}`

// typed runs a process whose charges are typed, at a gateway that answers as given.
func typed(t *testing.T, processes string, charges ...string) *site {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"order.json": orderSchema, "charge.json": chargeSchema} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	answers := newBank().answers()
	answers["billing.charge"] = script(charges...)
	c := patterntest.Config{Answers: answers, Registry: registry()}
	c.YAML = strings.Replace(far, "ops: [charge, refund]", "ops: {charge: {reply: charge}, refund: {}}", 1) +
		"schemas: {order: " + dir + "/order.json, charge: " + dir + "/charge.json}\nprocesses:\n" + processes
	return &site{Hub: patterntest.Start(t, c), t: t}
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
			if tasks, _ := process.Tasks(context.Background(), s.Store, func(*process.OpenTask) bool { return true }); (len(tasks) == 1) != (c.state == "cancelling") {
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
