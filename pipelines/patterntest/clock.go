package patterntest

import (
	"slices"
	"testing"
	"time"

	"orderhub/pipelines/virtual"
)

// Clock is the virtual time of a test.
type Clock struct{ *virtual.Clock }

// NewClock begins on the first of March 2026 at noon.
func NewClock() *Clock { return &Clock{virtual.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))} }

// Advance moves time on and fires what falls due.
func (c *Clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// Await returns when somebody waits for exactly d from now.
func (c *Clock) Await(t testing.TB, d time.Duration) {
	t.Helper()
	Until(t, "a timer of "+d.String(), func() bool {
		due := c.Now().Add(d)
		c.Lock()
		defer c.Unlock()
		return slices.ContainsFunc(c.Waiting, func(t *virtual.Timer) bool { return t.Due.Equal(due) })
	})
}

// Until polls a condition of other goroutines, in real time.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s after 30 s", what)
		}
	}
}
