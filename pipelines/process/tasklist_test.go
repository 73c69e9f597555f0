package process_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// desk asks a person, with a form of every type.
const desk = `
  order:
    id: order.id
    data: {order: order}
    states:
      review:
        task: {group: desk, ask: {approve: bool, amount: "number?", until: "date?", size: [small, big], note: "text?"}, due: 1d}
        receive: {recalled: {goto: recalled}}
        next: [{goto: done}]
      recalled: {final: true}
      done: {final: true}
`

func (s *site) listed(id string) *process.OpenTask {
	s.t.Helper()
	k, err := process.FindTask(context.Background(), s.Store, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

func (s *site) openTasks() []string {
	s.t.Helper()
	list, err := process.Tasks(context.Background(), s.Store, 100, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	ids := []string{}
	for _, k := range list {
		ids = append(ids, k.ID)
	}
	return ids
}

func TestTasksAreListedByDue(t *testing.T) {
	s := start(t, desk, patterntest.Config{})
	for _, id := range []string{"W-3", "W-1", "W-2"} {
		s.begin(`{"id":"` + id + `"}`)
		s.Advance(time.Minute)
	}
	if got, want := s.openTasks(), []string{"order:W-3/1", "order:W-1/1", "order:W-2/1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s.signal("W-1", "recalled", "")
	if got, want := s.openTasks(), []string{"order:W-3/1", "order:W-2/1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q: a task that is called off is on the list", got, want)
	}
	if _, err := process.FindTask(context.Background(), s.Store, "order:W-1/1"); !errors.Is(err, hub.ErrNotFound) {
		t.Errorf("a task that is called off: %v", err)
	}
}

// TestClaims: of two who claim at once one wins, and nobody answers what another has claimed.
func TestClaims(t *testing.T) {
	s := start(t, desk, patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	now := s.Clock.Now()
	ann, bob := s.listed("order:W-1/1"), s.listed("order:W-1/1")
	commit := func(u *hub.Unit, err error) error {
		if err == nil {
			err = s.Runtime.Commit(context.Background(), u)
		}
		return err
	}
	if err := commit(ann.Claim("ann", now)); err != nil {
		t.Fatal(err)
	}
	if err := commit(bob.Claim("bob", now)); !errors.Is(err, hub.ErrConflict) {
		t.Errorf("both claimed it: %v", err)
	}
	if err := commit(bob.Answer("A", "bob", object(t, `{"approve":true,"size":"big"}`), now)); !errors.Is(err, hub.ErrConflict) {
		t.Errorf("bob answered what ann has claimed meanwhile: %v", err)
	}
	k := s.listed("order:W-1/1")
	for what, err := range map[string]error{
		"claim":  commit(k.Claim("bob", now)),
		"answer": commit(k.Answer("B", "bob", object(t, `{"approve":true,"size":"big"}`), now)),
	} {
		if err == nil || !strings.Contains(err.Error(), "claimed by ann") {
			t.Errorf("%s by bob: %v", what, err)
		}
	}
	if err := commit(k.HandOver("desk", true, now), nil); err != nil {
		t.Fatal(err)
	}
	if k = s.listed("order:W-1/1"); k.Claimed != "" || k.Group != "desk" {
		t.Errorf("handed to the group: %+v", *k)
	}
	if err := commit(k.Answer("C", "bob", object(t, `{"approve":true,"size":"big"}`), now)); err != nil {
		t.Fatal(err)
	}
	s.Settle()
	s.at("W-1", "done")
	if err := commit(k.Claim("ann", now)); !errors.Is(err, hub.ErrConflict) {
		t.Errorf("a task that is answered is claimed: %v", err)
	}
}

func TestAnswersAreReadByTheForm(t *testing.T) {
	for given, want := range map[string]string{
		`{"approve":"true","amount":" 12.50 ","until":"2026-01-31","size":"big","note":"x"}`: `{"approve":true,"amount":12.50,"until":"2026-01-31","size":"big","note":"x"}`,
		`{"approve":false,"amount":3,"size":"small"}`:                                        `{"approve":false,"amount":3,"size":"small"}`,
		`{"approve":"false","amount":"","until":"","size":"big","note":""}`:                  `{"approve":false,"size":"big","note":""}`,
		`{"approve":"yes","size":"big"}`:                                                     `approve must be`,
		`{"approve":"true","size":"huge"}`:                                                   `size must be`,
		`{"approve":"true","size":"big","amount":"1,5"}`:                                     `amount must be`,
		`{"approve":"true","size":"big","until":"tomorrow"}`:                                 `until must be`,
		`{"size":"big"}`: `approve is missing`,
		`{"approve":"true","size":"big","nope":"1"}`: `nope is no field of the form`,
	} {
		s := start(t, desk, patterntest.Config{})
		s.begin(`{"id":"W-1"}`)
		u, err := s.listed("order:W-1/1").Answer("A", "ann", object(t, given), s.Clock.Now())
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", given, err, want)
			}
			continue
		}
		body, err := u.Puts[0].Msg.Body.Doc()
		if err != nil {
			t.Fatal(err)
		}
		if got := string(body.Get("with").JSON()); got != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
	}
}

func TestWhatAProcessKnows(t *testing.T) {
	s := start(t, desk, patterntest.Config{})
	ps := process.Of(s.Plan)
	patterntest.Want(t, "events", ps.Events("order"), "recalled")
	patterntest.Want(t, "states", ps.States("order"), "review", "recalled", "done")
	patterntest.Want(t, "groups", ps.Groups()[:1], "desk")
	patterntest.Want(t, "of an unknown process", ps.Events("nope"))
	if branch, ended := ps.Kind(process.Population{Process: "order", Def: ps.Definition("order").Hash, State: "done"}); branch || !ended {
		t.Errorf("done: branch %v, ended %v", branch, ended)
	}
}

// TestTasksInFormulas: tasks(group) lists what is open of the group alone, as it is now.
func TestTasksInFormulas(t *testing.T) {
	s := start(t, `
  order:
    id: order.id
    data: {order: order}
    states:
      review:
        task: {group: desk, ask: {approve: bool}, show: {total: =order.total}, due: 1d}
        next: [{goto: packing}]
      packing:
        task: {group: shipping}
        receive: {picked_up: {goto: done}}
        next: [{goto: done}]
      done: {final: true}
`, patterntest.Config{YAML: far + `  list: {from: {web: GET /tasks}, steps: [{reply: {body: {desk: '=map(tasks("desk"), {{id: .id, of: .instance, total: .show.total, late: .late ?? false, by: .claimed ?? ""}})', shipping: '=map(tasks("shipping"), .id)', operations: '=len(tasks("operations"))'}}}]}
`})
	list := func(want string) {
		t.Helper()
		s.n++
		r, err := s.In("list", s.Message(fmt.Sprint("L", s.n), `{}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.Body.Bytes()); got != want {
			t.Errorf("listed\n%s, want\n%s", got, want)
		}
	}
	list(`{"desk":[],"shipping":[],"operations":0}`)
	s.begin(`{"id":"W-2","total":20.50}`)
	s.Advance(time.Hour)
	s.begin(`{"id":"W-1","total":1}`)
	list(`{"desk":[{"id":"order:W-2/1","of":"W-2","total":20.50,"late":false,"by":""},{"id":"order:W-1/1","of":"W-1","total":1,"late":false,"by":""}],"shipping":[],"operations":0}`)
	s.Advance(23 * time.Hour)
	s.put(process.Answer("order", "W-1", "a1", "order:W-1/1", object(t, `{"approve":true}`), "kim", s.Clock.Now()))
	list(`{"desk":[{"id":"order:W-2/1","of":"W-2","total":20.50,"late":true,"by":""}],"shipping":["order:W-1/2"],"operations":0}`)
	k := s.listed("order:W-1/2")
	if _, err := k.Answer("a2", "lee", object(t, `{"x":1}`), s.Clock.Now()); err == nil || !strings.Contains(err.Error(), "x is no field of the form") {
		t.Errorf("an answer to a task without a form: %v", err)
	}
	s.put(process.Answer("order", "W-1", "a3", k.ID, object(t, `{}`), "lee", s.Clock.Now()))
	list(`{"desk":[{"id":"order:W-2/1","of":"W-2","total":20.50,"late":true,"by":""}],"shipping":[],"operations":0}`)
}
