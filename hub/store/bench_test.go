package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderhub/hub"
)

var writerCounts = []int{1, 16, 64, 128}

// BenchmarkCommit is one message per op: put in a unit of its own, claim,
// consume in another. us/msg is the CPU of the whole process.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range writerCounts {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchCommit(b, writers) })
	}
}

func benchCommit(b *testing.B, writers int) {
	s := open(b, "sqlite:"+filepath.Join(b.TempDir(), "hub.db"), Options{})
	defer s.Close()
	body := hub.NewBody(make([]byte, 1024))
	now := time.Now().UTC()
	ctx := context.Background()
	var next atomic.Int64
	b.ResetTimer()
	cpu := cpuTime()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				m := &hub.Message{ID: fmt.Sprintf("01JAR5Z3Q8X7V6W5T4S3R2Q%03d", i), Time: now, Body: body}
				if err := s.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: m}}}); err != nil {
					b.Error(err)
					return
				}
				batch, _, err := s.Claim(ctx, "q", 1, time.Minute)
				if err != nil || len(batch) != 1 {
					b.Errorf("claimed %d: %v", len(batch), err)
					return
				}
				if err := s.Commit(ctx, &hub.Unit{Input: batch[0]}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	report(b, cpu)
}

func report(b *testing.B, before time.Duration) {
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "us-cpu/msg")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLimit is the limit that BenchmarkCommit is measured against: the
// same table, insert and delete by a bare group commit, no hub logic.
func BenchmarkLimit(b *testing.B) {
	for _, writers := range writerCounts {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchLimit(b, writers) })
	}
}

func benchLimit(b *testing.B, writers int) {
	c, err := openWriter(filepath.Join(b.TempDir(), "bare.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.close()
	type op struct {
		seq  int64
		del  bool
		done chan struct{}
	}
	ops, stop := make(chan *op, 1024), make(chan struct{})
	bare := &SQLite{w: c, o: Options{}.withDefaults()}
	body, head := make([]byte, 1024), make([]byte, 24)
	go func() {
		defer close(stop)
		for first := range ops {
			batch := []*op{first}
			for range 2 {
				runtime.Gosched()
			}
			for len(ops) > 0 && len(batch) < batchUnits {
				batch = append(batch, <-ops)
			}
			_, err := c.exec("BEGIN IMMEDIATE")
			for _, o := range batch {
				if err != nil {
					break
				}
				if o.del {
					_, err = c.exec(sqlEnd, o.seq)
				} else {
					_, err = c.exec(sqlPut, o.seq, int64(1), nil, "01JAR5Z3Q8X7V6W5T4S3R2Q", nil, int64(7), head, body)
				}
			}
			if err == nil {
				_, err = c.exec("COMMIT")
			}
			if err != nil {
				panic(err)
			}
			_ = bare.checkpoint()
			for _, o := range batch {
				o.done <- struct{}{}
			}
		}
	}()
	var next atomic.Int64
	b.ResetTimer()
	cpu := cpuTime()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			o := &op{done: make(chan struct{}, 1)}
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				o.seq, o.del = i, false
				ops <- o
				<-o.done
				o.del = true
				ops <- o
				<-o.done
			}
		})
	}
	wg.Wait()
	report(b, cpu)
	close(ops)
	<-stop
}

// BenchmarkOpenMillion is the time from Open to the first claimed message,
// with 1,000,000 messages of 1 KiB pending.
func BenchmarkOpenMillion(b *testing.B) {
	url := "sqlite:" + filepath.Join(b.TempDir(), "hub.db")
	s := open(b, url, Options{})
	body := hub.NewBody(make([]byte, 1024))
	for range 1000 {
		u := &hub.Unit{}
		for i := range 1000 {
			u.Puts = append(u.Puts, hub.Put{Queue: "q", Msg: &hub.Message{ID: fmt.Sprintf("01JAR5Z3Q8X7V6W5T4S3R2Q%03d", i), Body: body}})
		}
		if err := s.Commit(context.Background(), u); err != nil {
			b.Fatal(err)
		}
	}
	s.Close()
	for b.Loop() {
		s := open(b, url, Options{})
		if batch, _, err := s.Claim(context.Background(), "q", 64, time.Minute); err != nil || len(batch) != 64 {
			b.Fatal(len(batch), err)
		}
		b.StopTimer()
		s.Close()
		b.StartTimer()
	}
	rss, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(rss)) {
		if strings.HasPrefix(line, "VmRSS") {
			b.Log(line)
		}
	}
}
