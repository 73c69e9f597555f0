// Package virtual plays the world around a hub: its time stands still until somebody moves it, its sources are silent.
package virtual

import (
	"slices"
	"sync"
	"time"

	"orderhub/hub"
)

// Clock is virtual time. Its methods are safe for concurrent use.
type Clock struct {
	sync.Mutex          // whoever looks at Waiting holds it
	Waiting    []*Timer // that have not fired, and were not stopped
	now        time.Time
}

var _ hub.Clock = (*Clock)(nil)

// Timer is a timer of a Clock.
type Timer struct {
	Due   time.Time
	clock *Clock
	c     chan time.Time
}

// NewClock begins at now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is the virtual time.
func (c *Clock) Now() time.Time {
	c.Lock()
	defer c.Unlock()
	return c.now
}

// Timer fires when time passes its end.
func (c *Clock) Timer(d time.Duration) hub.Timer {
	c.Lock()
	defer c.Unlock()
	t := &Timer{Due: c.now.Add(d), clock: c, c: make(chan time.Time, 1)}
	if d <= 0 {
		t.c <- c.now
	} else {
		c.Waiting = append(c.Waiting, t)
	}
	return t
}

// C gives the time when it fires.
func (t *Timer) C() <-chan time.Time { return t.c }

// Stop ends it.
func (t *Timer) Stop() {
	t.clock.Lock()
	defer t.clock.Unlock()
	t.clock.Waiting = slices.DeleteFunc(t.clock.Waiting, func(o *Timer) bool { return o == t })
}

// Set makes it now, and fires what falls due.
func (c *Clock) Set(now time.Time) {
	c.Lock()
	defer c.Unlock()
	c.now = now
	c.Waiting = slices.DeleteFunc(c.Waiting, func(t *Timer) bool {
		if t.Due.After(now) {
			return false
		}
		t.c <- now
		return true
	})
}
