package hubtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
)

// TargetFar is the far end of a target.
type TargetFar interface {
	// Open makes a target. The suite closes it; what else it needs is closed by t.Cleanup.
	Open(t *testing.T) hub.Target
	// Got are the messages that the far end holds by now, oldest first.
	Got(t *testing.T) []*hub.Message
}

// Breaker is a far end that can be made to fail: after Break(c), a Send must
// end with an error of class c, until Heal.
type Breaker interface {
	Break(t *testing.T, c hub.Class)
	Heal(t *testing.T)
}

// Target checks the duties of a hub.Target. far makes a fresh far end per case.
func Target(t *testing.T, f Features, far func(t *testing.T) TargetFar) {
	contract(t, f, far, []duty[TargetFar]{
		{"confirmed", "Send returns nil only after the far end has the message", false, targetConfirms},
		{"bodies", "bodies arrive byte for byte", false, targetBodies},
		{"headers", "declared headers survive", len(f.Headers) == 0, targetHeaders},
		{"same ID twice", "sending the same message ID again is harmless", false, targetTwice},
		{"classes", "errors carry the class that the far end's fault has, and a Send after it works", len(f.Classes) == 0, targetClasses},
		{"ended context", "Send with a context that has ended sends nothing and says so", false, targetCancelled},
		{"parallel", "Send may be called by several goroutines", false, targetParallel},
		{"unchanged", "a message is never changed by a target", false, targetKeeps},
	})
}

func contractTarget(t *contractT, far TargetFar) hub.Target {
	target := far.Open(t.T)
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Errorf("Close: %v\ncontract: a target closes without error when its far end is well", err)
		}
	})
	return target
}

func contractContext(t *contractT) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), contractPatience)
	t.Cleanup(cancel)
	return ctx
}

func targetConfirms(t *contractT, _ Features, far TargetFar) {
	target, ctx := contractTarget(t, far), contractContext(t)
	for i := range 5 {
		t.ok(target.Send(ctx, contractMessage("t-"+string(rune('0'+i)), `{"n":1}`)))
		if n := len(far.Got(t.T)); n != i+1 {
			t.fail("Send returned nil for message %d, the far end has %d", i+1, n)
		}
	}
}

func targetBodies(t *contractT, f Features, far TargetFar) {
	target, ctx := contractTarget(t, far), contractContext(t)
	for i, b := range contractBodies(f) {
		t.ok(target.Send(ctx, b.message()))
		got := far.Got(t.T)
		if len(got) != i+1 {
			t.fail("the far end has %d messages, want %d", len(got), i+1)
		}
		t.same(b.name, got[i].Body.Bytes(), b.body)
	}
}

func targetHeaders(t *contractT, f Features, far TargetFar) {
	target := contractTarget(t, far)
	m := contractMessage("h-1", `{"n":1}`)
	addContractHeaders(m, f.Headers)
	t.ok(target.Send(contractContext(t), m))
	t.headers(f.Headers, far.Got(t.T)[0].Headers)
}

func targetTwice(t *contractT, f Features, far TargetFar) {
	target, ctx := contractTarget(t, far), contractContext(t)
	m := contractMessage("same-1", `{"n":1}`).WithHeader(hub.HeaderIdempotency, "same-1")
	t.ok(target.Send(ctx, m))
	t.ok(target.Send(ctx, m))
	got := far.Got(t.T)
	if f.Once && len(got) != 1 {
		t.fail("the far end has %d messages, want 1", len(got))
	}
	for _, g := range got {
		if string(g.Body.Bytes()) != `{"n":1}` {
			t.fail("the second one changed the first: %s", g.Body.Bytes())
		}
	}
}

func targetClasses(t *contractT, f Features, far TargetFar) {
	target, ctx := contractTarget(t, far), contractContext(t)
	for _, class := range f.Classes {
		far.(Breaker).Break(t.T, class)
		err := target.Send(ctx, contractMessage("c-"+string(class), `{"n":1}`))
		if err == nil {
			t.fail("Send returned nil while the far end fails with %s", class)
		}
		if got := hub.AsError(err).Class; got != class {
			t.fail("class %s, want %s: %v", got, class, err)
		}
		far.(Breaker).Heal(t.T)
		t.ok(target.Send(ctx, contractMessage("ok-"+string(class), `{"n":1}`)))
	}
}

func targetCancelled(t *contractT, _ Features, far TargetFar) {
	target := contractTarget(t, far)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	start := time.Now()
	err := target.Send(ctx, contractMessage("x-1", `{"n":1}`))
	if err == nil || time.Since(start) > contractPatience/2 {
		t.fail("Send returned %v after %s", err, time.Since(start))
	}
	if n := len(far.Got(t.T)); n != 0 {
		t.fail("the far end has %d messages", n)
	}
}

func targetParallel(t *contractT, _ Features, far TargetFar) {
	target, ctx := contractTarget(t, far), contractContext(t)
	const senders, each = 8, 5
	var wg sync.WaitGroup
	errs := make(chan error, senders*each)
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				errs <- target.Send(ctx, contractMessage("p-"+string(rune('a'+s))+string(rune('0'+i)), `{"n":1}`))
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.ok(err)
	}
	if n := len(far.Got(t.T)); n != senders*each {
		t.fail("the far end has %d messages, want %d", n, senders*each)
	}
}

func targetKeeps(t *contractT, _ Features, far TargetFar) {
	target := contractTarget(t, far)
	m := contractMessage("k-1", `{"n":1}`)
	m.Headers["idempotency-key"] = "k"
	t.ok(target.Send(contractContext(t), m))
	if m.ID != "k-1" || len(m.Headers) != 2 || string(m.Body.Bytes()) != `{"n":1}` {
		t.fail("the message is now %+v", m)
	}
}
