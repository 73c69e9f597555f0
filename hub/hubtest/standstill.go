package hubtest

import (
	"sync/atomic"
	"testing"
	"time"
)

// Standstill returns a function that tells for how long the machine stood still
// since Standstill was called: by how much the test's own short sleeps were too long.
// A promise of time is checked with it added, and holds however busy the machine is.
func Standstill(t testing.TB) func() time.Duration {
	const nap, usual = 10 * time.Millisecond, 50 * time.Millisecond
	var stood atomic.Int64
	go func() {
		for t.Context().Err() == nil {
			began := time.Now()
			time.Sleep(nap)
			if late := time.Since(began) - nap; late > usual {
				stood.Add(int64(late))
			}
		}
	}()
	return func() time.Duration { return time.Duration(stood.Load()) }
}
