package hub

import (
	"context"
	"time"
)

// Clock is the hub's only source of time, so that tests can run on virtual time.
type Clock interface {
	Now() time.Time
	// Timer fires once after d; a d of zero or less fires at once.
	Timer(d time.Duration) Timer
}

// Timer is a running timer.
type Timer interface {
	C() <-chan time.Time
	Stop()
}

// RealClock is the wall clock.
type RealClock struct{}

// Now is time.Now without its monotonic part, in UTC: what the store keeps.
func (RealClock) Now() time.Time { return time.Now().UTC().Round(0) }

// Timer is a time.Timer.
func (RealClock) Timer(d time.Duration) Timer { return realTimer{time.NewTimer(d)} }

type realTimer struct{ t *time.Timer }

func (t realTimer) C() <-chan time.Time { return t.t.C }
func (t realTimer) Stop()               { t.t.Stop() }

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
