package process_test

import (
	"context"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

// A record that can't be read is shown as damaged, and hides no other.
func TestFault_M5_DamagedRecordsHideNoOther(t *testing.T) {
	s := start(t, desk, patterntest.Config{})
	s.begin(`{"id":"W-1"}`)
	ctx := context.Background()
	for kind, key := range map[string]string{"process order": "A-0", "process.stuck": "order\x00W-0\x001\x00more", "task": "order:W-0/1", "task.due": "~\x00order:W-0/1"} {
		u := &hub.Unit{Writes: []hub.Write{{Kind: kind, Key: key, Value: []byte("{not json"), IfVersion: hub.AnyVersion}}}
		if err := s.Store.Commit(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	views, _, err := process.List(ctx, s.Store, nil, "order", "", 10, 100, func(v *process.View) bool { return v.State == "review" })
	if err != nil || len(views) != 2 || views[0].ID != "A-0" || views[0].State != "damaged" || views[0].Places[0].Error == nil || views[1].ID != "W-1" {
		t.Errorf("instances: %+v %v", views, err)
	}
	stuck, err := process.AllStuck(ctx, s.Store, "", 10)
	if err != nil || len(stuck) != 1 || stuck[0].State != "damaged" || stuck[0].Problem.Message == "" {
		t.Errorf("stuck: %+v %v", stuck, err)
	}
	tasks, err := process.Tasks(ctx, s.Store, 100, nil)
	if err != nil || len(tasks) != 2 {
		t.Errorf("tasks: %+v %v", tasks, err)
	}
}

// A page of instances ends where enough were looked at, and tells where to go on.
func TestListGoesOn(t *testing.T) {
	s := start(t, desk, patterntest.Config{})
	for _, id := range []string{"W-1", "W-2", "W-3"} {
		s.begin(`{"id":"` + id + `"}`)
	}
	var seen []string
	for after, pages := "", 0; pages == 0 || after != ""; pages++ {
		views, next, err := process.List(context.Background(), s.Store, nil, "order", after, 10, 2, func(v *process.View) bool { return v.ID != "W-2" })
		if err != nil || pages > 2 {
			t.Fatal(pages, err)
		}
		for _, v := range views {
			seen = append(seen, v.ID)
		}
		after = next
	}
	patterntest.Want(t, "instances", seen, "W-1", "W-3")
}
