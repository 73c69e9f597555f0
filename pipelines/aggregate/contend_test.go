package aggregate_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/pipelines/idempotent"
	"orderhub/pipelines/patterntest"
)

// Units that read two records, of which all share one, get through without a
// durable retry: after a conflict they wait for both.
func TestBehindAnIdempotentReceiver(t *testing.T) {
	for _, url := range []string{"memory:", "sqlite:" + t.TempDir() + "/hub.db"} {
		t.Run(url[:6], func(t *testing.T) {
			c := config("- idempotent: body.n\n- aggregate: {by: body.g, until: size == 200, idle: 10h, give: =size}\n- send: out")
			c.Registry.Patterns = append(c.Registry.Patterns, idempotent.Pattern())
			c.Store = url
			h := patterntest.Start(t, c)
			for n := range 200 {
				h.Put("rows", h.Message("", fmt.Sprintf(`{"g":"g","n":%d}`, n)))
			}
			h.Settle()
			want(t, "aggregates", bodies(h), []string{"200"})
			if n := len(h.Waiting("rows")); n != 0 {
				t.Errorf("%d members wait for a retry", n)
			}
		})
	}
}

// meddler is a store to which another hub commits between what is read and the commit.
type meddler struct {
	store.Store
	first func()
}

func (m *meddler) Commit(ctx context.Context, u *hub.Unit) error {
	if do := m.first; do != nil {
		m.first = nil
		do()
	}
	return m.Store.Commit(ctx, u)
}

// Two hubs on one store add to the same group at the same time, to a new one and to one that has members: none is lost, and none counts twice.
func TestTwoHubsShareAGroup(t *testing.T) {
	h := patterntest.Start(t, config("- aggregate: {by: body.g, until: size == 5, idle: 10h, give: '=map(bodies, #.n)'}\n- send: out"))
	h.Runtime.Pause(map[string]bool{"p": true}, true)
	shared := &meddler{Store: h.Store}
	run := func(st store.Store) (step func(n int)) {
		log := slog.New(slog.DiscardHandler)
		rt := engine.NewRuntime(st, h.Clock, log, nil)
		opened, err := h.Plan.Open(rt, h.Clock, log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.Close(context.Background()) })
		if err := rt.Manual(t.Context()); err != nil {
			t.Fatal(err)
		}
		return func(n int) {
			t.Helper()
			h.Put("rows", h.Message(fmt.Sprint("m", n), fmt.Sprintf(`{"g":"g","n":%d}`, n)))
			if ran, err := rt.Step(t.Context(), "rows"); !ran || err != nil {
				t.Fatal(n, ran, err)
			}
		}
	}
	one, other := run(shared), run(h.Store)
	for n := 1; n < 5; n += 2 {
		shared.first = func() { other(n + 1) }
		one(n)
	}
	one(5)
	h.Settle()
	want(t, "aggregates", bodies(h), []string{"[2,1,4,3,5]"})
}
