package drivers

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
	"orderhub/hub/store/storetest"
)

// endedStores are the stores in which a message may end behind the runtime's back;
// damage flips a bit of the message with the ID.
func endedStores(t *testing.T, run func(t *testing.T, s store.Store, damage func(id string))) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "hub.db")
		s := open(t, "sqlite:"+path, store.Options{})
		defer s.Close()
		run(t, s, func(id string) {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			storetest.Eventually(t, "the writer is free", 10*time.Second, func() bool {
				r, err := db.Exec("UPDATE messages SET body=CAST(body||'!' AS BLOB) WHERE id=?", id)
				if err != nil {
					return false
				}
				n, err := r.RowsAffected()
				return err == nil && n == 1
			})
		})
	})
	t.Run("postgres", func(t *testing.T) {
		url := storetest.PostgresSchema(t)
		s := open(t, url, store.Options{})
		defer s.Close()
		run(t, s, func(id string) {
			storetest.PostgresExec(t, url, "UPDATE messages SET body=set_bit(body, 5, 1-get_bit(body, 5)) WHERE id=$1", []byte(id))
		})
	})
}

// held is a stage whose first message of each key fails, so that the others are held behind its retry.
type held struct {
	store.Store
	*engine.Runtime
	mu   sync.Mutex
	done []string
}

func (h *held) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.done)
}

func startHeld(t *testing.T, s store.Store, retry time.Duration, direct bool) *held {
	h := &held{Store: s, Runtime: engine.NewRuntime(s, hub.RealClock{}, slog.New(slog.DiscardHandler), nil)}
	stage := &engine.Stage{Name: "s", Queue: "q", Direct: direct, React: func(*hub.Error) hub.Reaction {
		return hub.Reaction{Retry: &hub.Retry{Times: 9, Min: retry, Max: retry}}
	}, Run: func(_ context.Context, x *hub.Exchange) error {
		if strings.HasSuffix(x.Msg.ID, "-0") {
			return hub.Fail(hub.Unavailable, "away", "away")
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.done = append(h.done, x.Msg.ID)
		return nil
	}}
	if err := h.AddStage(stage); err != nil {
		t.Fatal(err)
	}
	c, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- h.Run(c) }()
	<-h.Started()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *held) put(t *testing.T, name string, from, to int) {
	t.Helper()
	u := &hub.Unit{}
	for i := from; i < to; i++ {
		p := hub.Put{Queue: "q", Msg: storetest.Keyed(fmt.Sprintf("k-%d", i), "k")}
		if i == 0 {
			p.Name = name
		}
		u.Puts = append(u.Puts, p)
	}
	if err := h.Runtime.Commit(ctx, u); err != nil {
		t.Fatal(err)
	}
}

// waits returns when the first message waits for its retry, and the others are held.
func (h *held) waits(t *testing.T, n int) {
	t.Helper()
	storetest.Eventually(t, "a waiting retry, and the others held", 20*time.Second, func() bool {
		qs, err := h.Queues(ctx)
		return err == nil && len(qs) == 1 && qs[0].Waiting == 1 && qs[0].Held == n
	})
}

// A damaged message that waits for its retry is a dead letter, and the messages of its key go on, in order.
func TestFault_R3_DamagedRetry(t *testing.T) {
	endedStores(t, func(t *testing.T, s store.Store, damage func(string)) {
		h := startHeld(t, s, 3*time.Second, false)
		h.put(t, "", 0, 4)
		h.waits(t, 3)
		damage("k-0")
		storetest.Eventually(t, "the held messages", 20*time.Second, func() bool { return len(h.all()) == 3 })
		h.put(t, "", 4, 6)
		storetest.Eventually(t, "the next messages", 20*time.Second, func() bool { return len(h.all()) == 5 })
		if got := strings.Join(h.all(), " "); got != "k-1 k-2 k-3 k-4 k-5" {
			t.Errorf("done %s", got)
		}
		g, err := s.DeadGroups(ctx)
		if err != nil || len(g) != 1 || g[0].Count != 1 || g[0].Sample.Error.Reason != core.Corrupt {
			t.Errorf("dead letters %+v %v", g, err)
		}
	})
}

// Held messages that are found damaged, more of them than are taken at once, leave those behind them to go on.
func TestFault_R3_DamagedHeld(t *testing.T) {
	endedStores(t, func(t *testing.T, s store.Store, damage func(string)) {
		h := startHeld(t, s, 3*time.Second, false)
		h.put(t, "n", 0, 40)
		h.waits(t, 39)
		for i := 1; i < 38; i++ {
			damage(fmt.Sprintf("k-%d", i))
		}
		h.drop(t)
		storetest.Eventually(t, "the held messages", 20*time.Second, func() bool { return len(h.all()) == 2 })
		if got := strings.Join(h.all(), " "); got != "k-38 k-39" {
			t.Errorf("done %s", got)
		}
	})
}

func (h *held) drop(t *testing.T) {
	t.Helper()
	if err := h.Runtime.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "n", Cancel: true}}}); err != nil {
		t.Fatal(err)
	}
}

// A retry that is dropped, or replaced, by its name lets the messages of its key go on at once, long before it was due.
func TestFault_R3_DroppedAndReplaced(t *testing.T) {
	run := func(t *testing.T, s store.Store, _ func(string)) {
		h := startHeld(t, s, time.Hour, false)
		for round := range 2 {
			before := len(h.all())
			h.put(t, "n", 0, 3)
			h.waits(t, 2)
			want := before + 2
			if round == 0 {
				h.drop(t)
			} else {
				want++
				if err := h.Runtime.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Name: "n", Msg: storetest.Keyed("new", "k")}}}); err != nil {
					t.Fatal(err)
				}
			}
			storetest.Eventually(t, "the held messages", 20*time.Second, func() bool { return len(h.all()) == want })
		}
		if got := strings.Join(h.all(), " "); got != "k-1 k-2 k-1 k-2 new" {
			t.Errorf("done %s", got)
		}
	}
	endedStores(t, run)
	t.Run("memory", func(t *testing.T) {
		s := open(t, "memory:", store.Options{})
		defer s.Close()
		run(t, s, nil)
	})
}

// A message that was found damaged lies before nobody any more: the next of its key goes its direct way.
func TestFault_R3_DamagedBeforeDirect(t *testing.T) {
	endedStores(t, func(t *testing.T, s store.Store, damage func(string)) {
		h := startHeld(t, s, 2*time.Second, true)
		h.put(t, "", 0, 1)
		h.waits(t, 0)
		damage("k-0")
		storetest.Eventually(t, "the dead letter", 20*time.Second, func() bool { g, err := s.DeadGroups(ctx); return err == nil && len(g) == 1 })
		storetest.Eventually(t, "the direct way", 20*time.Second, func() bool {
			if _, err := h.Inject(ctx, "s", storetest.Keyed("k-9", "k")); err != nil {
				t.Fatal(err)
			}
			return slices.Contains(h.all(), "k-9")
		})
		storetest.Eventually(t, "empty queues but for the dead letter", 20*time.Second, func() bool { // what was handled is still being committed
			qs, err := s.Queues(ctx)
			return err == nil && len(qs) == 1 && qs[0].Ready+qs[0].Held+qs[0].Waiting == 0
		})
	})
}
