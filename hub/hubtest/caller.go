package hubtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
)

// CallerFar is the far end of a caller: a service that answers with what
// answer gives. A classified error is answered as such a fault of the service.
type CallerFar interface {
	Open(t *testing.T) hub.Caller
	Serve(t *testing.T, answer func(request *hub.Message) (*hub.Message, error))
}

// Caller checks the duties of a hub.Caller. Features used: Headers (of the
// request), Classes (faults of the service). far makes a fresh far end per case.
func Caller(t *testing.T, f Features, far func(t *testing.T) CallerFar) {
	contract(t, f, far, []duty[CallerFar]{
		{"reply", "the reply's body and its headers status and content-type are the service's", false, callerReply},
		{"request", "the request's body and declared headers arrive", false, callerRequest},
		{"deadline", "Call returns when its context's deadline has passed, as a timeout", false, callerDeadline},
		{"cancelled", "Call returns soon after its context is cancelled", false, callerCancelled},
		{"same idempotency key", "the Idempotency-Key is the same on every attempt", false, callerKey},
		{"classes", "errors carry the class that the service's fault has, and a Call after it works", len(f.Classes) == 0, callerClasses},
		{"no own retries", "a Call asks once: retries are the hub's", false, callerOnce},
		{"correlation", "replies of parallel calls belong to their requests", false, callerParallel},
	})
}

func contractReply(body string) *hub.Message {
	m := contractMessage("reply", body)
	m.Headers[hub.HeaderStatus] = "200"
	return m
}

func callerReply(t *contractT, _ Features, far CallerFar) {
	far.Serve(t.T, func(*hub.Message) (*hub.Message, error) { return contractReply(`{"id":"c1","amount":12.50}`), nil })
	reply, err := far.Open(t.T).Call(contractContext(t), contractMessage("q-1", `{"n":1}`))
	t.ok(err)
	t.same("reply", reply.Body.Bytes(), []byte(`{"id":"c1","amount":12.50}`))
	if reply.Headers[hub.HeaderStatus] != "200" || reply.Headers[hub.HeaderContentType] != "application/json" {
		t.fail("headers %v", reply.Headers)
	}
}

func callerRequest(t *contractT, f Features, far CallerFar) {
	var seen Seen
	far.Serve(t.T, func(m *hub.Message) (*hub.Message, error) { seen.add(m); return contractReply(`{}`), nil })
	m := contractMessage("q-1", `{"name":"Žofie","n":0.10}`)
	addContractHeaders(m, f.Headers)
	_, err := far.Open(t.T).Call(contractContext(t), m)
	t.ok(err)
	got := seen.All()
	t.same("request", got[0].Body.Bytes(), m.Body.Bytes())
	t.headers(f.Headers, got[0].Headers)
}

func callerDeadline(t *contractT, _ Features, far CallerFar) {
	callerGivesUp(t, far, func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), 50*time.Millisecond)
	}, func(err error) {
		if c := hub.AsError(err).Class; c != hub.Timeout {
			t.fail("class %s, want timeout: %v", c, err)
		}
	})
}

func callerCancelled(t *contractT, _ Features, far CallerFar) {
	callerGivesUp(t, far, func() (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(30*time.Millisecond, cancel)
		return ctx, cancel
	}, func(err error) {
		if !hub.AsError(err).Class.Transient() {
			t.fail("a cancelled call may be tried again, its class is %s: %v", hub.AsError(err).Class, err)
		}
	})
}

func callerGivesUp(t *contractT, far CallerFar, begin func() (context.Context, context.CancelFunc), check func(error)) {
	release := make(chan struct{})
	defer close(release) // before the cleanup that closes the service
	far.Serve(t.T, func(*hub.Message) (*hub.Message, error) { <-release; return contractReply(`{}`), nil })
	caller := far.Open(t.T)
	ctx, cancel := begin()
	defer cancel()
	start := time.Now()
	_, err := caller.Call(ctx, contractMessage("q-1", `{"n":1}`))
	if took := time.Since(start); err == nil || took > contractPatience/4 {
		t.fail("Call returned %v after %s", err, took)
	}
	check(err)
}

func callerKey(t *contractT, _ Features, far CallerFar) {
	var seen Seen
	far.Serve(t.T, func(m *hub.Message) (*hub.Message, error) {
		if seen.add(m) == 1 {
			return nil, hub.Fail(hub.Unavailable, "test", "not now")
		}
		return contractReply(`{}`), nil
	})
	caller, m := far.Open(t.T), contractMessage("q-1", `{"n":1}`).WithHeader(hub.HeaderIdempotency, "order-1/billing/charge")
	if _, err := caller.Call(contractContext(t), m); err == nil {
		t.fail("Call returned nil for a fault")
	}
	_, err := caller.Call(contractContext(t), m)
	t.ok(err)
	for _, got := range seen.All() {
		if k := got.Headers[hub.HeaderIdempotency]; k != "order-1/billing/charge" {
			t.fail("the key was %q", k)
		}
	}
}

func callerClasses(t *contractT, f Features, far CallerFar) {
	var fault error
	var mu sync.Mutex
	set := func(err error) { mu.Lock(); fault = err; mu.Unlock() }
	far.Serve(t.T, func(*hub.Message) (*hub.Message, error) {
		mu.Lock()
		defer mu.Unlock()
		return contractReply(`{}`), fault
	})
	caller := far.Open(t.T)
	for _, class := range f.Classes {
		set(hub.Fail(class, "test", "fault"))
		_, err := caller.Call(contractContext(t), contractMessage("q", `{"n":1}`))
		if err == nil || hub.AsError(err).Class != class {
			t.fail("want class %s, got %v", class, err)
		}
		set(nil)
		_, err = caller.Call(contractContext(t), contractMessage("q", `{"n":1}`))
		t.ok(err)
	}
}

func callerOnce(t *contractT, _ Features, far CallerFar) {
	var seen Seen
	far.Serve(t.T, func(m *hub.Message) (*hub.Message, error) {
		seen.add(m)
		return nil, hub.Fail(hub.Unavailable, "test", "down")
	})
	_, err := far.Open(t.T).Call(contractContext(t), contractMessage("q", `{"n":1}`).WithHeader(hub.HeaderIdempotency, "k"))
	if n := len(seen.All()); err == nil || n != 1 {
		t.fail("the service was asked %d times, error %v", n, err)
	}
}

func callerParallel(t *contractT, _ Features, far CallerFar) {
	far.Serve(t.T, func(m *hub.Message) (*hub.Message, error) { return contractReply(string(m.Body.Bytes())), nil })
	caller, ctx := far.Open(t.T), contractContext(t)
	var wg sync.WaitGroup
	faults := make(chan error, 26)
	for i := range 26 {
		wg.Go(func() {
			body := `{"n":"` + string(rune('a'+i)) + `"}`
			reply, err := caller.Call(ctx, contractMessage("q"+string(rune('a'+i)), body))
			if err == nil && !slices.Equal(reply.Body.Bytes(), []byte(body)) {
				err = errors.New("asked " + body + ", got " + string(reply.Body.Bytes()))
			}
			faults <- err
		})
	}
	wg.Wait()
	close(faults)
	for err := range faults {
		t.ok(err)
	}
}
