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
	{"many", "under 16 committers and 4 claimers each message is consumed once, and each committer's in order", func(t *storeTest) {
		const writers, each = 16, 150
		var mu sync.Mutex
		var order []*hub.Delivery
		var left atomic.Int64
		left.Store(writers * each)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					m := keyed(fmt.Sprintf("%d/%d", w, i), fmt.Sprint(w))
					if err := t.tryCommit(&hub.Unit{Puts: []hub.Put{{Queue: "q", Msg: m}}}); err != nil {
						t.Errorf("contract: %s: %v", t.why, err)
						left.Store(0)
					}
				}
			})
		}
		for range 4 {
			wg.Go(func() {
				for left.Load() > 0 {
					batch, _, err := t.s.Claim(context.Background(), "q", 7, time.Minute)
					if err != nil {
						t.Errorf("contract: %s: %v", t.why, err)
						return
					}
					mu.Lock()
					order = append(order, batch...)
					mu.Unlock()
					if len(batch) == 0 {
						time.Sleep(100 * time.Microsecond)
					}
					for _, d := range batch {
						if err := t.tryCommit(&hub.Unit{Input: d}); err != nil {
							t.Errorf("contract: %s: consume %s: %v", t.why, d.Msg.ID, err)
						}
						left.Add(-1)
					}
				}
			})
		}
		wg.Wait()
		t.inOrder(order, writers*each)
		t.holds("q")
		st, err := t.s.Queues(context.Background())
		t.ok(err)
		t.must(len(st) == 0, "queues %+v", st)
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

// inOrder checks that each of n messages is there once, and those of a key ascend.
func (t *storeTest) inOrder(order []*hub.Delivery, n int) {
	t.Helper()
	t.must(len(order) == n, "%d deliveries of %d messages", len(order), n)
	seen := map[int64]bool{}
	for _, d := range order {
		t.must(!seen[d.Seq], "message %s was delivered twice", d.Msg.ID)
		seen[d.Seq] = true
	}
}
