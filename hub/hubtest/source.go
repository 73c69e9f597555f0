package hubtest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
)

// Features say what an adapter and its transport can do. They are declared, never sniffed.
type Features struct {
	Redelivers bool     // a source's message that was not acknowledged comes again with the same ID
	Cut        bool     // the far end is a Cutter: a lost connection ends Run with an error
	Ordered    bool     // messages of a source come in the order they were put
	NoEmpty    bool     // an empty body is refused
	NoBinary   bool     // bodies are text
	MaxBody    int      // largest body; 0: 1 MiB is fine
	Headers    []string // headers that survive the way
	Workers    int      // handlers that may run at once; 0: not bounded by the source
	Once       bool     // a target's far end keeps one of two messages with the same ID
	Classes    []hub.Class
}

// SourceFar is the far end of a source: a broker, a folder, a client.
type SourceFar interface {
	// Open makes a source that is connected, or connects in Run. What it needs is closed by t.Cleanup.
	Open(t *testing.T) hub.Source
	// Put brings one message and returns without waiting for its handling. IDs need not survive.
	Put(t *testing.T, m *hub.Message)
	// Acked counts the messages that the far end may forget, Refused those whose failure it was told.
	Acked(t *testing.T) int
	Refused(t *testing.T) int
}

// Cutter is a far end that can break the connection of the running source.
type Cutter interface{ Cut(t *testing.T) }

// Source checks the duties of a hub.Source. far makes a fresh far end per case.
func Source(t *testing.T, f Features, far func(t *testing.T) SourceFar) {
	contract(t, f, far, []duty[SourceFar]{
		{"ack after handle", "a source acknowledges a message only after Handle returned nil", false, sourceAcks},
		{"error is not an ack", "a message whose Handle failed is never acknowledged: the far end is told, or delivers it again with the same ID", false, sourceFails},
		{"in flight finishes", "Run returns only when every message it had begun is settled", false, sourceStops},
		{"stops idle", "Run returns nil soon after ctx is done", false, sourceStopsIdle},
		{"runs again", "a source can be run again after it was stopped, and messages go on", false, sourceRunsAgain},
		{"lost connection", "a lost connection ends Run with an error, and a new Run goes on", !f.Cut, sourceCut},
		{"bodies", "bodies arrive byte for byte, and stay as they are after Handle returned", false, sourceBodies},
		{"headers", "declared headers survive, with lower-case names", len(f.Headers) == 0, sourceHeaders},
		{"ids", "every message has an ID and a time", false, sourceIDs},
		{"order", "messages come in the order they were put", !f.Ordered, sourceOrder},
		{"workers", "no more handlers run at once than declared", f.Workers == 0, sourceWorkers},
	})
}

// contractRun runs src until stop, which waits for Run's result.
func contractRun(t *contractT, src hub.Source, h hub.Handler) (stop func() error, done <-chan error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, result := make(chan struct{}), make(chan error, 1)
	var err error
	go func() {
		err = src.Run(ctx, h)
		result <- err
		close(ended)
	}()
	stop = func() error {
		cancel()
		select {
		case <-ended:
			return err
		case <-time.After(contractPatience):
			t.fail("Run did not return after its context ended")
			return nil
		}
	}
	t.Cleanup(func() { stop() })
	return stop, result
}

// blocking is a handler that says when it is inside, and takes its message when it is free.
func blocking() (h hub.Handler, inside <-chan struct{}, free func()) {
	in, release := make(chan struct{}), make(chan struct{})
	return hub.HandlerFunc(func(context.Context, *hub.Message) error {
		in <- struct{}{}
		<-release
		return nil
	}), in, sync.OnceFunc(func() { close(release) })
}

func sourceAcks(t *contractT, _ Features, far SourceFar) {
	h, inside, free := blocking()
	defer free() // a failed case must not leave its handler waiting
	stop, _ := contractRun(t, far.Open(t.T), h)
	far.Put(t.T, contractMessage("a-1", `{"n":1}`))
	t.receive(inside, "the message never came")
	time.Sleep(20 * time.Millisecond) // give a wrong ack the time to arrive
	if n := far.Acked(t.T); n != 0 {
		t.fail("%d messages were acknowledged while Handle still ran", n)
	}
	free()
	t.until("the message was never acknowledged", func() bool { return far.Acked(t.T) == 1 })
	t.ok(stop())
}

func sourceFails(t *contractT, f Features, far SourceFar) {
	var seen Seen
	stop, _ := contractRun(t, far.Open(t.T), hub.HandlerFunc(func(_ context.Context, m *hub.Message) error {
		if seen.add(m) == 1 {
			return hub.Fail(hub.Unavailable, "test", "not now")
		}
		return nil
	}))
	far.Put(t.T, contractMessage("f-1", `{"n":1}`))
	if !f.Redelivers {
		t.until("the far end was not told that its message failed", func() bool { return far.Refused(t.T) == 1 })
		if n := far.Acked(t.T); n != 0 {
			t.fail("a failed message was acknowledged")
		}
		t.ok(stop())
		return
	}
	t.until("the message did not come again", func() bool { return len(seen.All()) >= 2 })
	got := seen.All()
	if got[0].ID != got[1].ID {
		t.fail("came again as %q, was %q", got[1].ID, got[0].ID)
	}
	t.until("the message was not acknowledged the second time", func() bool { return far.Acked(t.T) == 1 })
	t.ok(stop())
}

