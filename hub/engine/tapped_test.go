package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
)

// TestTapsOfARuntime: what a stage takes is seen once, however often it is tried; what is put and what is sent is seen where it goes.
func TestTapsOfARuntime(t *testing.T) {
	tries := 0
	b := newBench(t, passing(discard{}), &engine.Stage{Name: "s", Queue: "q", Run: func(context.Context, *hub.Exchange) error {
		if tries++; tries < 3 {
			return hub.Fail(hub.Unavailable, "test", "away")
		}
		return nil
	}})
	tap := b.Taps.Open(100, "p", "@out", "q", "s")
	defer tap.Close()
	b.start()
	if _, err := b.Inject(t.Context(), "p", &hub.Message{ID: "passes", Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	b.put("q", "stored", "")
	b.eventually("it is tried until it works", func() bool { qs, err := b.store.Queues(t.Context()); return err == nil && len(qs) == 0 })
	b.stop()
	var got []string
	for len(tap.Copies) > 0 {
		c := <-tap.Copies
		got = append(got, c.Place+" "+c.Message.ID)
	}
	slices.Sort(got) // a message may be run before who put it is told so
	if text := fmt.Sprint(got); text != "[@out passes p passes q stored s stored]" || tries != 3 {
		t.Errorf("after %d tries: %s", tries, text)
	}
}
