package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/core"
	"orderhub/hub/store/storetest"
)

// BenchmarkCommit is one message per op: put in a unit of its own, claim,
// consume in another. us/msg is the CPU of the whole process.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range storetest.Writers {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchCommit(b, writers) })
	}
}

func benchCommit(b *testing.B, writers int) {
	s := open(b, filepath.Join(b.TempDir(), "hub.db"), store.Options{})
	defer s.Close()
	storetest.BenchCommit(b, s, writers)
}

// BenchmarkLimit is the limit that BenchmarkCommit is measured against: the
// same table, insert and delete by a bare group commit, no hub logic.
func BenchmarkLimit(b *testing.B) {
	for _, writers := range storetest.Writers {
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
	bare := &Store{w: c, o: store.Options{}.WithDefaults()}
	body, head := make([]byte, 1024), make([]byte, 24)
	go func() {
		defer close(stop)
		for first := range ops {
			batch := []*op{first}
			for range 2 {
				runtime.Gosched()
			}
			for len(ops) > 0 && len(batch) < core.BatchUnits {
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
			bare.checkpoint()
			for _, o := range batch {
				o.done <- struct{}{}
			}
		}
	}()
	waits := make(chan *op, writers)
	for range writers {
		waits <- &op{done: make(chan struct{}, 1)}
	}
	storetest.Bench(b, writers, func(i int64) error {
		o := <-waits
		for _, o.del = range []bool{false, true} {
			o.seq = i
			ops <- o
			<-o.done
		}
		waits <- o
		return nil
	})
	close(ops)
	<-stop
}

// BenchmarkOpenMillion is the time from Open to the first claimed message,
// with 1,000,000 messages of 1 KiB pending.
func BenchmarkOpenMillion(b *testing.B) {
	url := filepath.Join(b.TempDir(), "hub.db")
	s := open(b, url, store.Options{})
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
		s := open(b, url, store.Options{})
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

// BenchmarkFind looks for a value among as many rows of the history as $HUB_FIND_ROWS says, with five terms each.
func BenchmarkFind(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "hub.db"), store.Options{})
	defer s.Close()
	rows, _ := strconv.Atoi(os.Getenv("HUB_FIND_ROWS"))
	rows = max(rows, 10_000)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 128 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(rows); i = next.Add(1) {
				root := fmt.Sprintf("01JAR5Z3Q8X7V6W5T4S%07d", i)
				u := &hub.Unit{Root: root, Correlation: fmt.Sprint("W-", i/5), Terms: []int64{i % 1000, -i / 3, i << 20, i << 21, i << 22},
					History: []hub.Event{{Time: time.Now(), Message: root, Where: "intake/reply", What: "replied", Detail: "202"}}}
				if err := s.Commit(context.Background(), u); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for name, q := range map[string]store.FindQuery{"rare": {Terms: []int64{int64(rows/2) << 20}}, "common": {Terms: []int64{7}, Limit: 50},
		"old": {Terms: []int64{7}, Limit: 50, Until: time.Now().Add(-time.Second)}, "newest": {Limit: 500}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if found, err := s.Find(context.Background(), q); err != nil || len(found) == 0 {
					b.Fatal(len(found), err)
				}
			}
		})
	}
}

// BenchmarkSweep: run it with -benchtime 1x. $HUB_SWEEP_ROWS is how many rows of history there are.
func BenchmarkSweep(b *testing.B) {
	path := filepath.Join(b.TempDir(), "hub.db")
	s := open(b, path, store.Options{})
	defer s.Close()
	rows, _ := strconv.Atoi(os.Getenv("HUB_SWEEP_ROWS"))
	storetest.BenchSweep(b, s, max(rows, 40_000))
}
