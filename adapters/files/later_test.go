package files

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// later is a handler that confirms when the test says so, but what comes again at once.
type later struct {
	mu      sync.Mutex
	waiting []func(error)
	again   atomic.Int64
}

func (l *later) Handle(context.Context, *hub.Message) error {
	l.again.Add(1)
	return nil
}

func (l *later) HandleLater(_ context.Context, _ *hub.Message, done func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, done)
}

func (l *later) take(n int) []func(error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) < n {
		return nil
	}
	out := l.waiting
	l.waiting = nil
	return out
}

// TestConfirmedLater: one worker goes on with the next record while others wait to be confirmed. The file stays where it is until
// all are; one that failed is handed over again.
func TestConfirmedLater(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "lines"; c.Workers = 1 })
	const all = 200
	handler := &later{}
	stop := in.start(handler)
	in.drop("a", strings.Repeat("x\n", all))
	var waiting []func(error)
	hubtest.Until(t, "all records handed over", func() bool { waiting = handler.take(all); return waiting != nil })
	for i, done := range waiting[1:] {
		if i%10 == 0 {
			done(hub.Fail(hub.Unavailable, "away", "away"))
		} else {
			done(nil)
		}
	}
	hubtest.Until(t, "those that failed tried again", func() bool { return handler.again.Load() == (all+9)/10 })
	if in.has("done/a") {
		t.Error("the file was moved before its first record was confirmed")
	}
	waiting[0](nil)
	in.wait("done/a")
	stop()
}

// TestStopAwaitsConfirmation: Run returns when all that was handed over is confirmed.
func TestStopAwaitsConfirmation(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "lines" })
	handler := &later{}
	stop := in.start(handler)
	in.drop("a", "1\n2\n")
	var waiting []func(error)
	hubtest.Until(t, "both handed over", func() bool { waiting = handler.take(2); return waiting != nil })
	var confirmed atomic.Int64
	go func() {
		for _, done := range waiting {
			time.Sleep(20 * time.Millisecond)
			confirmed.Add(1)
			done(nil)
		}
	}()
	if err := stop(); err != nil || confirmed.Load() != 2 {
		t.Errorf("Run ended with %v when %d of 2 were confirmed", err, confirmed.Load())
	}
	if !in.has("done/a") {
		t.Error("the file is not in done")
	}
}

// TestKeysAwaitConfirmation: the next record of a key waits until the one before is handled, also with one worker.
func TestKeysAwaitConfirmation(t *testing.T) {
	in := newInbox(t, func(c *settings) { c.Parse = "ndjson"; c.Key = "body.k"; c.Workers = 1 })
	handler := &later{}
	stop := in.start(handler)
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "{\"k\":1,\"i\":%d}\n", i)
	}
	in.drop("a", b.String())
	in.wait("done/a")
	stop()
	if handler.again.Load() != 50 || len(handler.waiting) > 0 {
		t.Errorf("%d of 50 were waited for, %d were not", handler.again.Load(), len(handler.waiting))
	}
}
