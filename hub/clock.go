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
	return Await(ctx, clock, d, nil)
}

// Signal wakes the one that waits for it. However often it is given before that one looks, it wakes once.
type Signal chan struct{}

// NewSignal makes a signal that was not given yet.
func NewSignal() Signal { return make(Signal, 1) }

// Give never waits.
func (s Signal) Give() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// Await is a Pause that a signal ends early; nil: none does.
func Await(ctx context.Context, clock Clock, d time.Duration, s Signal) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := clock.Timer(d)
	defer t.Stop()
	select {
	case <-t.C():
		return true
	case <-s:
		return true
	case <-ctx.Done():
		return false
	}
}
