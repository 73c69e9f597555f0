package broker

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"orderhub/hub"
)

// Keeper keeps one T open, such as a connection: it opens it when it is asked for, again after it was lost, one try at a time, with
// growing pauses between tries that fail. There is no end to the tries until Close.
type Keeper[T any] struct {
	clock  hub.Clock
	pauses hub.Retry
	link   Link[T]

	mu       sync.Mutex
	value    T    // the last that was opened
	ever     bool // there is one
	open     bool // and its loss is not noticed yet
	shut     bool
	busy     chan struct{} // a try is under way; closed at its end
	cancel   context.CancelFunc
	failures int
	opened   time.Time
	next     time.Time // no try before
	err      error     // why nothing is open
}

// Link says how a T is opened, and how its loss is noticed.
type Link[T any] struct {
	Open func(ctx context.Context) (T, error)
	Lost func(T) error // why it is lost; nil: it is open
	Drop func(T)       // frees what was lost, before the next try; nil: there is nothing to free
}

const (
	soon   = time.Second     // a pause that a message may wait out
	steady = 5 * time.Second // how long a T must have lived for its loss to be no failure
)

// NewKeeper returns a keeper that has opened nothing yet.
func NewKeeper[T any](clock hub.Clock, pauses Reconnect, link Link[T]) *Keeper[T] {
	return &Keeper[T]{clock: clock, pauses: pauses.Retry(), link: link}
}

// Get returns the open T. While a long pause runs it fails at once, with why nothing is open and the rest of the pause: what was not
// even tried costs no attempt.
func (k *Keeper[T]) Get(ctx context.Context) (T, error) { return k.get(ctx, soon) }

// Wait is Get, but it waits out any pause.
func (k *Keeper[T]) Wait(ctx context.Context) (T, error) { return k.get(ctx, 1<<62) }

func (k *Keeper[T]) get(ctx context.Context, patience time.Duration) (T, error) {
	var none T
	for {
		k.mu.Lock()
		if k.shut {
			k.mu.Unlock()
			return none, hub.Fail(hub.Unavailable, "stopping", "the adapter is closed")
		}
		if k.open && k.link.Lost(k.value) == nil {
			v := k.value
			k.mu.Unlock()
			return v, nil
		}
		wait := k.begin()
		busy, err := k.busy, k.err
		k.mu.Unlock()
		if busy == nil {
			if wait > patience {
				e := hub.Fail(hub.Unavailable, hub.NotConnected, "waits to connect again: %w", err)
				e.After = wait
				return none, e
			}
			if !hub.Pause(ctx, k.clock, wait) {
				return none, ctx.Err()
			}
			continue
		}
		select {
		case <-busy:
			if err := k.failed(); err != nil {
				return none, err
			}
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}

func (k *Keeper[T]) failed() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// begin starts a try, or returns how long the pause before it still is. k.mu is held.
func (k *Keeper[T]) begin() (wait time.Duration) {
	now := k.clock.Now()
	if k.open { // its loss is noticed now
		k.open, k.err = false, k.link.Lost(k.value)
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

func (k *Keeper[T]) delay() time.Duration {
	if k.failures == 0 {
		return time.Duration(rand.Int64N(int64(k.pauses.Min))) // many that lost it together come again one after another
	}
	return k.pauses.Delay(k.failures)
}

func (k *Keeper[T]) try(ctx context.Context) {
	if k.ever && k.link.Drop != nil { // nobody else writes ever and value while a try is under way
		k.link.Drop(k.value)
	}
	v, err := k.link.Open(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
	k.cancel()
	now := k.clock.Now()
	if err == nil {
		k.value, k.ever, k.open, k.opened = v, true, true, now
	} else {
		k.failures++
		k.next = now.Add(k.delay())
	}
	close(k.busy)
	k.busy = nil
}

// Close ends the tries. It returns what was opened last, open or lost, to be closed; false: nothing was ever opened.
func (k *Keeper[T]) Close() (last T, ok bool) {
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
	last, ok = k.value, k.ever
	k.ever, k.open = false, false
	return last, ok
}
