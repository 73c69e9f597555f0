package process_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// approval asks a person by mail, and reminds.
const approval = `
  order:
    id: order.id
    data: {order: order}
    states:
      asking:
        steps: [{send: {mail: asked, to: =task_id}}]
        task: {group: desk, ask: {approve: bool, note: "text?"}, due: 2d, late: {send: {mail: late, to: =task_id}}}
        timers: [{after: 1d, send: {mail: reminder, to: =task_id}}]
        next: [{when: task.approve, goto: approved}, {goto: refused}]
      approved: {final: true}
      refused: {final: true}
`

// startDesk runs approval beside a pipeline that answers the tasks that requests name.
func startDesk(t *testing.T) *site {
	t.Helper()
	yaml := strings.Replace(far, "\npipelines:\n", "\npipelines:\n"+
		"  answers: {from: {web: POST /tasks}, steps: [{answer: {task: =body.task, with: {approve: =body.approve, note: =body.note}, by: =body.by}}, {reply: 202}]}\n", 1)
	return startWith(t, patterntest.Config{YAML: yaml}, approval, "order", orderSchema)
}

func (s *site) byPage(body string) *hub.Error {
	s.t.Helper()
	s.n++
	_, err := s.In("answers", s.Message("R"+string(rune('0'+s.n)), body))
	s.Settle()
	if err != nil {
		return hub.AsError(err)
	}
	return nil
}

func TestAnswerByPage(t *testing.T) {
	for name, c := range map[string]struct{ answer, class, reason, says, state string }{
		"approved":          {`"approve":true,"note":"ok"`, "", "", "", "approved"},
		"of a web form":     {`"approve":"true","note":""`, "", "", "", "approved"},
		"refused":           {`"approve":false`, "", "", "", "refused"},
		"a field is wrong":  {`"approve":"perhaps"`, "invalid", "answer", "approve must be a bool", "asking"},
		"a field is absent": {`"note":"no"`, "invalid", "answer", "approve is missing", "asking"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startDesk(t)
			s.begin(`{"id":"W-1"}`)
			e := s.byPage(`{"task":"order:W-1/1","by":"Ann",` + c.answer + `}`)
			if c.class == "" && e != nil || c.class != "" && (e == nil || string(e.Class) != c.class || e.Reason != c.reason || !strings.Contains(e.Error(), c.says)) {
				t.Errorf("answered %v, want %s %s", e, c.class, c.says)
			}
			s.at("W-1", c.state)
			if len(s.Dead()) > 0 {
				t.Errorf("dead letters: %v", s.Dead()[0].Error)
			}
		})
	}
}

// The first answer counts; who comes behind is told so, as is who asks for a task that never was.
func TestAnsweredAlready(t *testing.T) {
	s := startDesk(t)
	s.begin(`{"id":"W-1"}`)
	if e := s.byPage(`{"task":"order:W-1/1","approve":true,"by":"Ann"}`); e != nil {
		t.Fatal(e)
	}
	for _, task := range []string{"order:W-1/1", "order:W-9/1", ""} {
		if e := s.byPage(`{"task":"` + task + `","approve":false,"by":"Bob"}`); e == nil || e.Class != hub.Rejected || e.Reason != "no_task" {
			t.Errorf("task %q: %v", task, e)
		}
	}
	s.at("W-1", "approved")
}

// What one has claimed nobody else answers, until it is handed over.
func TestAnswerOfAClaimedTask(t *testing.T) {
	s := startDesk(t)
	s.begin(`{"id":"W-1"}`)
	commit := func(u *hub.Unit, err error) {
		t.Helper()
		if err == nil {
			err = s.Runtime.Commit(context.Background(), u)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	commit(s.listed("order:W-1/1").Claim("Ann", s.Clock.Now()))
	bob := `{"task":"order:W-1/1","approve":true,"by":"Bob"}`
	if e := s.byPage(bob); e == nil || e.Class != hub.Rejected || e.Reason != "claimed" || !strings.Contains(e.Error(), "claimed by Ann") {
		t.Errorf("Bob answers what Ann has claimed: %v", e)
	}
	s.at("W-1", "asking")
	commit(s.listed("order:W-1/1").HandOver("Bob", false, s.Clock.Now()), nil)
	if e := s.byPage(`{"task":"order:W-1/1","approve":false,"by":"Ann"}`); e == nil || e.Reason != "claimed" {
		t.Errorf("Ann answers what she has handed over: %v", e)
	}
	if e := s.byPage(bob); e != nil {
		t.Errorf("Bob answers what is his: %v", e)
	}
	s.at("W-1", "approved")
}

// The task's ID is known before the task is open, and to all that remind of it. A reminder puts nothing off.
func TestTaskIsNamed(t *testing.T) {
	s := startDesk(t)
	s.begin(`{"id":"W-1"}`)
	open, err := process.Tasks(context.Background(), s.Store, 100, nil)
	if err != nil || len(open) != 1 {
		t.Fatalf("open tasks %v %v", open, err)
	}
	s.Advance(3 * 24 * time.Hour)
	for _, mail := range []string{"asked", "reminder", "late"} {
		if sent := s.Sent("mail " + mail); len(sent) != 1 || sent[0].Headers.Get("to") != open[0].ID {
			t.Errorf("%s: %v, want one to %s", mail, sent, open[0].ID)
		}
	}
}

// A state that undoes some of the steps is no way to cancel all.
func TestCancelByHandLeadsToTheStateThatUndoesAll(t *testing.T) {
	s := start(t, strings.Replace(card, "      awaiting_card:\n", "      awaiting_card:\n        compensate: [billing]\n", 1),
		patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`{"result":"approved","id":"c1"}`), "billing.refund": answer(`{}`)}})
	s.begin(`{"id":"W-1","total":9.90}`)
	s.put(process.Cancel("order", "W-1", "C", "by ops", s.Clock.Now()))
	s.at("W-1", "cancelled")
	s.wantCalls("billing.refund", 1)
}

func TestCancelByHandWhereSomeStepsAreUndone(t *testing.T) {
	s := start(t, strings.Replace(card, "      awaiting_card:\n", "      awaiting_card:\n        compensate: [billing]\n", 1),
		patterntest.Config{Answers: map[string]patterntest.Answer{"billing.charge": answer(`{"result":"expired"}`)}})
	s.begin(`{"id":"W-1","total":9.90}`)
	s.at("W-1", "awaiting_card")
	s.put(process.Cancel("order", "W-1", "C", "by ops", s.Clock.Now()))
	s.at("W-1", "cancelled")
}
