package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
	"orderhub/hub/store/storetest"
)

// What the writer commits while a claimer reads is noted: such rows are not
// given, a replayed dead letter is not missed, and no due time is forgotten.
func TestWatch(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "hub.db"), store.Options{})
	defer s.Close()
	for _, id := range []string{"a", "b", "c"} {
		storetest.Put(t, s, "q", storetest.Message(id, "1"))
	}
	batch, _, err := s.Claim(ctx, "q", 3, 0)
	if err != nil || len(batch) != 3 {
		t.Fatal(batch, err)
	}
	finish := func(d *hub.Delivery, f hub.Finish) {
		if err := s.Commit(ctx, &hub.Unit{Input: d, Finish: f}); err != nil {
			t.Fatal(err)
		}
	}
	a, b, c := batch[0], batch[1], batch[2]
	finish(b, hub.Finish{State: hub.Dead, Error: &hub.Failure{Cause: "x"}})
	due := time.Now().Add(time.Hour).UTC().Round(0)
	q := s.queues["q"]
	err = s.watched(ctx, q, func(*conn, *core.Found) error {
		finish(a, hub.Finish{})
		finish(c, hub.Finish{State: hub.Waiting, Due: due})
		if err := s.Commit(ctx, &hub.Unit{Settles: []hub.Settle{{Seq: b.Seq, Replay: true}}}); err != nil {
			t.Fatal(err)
		}
		return nil
	}, func(w *watch, _ []*hub.Delivery) {
		if !w.gone[a.Seq] || !w.gone[b.Seq] || !w.gone[c.Seq] {
			t.Errorf("gone %v, want all three", w.gone)
		}
		if len(w.ready) != 1 || w.ready[0].Seq != b.Seq || !w.due.Equal(due) {
			t.Errorf("came back %v, due %v", w.ready, w.due)
		}
		q.Due = core.Earlier(time.Time{}, w.due)
	})
	if err != nil {
		t.Fatal(err)
	}
	batch, next, err := s.Claim(ctx, "q", 3, 0)
	if err != nil || len(batch) != 1 || batch[0].Msg.ID != "b" || !next.Equal(due) {
		t.Fatalf("claimed %v, next %v: %v", batch, next, err)
	}
}
