// Package virtual plays the world around a hub: its time stands still until somebody moves it, its sources are silent.
package virtual

import (
	"slices"
	"sync"
	"time"

	"orderhub/hub"
)

// Clock is virtual time. It is safe for concurrent use.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*timer
}

var _ hub.Clock = (*Clock)(nil)

type timer struct {
	clock *Clock
	due   time.Time
	c     chan time.Time
}

// NewClock begins at now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is the virtual time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Timer fires when time passes its end.
func (c *Clock) Timer(d time.Duration) hub.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{clock: c, due: c.now.Add(d), c: make(chan time.Time, 1)}
	if d <= 0 {
		t.c <- c.now
	} else {
		c.timers = append(c.timers, t)
	}
	return t
}

func (t *timer) C() <-chan time.Time { return t.c }

func (t *timer) Stop() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.clock.timers = slices.DeleteFunc(t.clock.timers, func(o *timer) bool { return o == t })
}

// Advance moves time on and fires what falls due.
func (c *Clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// Set makes it now, and fires what falls due.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
	c.timers = slices.DeleteFunc(c.timers, func(t *timer) bool {
		if t.due.After(now) {
			return false
		}
		t.c <- now
		return true
	})
}

// Awaited tells that somebody waits for exactly d from now.
func (c *Clock) Awaited(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.timers, func(t *timer) bool { return t.due.Equal(c.now.Add(d)) })
}
