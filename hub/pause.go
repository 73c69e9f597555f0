package hub

import (
	"context"
	"time"
)

// Pause waits for d on the clock. It returns false when ctx ended first.
func Pause(ctx context.Context, clock Clock, d time.Duration) bool {
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
