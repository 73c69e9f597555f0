package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

func exchange(t *testing.T) *hub.Exchange {
	t.Helper()
	s, err := drivers.Open(t.Context(), "memory:", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	x := hub.NewExchange(&hub.Message{ID: "M"}, &hub.StageEnv{Store: s, Clock: hub.RealClock{}})
	u := &hub.Unit{}
	for i := range 3 {
		u.Writes = append(u.Writes, hub.Write{Kind: "k", Key: fmt.Sprintf("stored%d", i), Value: []byte("old")})
	}
	if err := s.Commit(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return x
}

// read is "value@checked" of a record, "-" when it is absent.
func read(t *testing.T, x *hub.Exchange, key string) string {
	t.Helper()
	r, err := x.Record(t.Context(), "k", key)
	if errors.Is(err, hub.ErrNotFound) {
		return "-"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Value)
}

func list(t *testing.T, x *hub.Exchange, limit int) string {
	t.Helper()
	rs, err := x.Records(t.Context(), "k", limit)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rs {
		out = append(out, r.Key+"="+string(r.Value))
	}
	return strings.Join(out, " ")
}

func TestRecordSeesTheUnit(t *testing.T) {
	for _, many := range []int{0, 100} { // few writes, and an index of many
		x := exchange(t)
		for i := range many {
			x.Write(hub.Write{Kind: "other", Key: fmt.Sprint(i), Value: []byte("x")})
		}
		stored, err := x.Record(t.Context(), "k", "stored0")
		if err != nil {
			t.Fatal(err)
		}
		x.Write(hub.Write{Kind: "k", Key: "stored0", Value: []byte("new"), IfVersion: stored.Version})
		x.Write(hub.Write{Kind: "k", Key: "stored1", IfVersion: hub.AnyVersion})
		x.Write(hub.Write{Kind: "k", Key: "made", Value: []byte("made")})
		for key, want := range map[string]string{"stored0": "new", "stored1": "-", "stored2": "old", "made": "made", "none": "-"} {
			if got := read(t, x, key); got != want {
				t.Errorf("%s is %s, want %s", key, got, want)
			}
		}
		if got := list(t, x, 10); got != "made=made stored0=new stored2=old" {
			t.Errorf("list %s", got)
		}
		if got := list(t, x, 2); got != "made=made stored0=new" {
			t.Errorf("list of 2 %s", got)
		}
		again, _ := x.Record(t.Context(), "k", "stored0")
		x.Write(hub.Write{Kind: "k", Key: "stored0", Value: []byte("newer"), IfVersion: again.Version})
		if n := len(x.Unit.Writes); n != many+3 {
			t.Errorf("%d writes: one record has one", n-many)
		}
		if err := x.Env.Store.(store.Store).Commit(t.Context(), x.Unit); err != nil {
			t.Errorf("the check is that of the first read: %v", err)
		}
	}
}

func TestForksSeeWhatWasWrittenBefore(t *testing.T) {
	x := exchange(t)
	x.Write(hub.Write{Kind: "k", Key: "a", Value: []byte("1")})
	f := x.Fork(x.Msg)
	x.Write(hub.Write{Kind: "k", Key: "a", Value: []byte("2")})
	x.Write(hub.Write{Kind: "k", Key: "b", Value: []byte("2")})
	if a, b := read(t, f, "a"), read(t, f, "b"); a != "1" || b != "-" {
		t.Errorf("a fork sees %s and %s, want what was there when it was made", a, b)
	}
	g := x.Fork(x.Msg)
	g.Write(hub.Write{Kind: "k", Key: "a", Value: []byte("3")})
	if got := read(t, g.Fork(x.Msg), "a"); got != "3" {
		t.Errorf("a fork of a fork sees %s", got)
	}
	if got := list(t, g, 10); got != "a=3 b=2 stored0=old stored1=old stored2=old" {
		t.Errorf("list %s", got)
	}
	x.Join(g)
	if a := read(t, x, "a"); a != "3" || len(x.Unit.Writes) != 2 {
		t.Errorf("after the join a is %s, in %d writes", a, len(x.Unit.Writes))
	}
}

func TestClaim(t *testing.T) {
	x := exchange(t)
	other := hub.NewExchange(&hub.Message{ID: "N"}, x.Env)
	if !x.Claim("k", "a") || !x.Fork(x.Msg).Claim("k", "a") || !x.With(x.Msg).Claim("k", "a") {
		t.Error("a unit, its copies and its forks share their claims")
	}
	if other.Claim("k", "a") || other.Fork(other.Msg).Claim("k", "a") {
		t.Error("a second unit has the claim of the first")
	}
	if !other.Claim("k", "b") || !other.Claim("l", "a") {
		t.Error("other names are free")
	}
}

// A stage that claims and serializes leaves nothing behind, whatever becomes of its message.
func TestClaimsAndLocksEndWithTheUnit(t *testing.T) {
	x := exchange(t)
	rt := engine.NewRuntime(x.Env.Store.(store.Store), hub.RealClock{}, slog.New(slog.DiscardHandler), nil)
	outcomes := map[string]error{"ok": nil, "conflict once": hub.ErrConflict, "failed": hub.Fail(hub.Invalid, "x", "x"), "panic": nil, "error steps fail": hub.Fail("own", "x", "x")}
	runs := map[string]int{}
	take := func(x *hub.Exchange) {
		if !x.Claim("k", "a") {
			t.Error("the name is still claimed")
		}
		x.Serialize("k", "a")
		x.Serialize("k", "b")
	}
	err := rt.AddStage(&engine.Stage{Name: "s", Queue: "s", Run: func(_ context.Context, x *hub.Exchange) error {
		take(x)
		what := x.Msg.ID
		runs[what]++
		switch {
		case what == "panic":
			panic("x")
		case what == "conflict once" && runs[what] > 1:
			return nil
		}
		return outcomes[what]
	}, React: func(e *hub.Error) hub.Reaction {
		if e.Class != "own" {
			return hub.Reaction{}
		}
		return hub.Reaction{Steps: func(_ context.Context, x *hub.Exchange) error { take(x); return errors.New("again") }}
	}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		for range 2 {
			for what := range outcomes {
				rt.Inject(context.Background(), "s", &hub.Message{ID: what})
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("a lock was left behind")
	}
	if runs["conflict once"] != 3 {
		t.Errorf("%d runs", runs["conflict once"])
	}
}
