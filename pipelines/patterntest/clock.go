package patterntest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"orderhub/hub"
)

// Clock is virtual time: it stands still until Advance.
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

// NewClock begins on the first of March 2026 at noon.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// Now is the virtual time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Timer fires when Advance passes its time.
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

// Advance moves time and fires what falls due.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.timers = slices.DeleteFunc(c.timers, func(t *timer) bool {
		if t.due.After(c.now) {
			return false
		}
		t.c <- c.now
		return true
	})
}

// Await returns when somebody waits for exactly d from now.
func (c *Clock) Await(t testing.TB, d time.Duration) {
	t.Helper()
	until(t, "a timer of "+d.String(), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.ContainsFunc(c.timers, func(t *timer) bool { return t.due.Equal(c.now.Add(d)) })
	})
}

// until polls a condition of other goroutines, in real time.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s after 30 s", what)
		}
	}
}
