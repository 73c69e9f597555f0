package process_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/doc"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

const review = `
  order:
    id: order.id
    data: {order: order}
    receive: {cancel: {goto: cancelled}}
    states:
      review:
        task:
          group: desk
          ask: {approve: bool, note: "text?", amount: "number?", kind: [gift, sale]}
          show: {total: =order.total}
          due: 1d
          late: {send: ops, with: {late: =id}}
        next: [{when: task.approve, goto: done}, {goto: refused}]
      done: {final: true, steps: [{send: log, with: {by: =task.by, note: '=task.note ?? "none"', kind: =task.kind}}]}
      refused: {final: true}
      cancelled: {final: true}
`

// task is the one open task of W-1.
func (s *site) task() *process.OpenTask {
	s.t.Helper()
	list, err := process.Tasks(context.Background(), s.Store, 100, nil)
	if err != nil || len(list) != 1 {
		s.t.Fatalf("open tasks: %v %v", list, err)
	}
	k, err := process.FindTask(context.Background(), s.Store, list[0].ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// fillIn answers the task by its message.
func (s *site) fillIn(task, by, with string) {
	s.t.Helper()
	s.n++
	s.put(process.Answer("order", "W-1", hub.DeriveID("A", by+task+with), task, object(s.t, with), by, s.Clock.Now()))
}

func TestTaskIsAnswered(t *testing.T) {
	for with, state := range map[string]string{`{"approve":true,"kind":"gift"}`: "done", `{"approve":false,"kind":"sale","note":"no"}`: "refused"} {
		s := start(t, review, patterntest.Config{})
		s.begin(`{"id":"W-1","total":9.90}`)
		k := s.task()
		if k.Group != "desk" || string(k.Show) != `{"total":9.90}` || !k.Due.Equal(s.Clock.Now().Add(24*time.Hour)) || len(k.Ask) != 4 {
			t.Errorf("task %+v", *k)
		}
		s.fillIn(k.ID, "ann", with)
		s.at("W-1", state)
		if state == "done" {
			patterntest.Want(t, "sent", s.WaitingBodies("log"), `{"by":"ann","note":"none","kind":"gift"}`)
		}
		s.clean()
	}
}

func TestWrongAnswers(t *testing.T) {
	s := start(t, review, patterntest.Config{})
	s.begin(`{"id":"W-1","total":9.90}`)
	id := s.task().ID
	for i, c := range []struct{ with, want string }{
		{`{"kind":"gift"}`, "approve is missing"},
		{`{"approve":"yes","kind":"gift"}`, "approve must be a bool"},
		{`{"approve":true,"kind":"loan"}`, "kind must be a choice of gift, sale"},
		{`{"approve":true,"kind":"gift","amount":"7"}`, "amount must be a number"},
		{`{"approve":true,"kind":"gift","colour":"red"}`, "colour is no field of the form"},
	} {
		s.fillIn(id, "ann", c.with)
		s.at("W-1", "review")
		dead := s.Dead()
		if len(dead) != i+1 || !strings.Contains(dead[i].Error.Message, c.want) || dead[i].Error.Class != hub.Invalid {
			t.Errorf("%s: dead letters %d, want %q in the last: %+v", c.with, len(dead), c.want, dead[len(dead)-1].Error)
		}
	}
	if s.task().ID != id {
		t.Error("the task has changed")
	}
	s.fillIn(id, "ann", `{"approve":true,"kind":"gift"}`)
	s.at("W-1", "done")
}

// The first answer counts; the second is told that it came too late.
func TestTaskIsAnsweredTwice(t *testing.T) {
	s := start(t, review, patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	id := s.task().ID
	s.fillIn(id, "ann", `{"approve":false,"kind":"gift"}`)
	s.fillIn(id, "bob", `{"approve":true,"kind":"gift"}`)
	s.at("W-1", "refused")
	if dead := s.Dead(); len(dead) != 1 || dead[0].Error.Reason != "no_task" {
		t.Errorf("dead letters: %v", dead)
	}
}

func TestTaskIsClaimedTwice(t *testing.T) {
	s := start(t, review, patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	first, second, now := s.task(), s.task(), s.Clock.Now()
	commit := func(u *hub.Unit, err error) error {
		if err != nil {
			return err
		}
		return s.Runtime.Commit(context.Background(), u)
	}
	if err := commit(first.Claim("ann", now)); err != nil {
		t.Fatal(err)
	}
	if err := commit(second.Claim("bob", now)); err == nil {
		t.Error("two have claimed it at once")
	}
	if err := commit(s.task().Claim("bob", now)); err == nil || !strings.Contains(err.Error(), "claimed by ann") {
		t.Errorf("it is claimed again: %v", err)
	}
	yes := object(t, `{"approve":true,"kind":"gift"}`)
	if err := commit(s.task().Answer("A1", "bob", yes, now)); err == nil {
		t.Error("bob answers what ann has claimed")
	}
	if err := commit(s.task().Answer("A2", "ann", doc.ObjectOf(nil), now)); err == nil {
		t.Error("an empty answer is taken")
	}
	if err := commit(s.task().Answer("A3", "ann", yes, now)); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	s.at("W-1", "done")
	s.clean()
}

func TestTaskIsLate(t *testing.T) {
	s := start(t, review, patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	s.Advance(24*time.Hour - time.Second)
	if s.task().Late || len(s.Waiting("ops")) != 0 {
		t.Error("it is late too early")
	}
	s.Advance(time.Second)
	if !s.task().Late {
		t.Error("it is not marked late")
	}
	s.Advance(30 * 24 * time.Hour)
	patterntest.Want(t, "sent", s.WaitingBodies("ops"), `{"late":"W-1"}`)
	s.fillIn(s.task().ID, "ann", `{"approve":true,"kind":"gift"}`)
	s.at("W-1", "done")
	s.clean()
}

func TestLateTaskLeadsOn(t *testing.T) {
	s := start(t, strings.Replace(review, "late: {send: ops, with: {late: =id}}", "late: {goto: refused}", 1), patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	s.Advance(24 * time.Hour)
	s.at("W-1", "refused")
	s.clean()
}

func TestTaskIsCalledOff(t *testing.T) {
	s := start(t, review, patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	id := s.task().ID
	s.signal("W-1", "cancel", "")
	s.at("W-1", "cancelled")
	s.clean()
	s.fillIn(id, "ann", `{"approve":true,"kind":"gift"}`)
	if dead := s.Dead(); len(dead) != 1 || dead[0].Error.Reason != "no_task" {
		t.Errorf("dead letters: %v", dead)
	}
}
