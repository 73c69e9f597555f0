package hubtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
)

var loadCases = []storeCase{
	{"many", "under 16 committers and 4 claimers each message is given once, and each committer's in order", func(t *storeTest) {
		order := t.stream(16, 150, time.Time{})
		last := map[string]int64{}
		for _, d := range order {
			t.must(d.Seq > last[d.Msg.Key], "message %s came after a later one of its committer", d.Msg.ID)
			last[d.Msg.Key] = d.Seq
		}
	}},
	{"many_due", "due messages are given once, while others are being consumed", func(t *storeTest) {
		t.stream(16, 60, time.Now().Add(-time.Minute))
	}},
	{"backlog", "a long backlog is claimed in order, while more arrives and some is handed back", func(t *storeTest) {
		const n = 3000
		seen, put := 0, 0
		more := func(k int) {
			u := &hub.Unit{}
			for range k {
				u.Puts = append(u.Puts, hub.Put{Queue: "q", Msg: keyed(fmt.Sprint("0/", put), "0")})
				put++
			}
			t.commit(u)
		}
		more(1000)
		for seen < n {
			batch, got := t.claim("q", 37)
			t.must(len(batch) > 0 || put < n, "%d of %d claimed, and nothing more comes", seen, n)
			for i, d := range batch {
				if i == 20 {
					t.ok(t.s.Release(context.Background(), batch[20:]))
					break
				}
				t.must(d.Msg.ID == fmt.Sprint("0/", seen), "claimed %s at place %d of %v", d.Msg.ID, seen, got)
				t.finish(d, hub.Finish{})
				seen++
			}
			if put < n {
				more(min(50, n-put))
			}
		}
		t.holds("q")
	}},
}

// stream puts and consumes writers x each messages, all at once, checks that
// each was given once, and tells them; when they are ready, not due, in the order
// in which they were claimed.
func (t *storeTest) stream(writers, each int, due time.Time) (order []*hub.Delivery) {
	t.Helper()
	var mu, turn sync.Mutex
	var left atomic.Int64
	left.Store(int64(writers * each))
	var wg sync.WaitGroup
	claim := func() ([]*hub.Delivery, error) {
		if due.IsZero() {
			turn.Lock() // so that order is the order of the claims
			defer turn.Unlock()
		}
		batch, _, err := t.s.Claim(context.Background(), "q", 7, time.Minute)
		mu.Lock()
		defer mu.Unlock()
		order = append(order, batch...)
		return batch, err
	}
	for w := range writers {
		wg.Go(func() {
			if !t.produce(w, each, due) {
				left.Store(0)
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for left.Load() > 0 {
				batch, err := claim()
				if err != nil {
					t.Errorf("contract: %s: %v", t.why, err)
					return
				}
				if len(batch) == 0 {
					time.Sleep(100 * time.Microsecond)
				}
				t.consume(batch)
				left.Add(-int64(len(batch)))
			}
		})
	}
	wg.Wait()
	t.givenOnce(order, writers*each)
	return order
}

// givenOnce checks that n messages were given, each once, and that nothing is left.
func (t *storeTest) givenOnce(order []*hub.Delivery, n int) {
	t.Helper()
	t.must(len(order) == n, "%d deliveries of %d messages", len(order), n)
	seen := map[int64]bool{}
	for _, d := range order {
		t.must(!seen[d.Seq], "message %s was given twice", d.Msg.ID)
		seen[d.Seq] = true
	}
	t.holds("q")
	st, err := t.s.Queues(context.Background())
	t.ok(err)
	t.must(len(st) == 0, "queues %+v", st)
}

// produce puts n messages of a key for the writer w; false: one was not taken.
func (t *storeTest) produce(w, n int, due time.Time) bool {
	for i := range n {
		m := keyed(fmt.Sprintf("%d/%d", w, i), fmt.Sprint(w))
		if err := t.tryCommit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: m, Due: due}}}); err != nil {
			t.Errorf("contract: %s: %v", t.why, err)
			return false
		}
	}
	return true
}

// consume ends the messages of a batch.
func (t *storeTest) consume(batch []*hub.Delivery) {
	for _, d := range batch {
		if err := t.tryCommit(&hub.Unit{Input: d}); err != nil {
			t.Errorf("contract: %s: consume %s: %v", t.why, d.Msg.ID, err)
		}
	}
}
