// Package storetest has what the tests of the stores share: short ways to write messages, a benchmark, and PostgreSQL
// databases of a test's own.
package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderhub/hub"
)

// Message is a message with the key "k", a header and a body.
func Message(id, body string) *hub.Message {
	return &hub.Message{ID: id, Key: "k", Headers: hub.Headers{"a": "b"}, Body: hub.NewBody([]byte(body))}
}

// Keyed is a message with a key.
func Keyed(id, key string) *hub.Message {
	m := Message(id, "1")
	m.Key = key
	return m
}

// Put commits a unit that puts the message into the queue.
func Put(t testing.TB, s hub.Store, queue string, m *hub.Message) {
	t.Helper()
	if err := s.Commit(context.Background(), &hub.Unit{Puts: []hub.Put{{Queue: queue, Msg: m}}}); err != nil {
		t.Fatal(err)
	}
}

// Eventually waits for a condition.
func Eventually(t testing.TB, what string, within time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// StrictLog fails the test when the store logs an error.
func StrictLog(t testing.TB) *slog.Logger { return slog.New(strictLog{slog.DiscardHandler, t}) }

type strictLog struct {
	slog.Handler
	t testing.TB
}

func (l strictLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (l strictLog) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool { r.Message += " " + a.String(); return true })
	l.t.Error("logged: " + r.Message)
	return nil
}

// Writers are the numbers of goroutines that benchmarks compare.
var Writers = []int{1, 16, 64, 128}

// BenchCommit measures one message per op: put in a unit of its own, claimed, and consumed in another unit.
func BenchCommit(b *testing.B, s hub.Store, writers int) {
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
