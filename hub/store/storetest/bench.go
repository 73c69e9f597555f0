//go:build unix

package storetest

import (
	"context"
	"fmt"
	"orderhub/hub"
	"orderhub/hub/store"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Writers are the numbers of goroutines that benchmarks compare.
var Writers = []int{1, 16, 64, 128}

// BenchCommit measures one message per op: put in a unit of its own, claimed, and consumed in another unit.
func BenchCommit(b *testing.B, s store.Store, writers int) {
	body, now, ctx := hub.NewBody(make([]byte, 1024)), time.Now().UTC(), context.Background()
	Bench(b, writers, func(i int64) error {
		m := &hub.Message{ID: fmt.Sprintf("01JAR5Z3Q8X7V6W5T4S3R2Q%03d", i), Time: now, Body: body}
		if err := s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: m}}}); err != nil {
			return err
		}
		batch, _, err := s.Claim(ctx, "q", 1, time.Minute)
		if err != nil || len(batch) != 1 {
			return fmt.Errorf("claimed %d: %w", len(batch), err)
		}
		return s.Commit(ctx, &hub.Unit{Input: batch[0]})
	})
}

// Bench runs ops in a number of goroutines. us-cpu/msg is the CPU time of this process.
func Bench(b *testing.B, writers int, op func(i int64) error) {
	var next atomic.Int64
	b.ResetTimer()
	cpu := cpuTime()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := op(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "us-cpu/msg")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
