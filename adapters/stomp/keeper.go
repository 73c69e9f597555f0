package stomp

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"orderhub/hub"
)

// keeper keeps one connection open: it opens it when it is asked for, again
// after it was lost, one try at a time, with growing pauses between tries that
// fail. There is no end to the tries. It is closed once, with close.
type keeper struct {
	clock  hub.Clock
	pauses hub.Retry
	open   func(ctx context.Context) (*conn, error) // started

	mu       sync.Mutex
	conn     *conn // the last one; nil: there was none
	noted    bool  // its loss
	shut     bool
	busy     chan struct{} // a try is under way; closed at its end
	cancel   context.CancelFunc
	failures int
	opened   time.Time
	next     time.Time // no try before
	err      error     // why there is no connection
}

// soon is a pause that a message may wait out.
const soon = time.Second

// steady is how long a connection must have lived for its loss to be no failure.
const steady = 5 * time.Second

func (a *Adapter) keep(open func(ctx context.Context) (*conn, error)) *keeper {
	return &keeper{clock: a.env.Clock, pauses: hub.Retry{Min: a.cfg.Reconnect.Min, Max: a.cfg.Reconnect.Max}, open: open}
}

// get is the open connection. While a longer pause runs it fails at once, with
// the reason of the last loss and the rest of the pause.
func (k *keeper) get(ctx context.Context) (*conn, error) {
	for {
		k.mu.Lock()
		if k.shut {
			k.mu.Unlock()
			return nil, hub.Fail(hub.Unavailable, "stopping", "the adapter is closed")
		}
		if k.conn != nil && k.conn.alive() {
			c := k.conn
			k.mu.Unlock()
			return c, nil
		}
		wait := k.begin()
		busy, err := k.busy, k.err
		k.mu.Unlock()
		if busy == nil {
			if wait > soon {
				return nil, notTried(err, wait)
			}
			if !pause(ctx, k.clock, wait) {
				return nil, ctx.Err()
			}
			continue
		}
		select {
		case <-busy:
			if c, err := k.result(); err != nil {
				return nil, err
			} else if c.alive() {
				return c, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// begin starts a try, or tells how long the pause before it still is. k.mu is held.
func (k *keeper) begin() (wait time.Duration) {
	now := k.clock.Now()
	if k.conn != nil && !k.noted && k.busy == nil { // it was lost since
		k.noted, k.err = true, k.conn.lost()
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
	go k.try(ctx, k.conn)
	return 0
}

func (k *keeper) delay() time.Duration {
	if k.failures == 0 {
		return time.Duration(rand.Int64N(int64(k.pauses.Min))) // the first again, not all at one instant
	}
	return k.pauses.Delay(k.failures)
}

func (k *keeper) try(ctx context.Context, old *conn) {
	if old != nil {
		old.close()
	}
	c, err := k.open(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
	k.cancel()
	now := k.clock.Now()
	if err == nil {
		k.conn, k.noted, k.opened = c, false, now
	} else {
		k.failures++
		k.next = now.Add(k.delay())
	}
	close(k.busy)
	k.busy = nil
}

func (k *keeper) result() (*conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.conn, k.err
}

// close ends the tries and the connection.
func (k *keeper) close() {
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
	c := k.conn
	k.mu.Unlock()
	switch {
	case c == nil:
	case c.alive():
		c.leave()
	default:
		c.close()
	}
}

// notTried is the error of what was not sent, since the next try to connect is only in wait.
func notTried(err error, wait time.Duration) error {
	e := hub.Fail(hub.Unavailable, hub.NotConnected, "waits to connect again: %w", err)
	e.After = wait
	return e
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
