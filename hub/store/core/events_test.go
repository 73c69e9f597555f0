package core

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
)

// TestHistory: a row of history gives back what went in, whatever of it is there, and places are stored once.
func TestHistory(t *testing.T) {
	at := time.Date(2026, 11, 30, 18, 17, 6, 732990235, time.UTC)
	u := &hub.Unit{Root: "M", Correlation: "W-1", History: []hub.Event{
		{Time: at, Message: "M", Where: "web", Line: "a.yaml:1", What: "received", Detail: "POST /orders"},
		{Time: at.Add(time.Second), Took: time.Millisecond, Message: "M/1", Where: "web/call x", Line: "a.yaml:2", What: "called", Links: []string{"N", "O"}},
		{Time: at.Add(-time.Second), Message: "M/1", Where: "web/call x", Line: "a.yaml:2", What: "called"},
		{Message: "other", What: "failed", Detail: "ž"},
	}}
	u.Span.Trace, u.Span.TraceContext.Span, u.Span.Parent = hub.TraceOf("M"), hub.SpanID{1}, hub.SpanID{2}
	for name, trace := range map[string]hub.TraceID{"derived": hub.TraceOf("M"), "own": {7}} {
		u.Span.Trace = trace
		ps := &Places{}
		h, fresh := encodeHistory(u, Nanos(at), ps, nil)
		if len(fresh) != 3 || !h.Outside || !slices.Equal(h.Links, []string{"N", "O"}) || !slices.Equal(h.Terms, map[string][]int64{"own": {TraceTerm(trace.String())}}[name]) {
			t.Errorf("%s: places %v, row %+v", name, fresh, h)
		}
		table := map[int64]string{}
		for _, p := range fresh {
			table[p.ID] = p.Text
		}
		span, events, err := decodeHistory(h.Events, Nanos(at), "M", func(id int64) string { return table[id] })
		if err != nil || !reflect.DeepEqual(events, u.History) || span.Trace != trace || span.Parent != u.Span.Parent || span.TraceContext.Span != u.Span.TraceContext.Span {
			t.Errorf("%s: %+v of %+v (%v)", name, events, span, err)
		}
		ps.keep(fresh)
		if _, again := encodeHistory(u, Nanos(at), ps, nil); len(again) != 0 {
			t.Errorf("%s: stored places are stored again: %v", name, again)
		}
	}
}

// TestManyPlaces: past the bound of the table a place stands in the row.
func TestManyPlaces(t *testing.T) {
	ps := &Places{}
	for i := range maxPlaces {
		ps.of(place{where: fmt.Sprint(i)})
	}
	u := &hub.Unit{Root: "M", History: []hub.Event{{Message: "M", Where: "one more", Line: "l", What: "w"}}}
	h, fresh := encodeHistory(u, 0, ps, nil)
	_, events, err := decodeHistory(h.Events, 0, "M", nil)
	if err != nil || len(fresh) != 0 || !reflect.DeepEqual(events, u.History) {
		t.Errorf("%+v, places %v (%v)", events, fresh, err)
	}
}

// TestDamagedHistory: bytes that are no row are an error, never a panic.
func TestDamagedHistory(t *testing.T) {
	u := &hub.Unit{Root: "M", History: []hub.Event{{Message: "M/1", Where: "w", What: strings.Repeat("x", 9), Detail: "d", Links: []string{"N"}}}}
	h, _ := encodeHistory(u, 0, &Places{}, nil)
	text := func(int64) string { return "" }
	for i := range h.Events {
		if _, _, err := decodeHistory(h.Events[:i], 0, "M", text); err == nil && i != 34 { // 34: the span alone, without events
			t.Errorf("the first %d of %d bytes are taken for a row", i, len(h.Events))
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		b := append([]byte{eventsVersion}, make([]byte, r.IntN(80))...)
		for i := range b[1:] {
			b[1+i] = byte(r.Uint32())
		}
		_, _, _ = decodeHistory(b, 0, "M", text)
	}
}