func sourceStops(t *contractT, _ Features, far SourceFar) {
	h, inside, free := blocking()
	defer free() // a failed case must not leave its handler waiting
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	src := far.Open(t.T)
	go func() { done <- src.Run(ctx, h) }()
	far.Put(t.T, contractMessage("s-1", `{"n":1}`))
	t.receive(inside, "the message never came")
	cancel()
	select {
	case <-done:
		t.fail("Run returned while a handler still ran")
	case <-time.After(50 * time.Millisecond):
	}
	free()
	select {
	case err := <-done:
		t.ok(err)
	case <-time.After(contractPatience):
		t.fail("Run did not return after the last handler did")
	}
	t.until("the message that was finished while stopping was not acknowledged", func() bool { return far.Acked(t.T) == 1 })
}

func sourceStopsIdle(t *contractT, _ Features, far SourceFar) {
	stop, _ := contractRun(t, far.Open(t.T), &Seen{})
	t.ok(stop())
}

func sourceRunsAgain(t *contractT, _ Features, far SourceFar) {
	src := far.Open(t.T)
	for i := range 2 {
		var seen Seen
		stop, _ := contractRun(t, src, &seen)
		far.Put(t.T, contractMessage("r", `{"n":1}`))
		t.until("the message never came", func() bool { return len(seen.All()) == 1 && far.Acked(t.T) == i+1 })
		t.ok(stop())
	}
}

func sourceCut(t *contractT, _ Features, far SourceFar) {
	var seen Seen
	src := far.Open(t.T)
	_, done := contractRun(t, src, &seen)
	far.Put(t.T, contractMessage("c-1", `{"n":1}`))
	t.until("the message never came", func() bool { return len(seen.All()) == 1 })
	far.(Cutter).Cut(t.T)
	select {
	case err := <-done:
		if err == nil {
			t.fail("Run returned nil for a lost connection")
		}
	case <-time.After(contractPatience):
		t.fail("Run did not notice the lost connection")
	}
	stop, _ := contractRun(t, src, &seen)
	far.Put(t.T, contractMessage("c-2", `{"n":2}`))
	t.until("no message came after the new Run", func() bool {
		return slices.ContainsFunc(seen.All(), func(m *hub.Message) bool { return string(m.Body.Bytes()) == `{"n":2}` })
	})
	t.ok(stop())
}

// sourceBodies looks at the bodies only after all have come: what a source
// keeps for its next message must not be in the hands of the hub.
func sourceBodies(t *contractT, f Features, far SourceFar) {
	var seen Seen
	stop, _ := contractRun(t, far.Open(t.T), &seen)
	bodies := contractBodies(f)
	bodies = append(bodies, contractBody{"second large", "application/json", bytes.ReplaceAll(bodies[1].body, []byte("x"), []byte("y"))})
	for i, b := range bodies {
		far.Put(t.T, b.message())
		t.until("the "+b.name+" body never came", func() bool { return len(seen.All()) == i+1 && far.Acked(t.T) == i+1 })
	}
	for i, b := range bodies {
		t.same(b.name, seen.All()[i].Body.Bytes(), b.body)
	}
	t.ok(stop())
}

func sourceHeaders(t *contractT, f Features, far SourceFar) {
	var seen Seen
	stop, _ := contractRun(t, far.Open(t.T), &seen)
	m := contractMessage("h-1", `{"n":1}`)
	for _, name := range f.Headers {
		m.Headers[name] = contractHeaderValue(name)
	}
	far.Put(t.T, m)
	t.until("the message never came", func() bool { return len(seen.All()) == 1 })
	t.headers(f.Headers, seen.All()[0].Headers)
	t.ok(stop())
}

func sourceIDs(t *contractT, _ Features, far SourceFar) {
	var seen Seen
	stop, _ := contractRun(t, far.Open(t.T), &seen)
	for _, id := range []string{"i-1", "i-2"} {
		far.Put(t.T, contractMessage(id, `{"n":1}`))
	}
	t.until("the messages never came", func() bool { return len(seen.All()) == 2 })
	got := seen.All()
	if got[0].ID == "" || got[0].ID == got[1].ID || got[0].Time.IsZero() {
		t.fail("IDs %q and %q, time %s", got[0].ID, got[1].ID, got[0].Time)
	}
	t.ok(stop())
}

func sourceOrder(t *contractT, _ Features, far SourceFar) {
	var seen Seen
	stop, _ := contractRun(t, far.Open(t.T), &seen)
	var want []string
	for i := range 20 {
		m := contractMessage("o", string(rune('a'+i)))
		m.Body = hub.NewBody([]byte(`{"n":"` + string(rune('a'+i)) + `"}`))
		m.Key = "same"
		want = append(want, string(m.Body.Bytes()))
		far.Put(t.T, m)
	}
	t.until("not all messages came", func() bool { return len(seen.All()) == len(want) })
	var got []string
	for _, m := range seen.All() {
		got = append(got, string(m.Body.Bytes()))
	}
	if !slices.Equal(got, want) {
		t.fail("came as %v", got)
	}
	t.ok(stop())
}

func sourceWorkers(t *contractT, f Features, far SourceFar) {
	var seen Seen
	var busy, most atomic.Int64
	stop, _ := contractRun(t, far.Open(t.T), hub.HandlerFunc(func(_ context.Context, m *hub.Message) error {
		for n, top := busy.Add(1), most.Load(); n > top && !most.CompareAndSwap(top, n); top = most.Load() {
		}
		defer busy.Add(-1)
		time.Sleep(5 * time.Millisecond)
		seen.add(m)
		return nil
	}))
	total := f.Workers*3 + 3
	for range total {
		far.Put(t.T, contractMessage("w", `{"n":1}`))
	}
	t.until("not all messages came", func() bool { return len(seen.All()) >= total })
	if n := most.Load(); n > int64(f.Workers) {
		t.fail("%d handlers ran at once, declared are %d", n, f.Workers)
	}
	t.ok(stop())
}
