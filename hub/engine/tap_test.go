package engine

import (
	"fmt"
	"testing"

	"orderhub/hub"
)

// TestTaps: who looks on gets what passes at its places, and no more than it keeps: the rest is counted, and nobody waits.
func TestTaps(t *testing.T) {
	var taps Taps
	m := &hub.Message{ID: "m"}
	taps.saw("orders", m)
	slow, quick := taps.Open(2, "orders", "late"), taps.Open(10, "late")
	for i := range 5 {
		taps.saw("orders", &hub.Message{ID: fmt.Sprint(i)})
	}
	taps.saw("late", m)
	taps.saw("elsewhere", m)
	if len(slow.Copies) != 2 || slow.Missed() != 4 || len(quick.Copies) != 1 || quick.Missed() != 0 {
		t.Errorf("%d copies, %d missed; %d copies, %d missed", len(slow.Copies), slow.Missed(), len(quick.Copies), quick.Missed())
	}
	if c := <-slow.Copies; c.Place != "orders" || c.Message.ID != "0" {
		t.Errorf("%+v", c)
	}
	slow.Close()
	taps.saw("orders", m)
	if slow.Missed() != 4 || len(slow.Copies) != 1 {
		t.Error("a tap that is closed gets copies")
	}
	quick.Close()
	if taps.open.Load() != nil {
		t.Error("who does not look on any more costs something")
	}
}

// BenchmarkTapsNobody is what it costs a message at one place that nobody looks on.
func BenchmarkTapsNobody(b *testing.B) {
	var taps Taps
	m := &hub.Message{ID: "m"}
	for b.Loop() {
		taps.saw("orders", m)
	}
}
