package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
)

// BenchmarkPostgres is one message per op: put in a unit of its own, claim,
// consume in another. us-cpu/msg is of this process alone, not of PostgreSQL.
func BenchmarkPostgres(b *testing.B) {
	for _, writers := range writerCounts {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchPostgres(b, writers) })
	}
}

func benchPostgres(b *testing.B, writers int) {
	s, err := OpenPostgres(context.Background(), pgSchema(b), PostgresOptions{})
	if err != nil {
		b.Fatal(err)
	}
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
