//go:build unix

package storetest

import (
	"context"
	"fmt"
	"orderhub/hub"
	"orderhub/hub/store"
	"slices"
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

// swept is a store with history that is swept.
type swept struct {
	*testing.B
	s      store.Store
	units  atomic.Int64
	filled time.Time
}

// BenchSweep measures how fast a store deletes history, alone and, as the hub does it, beside units that are committed at a rate, and what those
// wait for their commit without and with it. rows are written before.
func BenchSweep(b *testing.B, s store.Store, rows int) {
	w := &swept{B: b, s: s}
	for range rows / 250 {
		u := &hub.Unit{}
		for range 250 {
			u.Past = append(u.Past, w.unit())
		}
		if err := s.Commit(context.Background(), u); err != nil {
			b.Fatal(err)
		}
	}
	w.filled = time.Now()
	for b.Loop() {
		w.sweep("alone", rows/4, false)
		w.load("without", func() { time.Sleep(5 * time.Second) })
		w.load("beside", func() { w.sweep("beside", rows/2, true) })
	}
}

// unit is one of an order of 30 rows, which has 7 roots.
func (w *swept) unit() *hub.Unit {
	i := w.units.Add(1)
	root := fmt.Sprintf("01JAR5Z3Q8X7V6W5T4S%07d", i/4)
	return &hub.Unit{Root: root, Correlation: fmt.Sprintf("W-%07d", i/30), Terms: []int64{-i, i << 20}[:i%2*2],
		History: []hub.Event{{Time: time.Now(), Took: time.Millisecond, Message: root + "/1", Where: "intake/charge", What: "called", Detail: "POST /charges 200"},
			{Time: time.Now(), Message: root + "/1", Where: "intake/send", What: "sent", Detail: "orders"}}}
}

// sweep deletes n rows of those that were there at first; rest: as the hub does it.
func (w *swept) sweep(name string, n int, rest bool) {
	from := time.Now()
	for left := n; left > 0; {
		got, more, err := w.s.Sweep(context.Background(), store.Retention{History: time.Since(w.filled)}, 1000)
		if left -= got; err != nil || !more {
			w.Fatal(left, err)
		}
		if rest {
			time.Sleep(5 * time.Millisecond)
		}
	}
	w.ReportMetric(float64(n)/time.Since(from).Seconds(), name+"-rows/s")
}

// load commits about 2,000 units a second with a message each, while beside runs, and tells what they took.
func (w *swept) load(name string, beside func()) {
	var mu sync.Mutex
	var took []time.Duration
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for hub.Pause(ctx, hub.RealClock{}, 16*time.Millisecond) {
				began, u := time.Now(), w.unit()
				u.Puts = []hub.Put{{Queue: "q", Msg: &hub.Message{ID: u.Root, Correlation: u.Correlation, Body: hub.NewBody(make([]byte, 1024))}}}
				if err := w.s.Commit(context.Background(), u); err != nil {
					w.Error(err)
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	began := time.Now()
	beside()
	w.ReportMetric(float64(len(took))/time.Since(began).Seconds(), name+"-units/s")
	stop()
	wg.Wait()
	slices.Sort(took)
	for _, q := range []int{50, 99} {
		w.ReportMetric(float64(took[len(took)*q/100].Microseconds())/1000, fmt.Sprintf("%s-p%d-ms", name, q))
	}
}
