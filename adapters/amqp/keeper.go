package amqp

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"orderhub/hub"
)

// keeper keeps one T open: it opens it when it is asked for, again after it
// was lost, one try at a time, with growing pauses between tries that fail.
// There is no end to the tries. It is closed once, with close.
type keeper[T any] struct {
	clock  hub.Clock
	pauses hub.Retry
	open   func(ctx context.Context) (T, error)
	alive  func(T) bool

	mu       sync.Mutex
	value    T
	has      bool
	shut     bool
	busy     chan struct{} // a try is under way; closed at its end
	cancel   context.CancelFunc
	failures int
	opened   time.Time
	next     time.Time // no try before
	err      error     // of the last try
}

// soon is a pause that a message may wait out.
const soon = time.Second

// steady is how long a T must have lived for its loss to be no failure.
const steady = 5 * time.Second

// get is the open T. While a pause runs that is longer than patience it
// fails at once, with the last try's error and the rest of the pause.
func (k *keeper[T]) get(ctx context.Context, patience time.Duration) (T, error) {
	var none T
	for {
		k.mu.Lock()
		if k.shut {
			k.mu.Unlock()
			return none, hub.Fail(hub.Unavailable, "stopping", "the adapter is closed")
		}
		if k.has && k.alive(k.value) {
			v := k.value
			k.mu.Unlock()
			return v, nil
		}
		wait := k.begin()
		busy, err := k.busy, k.err
		k.mu.Unlock()
		if busy == nil {
			if patience >= 0 && wait > max(patience, soon) {
				return none, later(err, wait)
			}
			if !pause(ctx, k.clock, wait) {
				return none, ctx.Err()
			}
			continue
		}
		select {
		case <-busy:
			if v, err := k.result(); err != nil {
				return none, err
			} else if k.alive(v) {
				return v, nil
			}
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}

// begin starts a try, or tells how long the pause before it still is. k.mu is held.
func (k *keeper[T]) begin() (wait time.Duration) {
	now := k.clock.Now()
	if k.has { // it was lost since
		k.has = false
		if now.Sub(k.opened) > steady {
			k.failures = 0
		} else {
			k.failures++
		}
		k.next = now.Add(k.delay())
	}
	if k.busy != nil {
		return 0
	}
	if wait = k.next.Sub(now); wait > 0 {
		return wait
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.busy, k.cancel = make(chan struct{}), cancel
	go k.try(ctx)
	return 0
}

func (k *keeper[T]) delay() time.Duration {
	if k.failures == 0 {
		return time.Duration(rand.Int64N(int64(k.pauses.Min))) // the first again, not all at one instant
	}
	return k.pauses.Delay(k.failures)
}

func (k *keeper[T]) try(ctx context.Context) {
	v, err := k.open(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
	k.cancel()
	now := k.clock.Now()
	if err == nil {
		k.value, k.has, k.opened = v, true, now
	} else {
		k.failures++
		k.next = now.Add(k.delay())
	}
	close(k.busy)
	k.busy = nil
}

func (k *keeper[T]) result() (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.value, k.err
}

// close ends the tries, and gives what is open to be closed.
func (k *keeper[T]) close() (v T, open bool) {
	k.mu.Lock()
	k.shut = true
	busy := k.busy
	if busy != nil {
		k.cancel()
	}
	k.mu.Unlock()
	if busy != nil {
		<-busy
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	v, open = k.value, k.has
	k.has = false
	return v, open
}

// later is err again, for what was not tried since the next try is only in wait.
func later(err error, wait time.Duration) error {
	if err == nil { // it was open, and is lost since
		err = hub.Fail(hub.Unavailable, hub.NotConnected, "the connection was lost; the next try is in %s", wait.Round(time.Millisecond))
	}
	e := *hub.AsError(err)
	e.After = wait
	return &e
}

// pause waits for d; false: ctx was done first.
func pause(ctx context.Context, clock hub.Clock, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := clock.Timer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-ctx.Done():
		return false
	}
}
