package scenario

import (
	"sync"
	"time"

	"orderhub/hub"
)

// clock is virtual time: it stands still until the test moves it. Nobody
// outside takes time to answer, so a timer that waits never fires.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

var _ hub.Clock = (*clock)(nil)

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func (c *clock) Timer(d time.Duration) hub.Timer {
	t := make(timer, 1)
	if d <= 0 {
		t <- c.Now()
	}
	return t
}

type timer chan time.Time

func (t timer) C() <-chan time.Time { return t }
func (timer) Stop()                 {}
