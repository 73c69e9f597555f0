package daemon

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"orderhub/cmd/hub/internal/audit"
	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/pipelines"
	"orderhub/pipelines/virtual"
)

// Dead letters go when the time that the configuration keeps them is over, in parts, each with a record of the audit log; others stay.
func TestExpireDead(t *testing.T) {
	clock := virtual.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	st, err := openStorage(t.Context(), "memory:", store.Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	d := &Daemon{Options: Options{Log: slog.New(slog.DiscardHandler)}, storage: st, clock: clock, log: &audit.Log{Store: st.Store}}
	put := func(queue string, n int) {
		u := &hub.Unit{}
		for i := range n {
			u.Puts = append(u.Puts, hub.Put{Queue: queue, Msg: &hub.Message{ID: fmt.Sprint(queue, i), Time: clock.Now()},
				Error: &hub.Failure{Class: hub.Invalid, Time: clock.Now(), Cause: "cause"}})
		}
		if err := st.Commit(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	plan := &pipelines.Plan{Pipelines: []*pipelines.Pipeline{{Name: "own", Retention: pipelines.OwnRetention{DeadLetters: 48 * time.Hour}, Stages: []*engine.Stage{{Queue: "own"}}}}}
	left := func(want map[string]int) {
		t.Helper()
		if err := d.expireDead(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		qs, err := st.Queues(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for queue, n := range want {
			i := slices.IndexFunc(qs, func(q store.QueueStats) bool { return q.Queue == queue })
			if i < 0 && n > 0 || i >= 0 && qs[i].Dead != n {
				t.Fatalf("%+v, want %v", qs, want)
			}
		}
	}
	put("own", settlePart+10)
	put("other", 5)
	clock.Set(clock.Now().Add(47 * time.Hour))
	put("own", 3)
	left(map[string]int{"own": settlePart + 13, "other": 5})
	clock.Set(clock.Now().Add(2 * time.Hour))
	left(map[string]int{"own": 3, "other": 5})
	var counts []int
	lines, err := audit.Lines(t.Context(), st.Store, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		r, _, _, err := audit.Parse([]byte(line))
		if err != nil || r.Act != "drop" {
			t.Fatal(line, err)
		}
		counts = append(counts, r.Count)
	}
	if fmt.Sprint(counts) != fmt.Sprint([]int{settlePart, 10}) {
		t.Errorf("the audit log has %v", counts)
	}
	plan.Retention.DeadLetters = 72 * time.Hour
	clock.Set(clock.Now().Add(24 * time.Hour))
	left(map[string]int{"own": 3, "other": 0})
	clock.Set(clock.Now().Add(24 * time.Hour))
	left(map[string]int{"own": 0, "other": 0})
}
