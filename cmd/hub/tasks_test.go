package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"orderhub/pipelines/process"
)

// openTask posts an order that somebody must look at, and gives its task.
func (s *site) openTask(id string) process.OpenTask {
	s.t.Helper()
	s.order(id, `"total":500,"card":"good"`, "review")
	var list []process.OpenTask
	if err := json.Unmarshal([]byte(s.hub(0, "task", "list", "-o", "json")), &list); err != nil {
		s.t.Fatal(err)
	}
	for _, k := range list {
		if k.Instance == id {
			return k
		}
	}
	s.t.Fatalf("%s has no task: %+v", id, list)
	return process.OpenTask{}
}

func TestTaskIsClaimedHandedOverAndAnswered(t *testing.T) {
	s, _ := newDesk(t, desk)
	has(t, s.hub(0, "task", "list"), "no open tasks")
	k := s.openTask("W-1").ID
	has(t, s.hub(0, "task"), "TASK", k, "desk", "order W-1", "in 23h 59m")
	has(t, s.hub(0, "task", "list", "--group", "other"), "no open tasks")
	has(t, s.hub(0, "task", "list", "--late"), "no open tasks")
	has(t, s.hub(0, "task", "show", k), k+"  task of desk  nobody claimed it, due in 23h 59m", "approve: bool", "limit: number?", "order W-1 in review")
	has(t, s.hub(0, "task", "claim", k, "--by", "ann"), "claimed by ann")
	has(t, s.hub(0, "task", "claim", k, "--by", "ann"), "claimed by ann")
	for _, test := range []struct {
		want  int
		line  string
		parts []string
	}{
		{1, "claim KEY --by bob", []string{"is claimed by ann: hub task hand-over " + k + " --to bob"}},
		{1, "answer KEY approve=true --by bob", []string{"is claimed by ann"}},
		{1, "answer KEY approve=maybe limt=3 --by ann", []string{"does not fit the form {approve: bool, limit: number?, note: text?}",
			"/approve: must be a bool, not \"maybe\"", "/limt: is no field of the form"}},
		{1, "answer KEY note=x --by ann", []string{"/approve: is missing"}},
		{1, "answer KEY approve=true limit=much --by ann", []string{"/limit: must be a number, not \"much\""}},
		{1, "show order:W-9/1", []string{"no open task order:W-9/1"}},
		{2, "hand-over KEY", []string{"--to is missing"}},
		{2, "answer KEY approve --by ann", []string{`"approve" is no path=value`}},
		{2, "answer KEY approve=true approve=false --by ann", []string{"given twice"}},
	} {
		args := append([]string{"task"}, strings.Fields(strings.ReplaceAll(test.line, "KEY", k))...)
		has(t, s.hub(test.want, args...), test.parts...)
	}
	has(t, s.hub(0, "task", "hand-over", k, "--to", "bob"), "claimed by bob")
	has(t, s.hub(0, "task", "hand-over", k, "--to", "desk"), "task of desk  nobody claimed it")
	has(t, s.hub(0, "process", "show", "W-1"), "task     "+k, "of desk, due in")
	has(t, s.hub(0, "process", "list"), "task of desk, due in ")
	has(t, s.hub(0, "report"), "1 task (0 late)")
	has(t, s.hub(0, "task", "answer", k, "approve=true", "limit=12.50", "note=", "--by", "carl"), "W-1  order process v2  state ")
	await(t, "it is paid", func() bool { return s.view("W-1").State == "paid" })
	has(t, s.hub(0, "process", "show", "W-1", "--data"), `"approve":true`, `"limit":12.50`, `"by":"carl"`)
	has(t, s.hub(0, "trace", "W-1"), "asked     desk: task "+k, "claimed   task "+k+" by ann", "handed    task "+k+" to bob", "answered  task "+k+" by carl")
	has(t, s.hub(1, "task", "answer", k, "approve=true", "--by", "carl"), "no open task "+k)
}

// TestTaskByAPI: web forms send texts, programs send values.
func TestTaskByAPI(t *testing.T) {
	s, _ := newDesk(t, desk)
	k := s.openTask("W-1").ID
	c := (&cli{home: s.dir}).client()
	for _, body := range []string{`{"id":"` + k + `"}`, `{"id":"` + k + `","to":"x","x":1}`, `{"id":"` + k + `","answer":[true]}`} {
		if raw, err := c.Do(t.Context(), http.MethodPost, "/tasks/answer", nil, []byte(body)); err == nil {
			t.Errorf("%s is taken: %s", body, raw)
		}
	}
	raw, err := c.Do(t.Context(), http.MethodPost, "/tasks/answer", url.Values{"by": {"ann"}}, []byte(`{"id":"`+k+`","answer":{"approve":false,"limit":3}}`))
	if err != nil {
		t.Fatal(err)
	}
	has(t, string(raw), `"done": true`)
	await(t, "it is cancelled", func() bool { return s.view("W-1").State == "cancelled" })
}
