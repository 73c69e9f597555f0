// Command fill puts messages into a queue of a store file, for the benchmark of
// a start with a large backlog.
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

func main() {
	path := flag.String("store", "pending.db", "SQLite file")
	queue := flag.String("queue", "orders", "queue")
	n := flag.Int("n", 1_000_000, "messages of about 1 KiB")
	flag.Parse()
	ctx := context.Background()
	s, err := drivers.Open(ctx, "sqlite:"+*path, store.Options{})
	if err != nil {
		log.Fatal(err)
	}
	pad := fmt.Sprintf("%01000d", 0)
	var wg sync.WaitGroup
	const writers, batch = 8, 200
	began := time.Now()
	for w := range writers {
		wg.Go(func() {
			for i := w * batch; i < *n; i += writers * batch {
				u := &hub.Unit{}
				for j := i; j < min(i+batch, *n); j++ {
					id := fmt.Sprintf("M%08d", j)
					body := hub.NewBody(fmt.Appendf(nil, `{"id":%q,"pad":%q}`, id, pad))
					u.Puts = append(u.Puts, hub.Put{Queue: *queue, Msg: &hub.Message{ID: id, Key: id, Correlation: id, Time: time.Now(), Body: body}})
				}
				if err := s.Commit(ctx, u); err != nil {
					log.Fatal(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("filled %d in %v\n", *n, time.Since(began).Round(time.Millisecond))
}
