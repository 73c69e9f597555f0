package daemon

import (
	"path/filepath"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// The crash of each message that ran when the hub died is counted once, at the next start; a clean stop is no crash.
func TestCrashesAreCounted(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
	crashes := func(s *storage) map[string]int {
		rows, err := s.Browse(t.Context(), store.BrowseQuery{})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]int{}
		for _, d := range rows {
			out[d.Msg.ID] = d.Crashes
		}
		return out
	}
	for run, want := range []struct{ killer, good, crashed int }{{0, 0, 0}, {1, 0, 1}, {2, 0, 1}, {3, 0, 1}, {3, 0, 0}, {3, 0, 0}} {
		s, err := openStorage(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if run == 0 {
			for _, id := range []string{"killer", "good"} {
				if err := s.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: &hub.Message{ID: id, Time: time.Now()}}}}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := crashes(s); got["killer"] != want.killer || got["good"] != want.good || s.crashed != want.crashed {
			t.Errorf("run %d: crashes %v, %d messages ran", run, got, s.crashed)
		}
		for _, id := range []string{"good", "killer"} {
			rows, err := s.Browse(t.Context(), store.BrowseQuery{ID: id})
			if err != nil || len(rows) != 1 {
				t.Fatal(rows, err)
			}
			if slot := s.recorder.Begin(rows[0].Seq); id == "good" || run > 2 {
				s.recorder.End(slot)
			}
		}
		if err := s.close(); err != nil { // what ran is still in the recorder, as when the process dies
			t.Fatal(err)
		}
	}
}
