// Command fill makes a store as it is after long use, for benchmarks: pending messages, dead letters, instances of a process, and history as real orders left it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"sync"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

// at is the clock of a store that is filled: history is of the past.
type at struct {
	hub.RealClock
	now time.Time
}

func (c *at) Now() time.Time { return c.now }

func main() {
	url := flag.String("store", "sqlite:pending.db", "store to be filled: sqlite:FILE, or the URL of a PostgreSQL schema")
	queue := flag.String("queue", "orders", "queue of the messages")
	n := flag.Int("n", 1_000_000, "messages of about 1 KiB")
	dead := flag.Int("dead", 0, "dead letters, of 12 causes")
	like := flag.String("like", "", "store in which a hub handled orders whose numbers begin with W-: history is made like theirs")
	rows := flag.Int("history", 0, "rows of history")
	open := flag.Int("instances", 0, "copies of the one instance of a process that the store has")
	span := flag.Duration("span", 29*24*time.Hour, "time in which they were written, up to now")
	flag.Parse()
	ctx, clock := context.Background(), &at{now: time.Now()}
	s, err := drivers.Open(ctx, *url, store.Options{Clock: clock, Hub: "fill", QueueLimit: *n + *dead + 2**open + 1})
	if err != nil {
		log.Fatal(err)
	}
	began := time.Now()
	if *rows > 0 {
		if err := history(ctx, s, *like, *rows, *span, clock); err != nil {
			log.Fatal(err)
		}
	}
	clock.now = began
	if *open > 0 {
		if err := instances(ctx, s, *open); err != nil {
			log.Fatal(err)
		}
	}
	pending(ctx, s, *queue, *n, nil)
	pending(ctx, s, *queue, *dead, func(i int) *hub.Failure {
		return &hub.Failure{Class: hub.Invalid, Reason: "schema", Where: "web-orders/validate", Message: fmt.Sprintf("line %d of the order is not as the schema says", i%12),
			Time: began.Add(-time.Duration(i) * time.Second), Cause: fmt.Sprintf("cause%02d", i%12), Times: 1}
	})
	if err := s.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("filled with %d messages, %d dead letters, %d instances and %d rows of history in %v\n", *n, *dead, *open, *rows, time.Since(began).Round(time.Millisecond))
}

// pending puts n messages into the queue, as dead letters where there is a failure.
func pending(ctx context.Context, s store.Store, queue string, n int, failure func(i int) *hub.Failure) {
	pad := fmt.Sprintf("%01000d", 0)
	var wg sync.WaitGroup
	const writers, batch = 8, 200
	for w := range writers {
		wg.Go(func() {
			for i := w * batch; i < n; i += writers * batch {
				u := &hub.Unit{}
				for j := i; j < min(i+batch, n); j++ {
					id := fmt.Sprintf("M%08d", j)
					p := hub.Put{Queue: queue, Msg: &hub.Message{ID: id, Key: id, Correlation: "P-" + id, Time: time.Now(),
						Body: hub.NewBody(fmt.Appendf(nil, `{"id":%q,"pad":%q}`, id, pad))}}
					if failure != nil {
						p.Msg.ID, p.Msg.Correlation, p.Error = "D"+id, "D-"+id, failure(j)
					}
					u.Puts = append(u.Puts, p)
				}
				if err := s.Commit(ctx, u); err != nil {
					log.Fatal(err)
				}
			}
		})
	}
	wg.Wait()
}
