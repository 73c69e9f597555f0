package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/mask"
	"orderhub/hub/store"
)

// What is kept and logged of a failure holds no secret, wherever the message came from, whatever became of it, and
// though the secret is one of the message's own.
func TestFailuresAreMasked(t *testing.T) {
	const token, key = "tok_918273645", "sk-live-55aa66bb"
	var log bytes.Buffer
	b := newBench(t)
	b.Runtime = engine.NewRuntime(b.store, hub.RealClock{}, slog.New(slog.NewTextHandler(&log, nil)), nil)
	masker := &mask.Masker{}
	masker.Hide(key, "key")
	masker.Mark([]mask.Path{{Path: []string{"token"}, Secret: true}})
	b.Masked(masker)
	stage := &engine.Stage{Name: "s", Queue: "q", React: func(e *hub.Error) hub.Reaction {
		if e.Class == hub.Unavailable {
			return hub.Reaction{Retry: hub.DefaultRetry}
		}
		return hub.Reaction{}
	}, Run: func(_ context.Context, x *hub.Exchange) error {
		text := fmt.Sprintf("the gateway answered: %s for %s", token, key)
		x.Note(hub.Event{What: "called", Detail: "with " + key})
		switch x.Msg.ID {
		case "panic":
			panic(text)
		case "waits":
			return hub.Fail(hub.Unavailable, "away", "%s", text)
		}
		return hub.Fail(hub.Rejected, "no", "%s", text)
	}}
	if err := b.AddStage(stage); err != nil {
		t.Fatal(err)
	}
	h := b.entry(stage)
	body := hub.NewBody([]byte(`{"token":"` + token + `"}`))
	for _, id := range []string{"outside", "waits"} {
		if err := h.Handle(t.Context(), &hub.Message{ID: id, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"stored", "panic"} {
		if err := b.Commit(t.Context(), &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: &hub.Message{ID: id, Body: body}}}}); err != nil {
			t.Fatal(err)
		}
	}
	b.eventually("three dead letters", func() bool { return len(b.dead()) == 3 })
	b.stop()
	rows, err := b.store.Browse(t.Context(), store.BrowseQuery{})
	if err != nil || len(rows) != 4 {
		t.Fatal(len(rows), err)
	}
	for _, d := range rows {
		history, err := b.store.History(t.Context(), d.Msg.ID)
		if err != nil || len(history) == 0 {
			t.Fatal(d.Msg.ID, err)
		}
		said := fmt.Sprintf("%+v %+v", *d.Error, history)
		if strings.Contains(said, token) || strings.Contains(said, key) || !strings.Contains(d.Error.Message, "[token] for [key]") {
			t.Errorf("%s: %s", d.Msg.ID, said)
		}
	}
	if said := log.String(); strings.Contains(said, token) || strings.Contains(said, key) || !strings.Contains(said, "[token]") {
		t.Errorf("log: %s", said)
	}
}
