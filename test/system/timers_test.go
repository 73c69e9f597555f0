package system

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
)

// alarm is a process that does nothing but wait for a time, and tell it.
const alarm = `hub: {name: alarm, store: "${HUB_STORE}"}
schemas: {order: order.json}
adapters:
  web: {type: http-server, listen: "${HUB_LISTEN}"}
channels: {fired: {type: direct}}
pipelines:
  batches: {from: {web: POST /batch}, steps: [{reply: 202}, {split: {each: body.items, steps: [{start: alarm}]}}]}
processes:
  alarm:
    id: order.id
    data: {order: order}
    states:
      waiting: {timers: [{at: =order.sku, steps: [{send: fired, with: {id: =id, due: =order.sku}}], goto: over}]}
      over: {final: true}
`

// TestTimersKilled: many timers fall due while the hub is killed again and
// again: each fires once, never early, and soon.
func TestTimersKilled(t *testing.T) {
	n, kills := times("HUB_TEST_TIMERS", 2000), times("HUB_TEST_TIMER_KILLS", 3)
	lead, over := span("HUB_TEST_TIMER_LEAD", 3*time.Second), span("HUB_TEST_TIMER_SPAN", 5*time.Second)
	s := flowSite(t, alarm)
	s.start()
	first := time.Now().UTC().Add(lead)
	dues := map[string]time.Time{}
	for from := 0; from < n; from += 500 {
		var items []string
		for i := from; i < min(from+500, n); i++ {
			id := fmt.Sprintf("A-%d", i)
			dues[id] = first.Add(over * time.Duration(i) / time.Duration(n)).Truncate(time.Millisecond)
			items = append(items, fmt.Sprintf(`{"id":%q,"card":"-","sku":%q}`, id, dues[id].Format(time.RFC3339Nano)))
		}
		s.insist("/batch", `{"items":[`+strings.Join(items, ",")+`]}`)
	}
	await(t, lead, "every timer to be set before the first is due", func() bool { return s.waiting("process alarm") == n })
	t.Logf("%d timers are open %v before the first is due; the hub has %d MB", n, time.Until(first).Round(time.Millisecond), s.rss()>>20)
	time.Sleep(time.Until(first))
	for i := range kills {
		time.Sleep(time.Until(first.Add(over*time.Duration(i)/time.Duration(kills) + time.Duration(rand.Int63n(int64(over)/int64(kills))))))
		s.kill()
		s.start()
		if i == 0 {
			t.Logf("started again with %d open, the hub has %d MB", s.waiting("process alarm"), s.rss()>>20)
		}
	}
	await(t, over+60*time.Second, "every timer to fire", func() bool { w := s.waiting("fired"); return w >= n })
	s.kill()
	s.judgeTimers(dues)
}

// judgeTimers reads what the timers told, from the store's file.
func (s *site) judgeTimers(dues map[string]time.Time) {
	s.t.Helper()
	st, err := store.Open(context.Background(), "sqlite:"+filepath.Join(s.dir, "hub.db"), store.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer st.Close()
	var late []time.Duration
	seen := map[string]int{}
	for q := (hub.BrowseQuery{Queue: "fired", Limit: 1000}); ; {
		page, err := st.Browse(context.Background(), q)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, d := range page {
			q.After = d.Seq
			v, err := d.Msg.Body.Doc()
			if err != nil {
				s.t.Fatal(err)
			}
			at, id := d.Msg.Time, v.Get("id").Str()
			if seen[id]++; seen[id] > 1 {
				s.t.Errorf("%s fired %d times", id, seen[id])
			}
			if at.Before(dues[id]) {
				s.t.Errorf("%s fired %v early", id, dues[id].Sub(at))
			}
			late = append(late, at.Sub(dues[id]))
		}
		if len(page) < 1000 {
			break
		}
	}
	if len(seen) != len(dues) {
		s.t.Errorf("%d of %d timers fired", len(seen), len(dues))
	}
	slices.Sort(late)
	p99 := late[len(late)*99/100]
	s.t.Logf("%d timers: lateness p50 %v, p99 %v, longest %v", len(late), late[len(late)/2], p99, late[len(late)-1])
	if p99 > time.Second {
		s.t.Errorf("p99 of the lateness is %v", p99)
	}
}

// waiting is how many messages lie in a queue, dead letters not counted.
func (s *site) waiting(queue string) int {
	n, _ := s.status().queue(queue)
	return n
}

// rss is the resident memory of the hub, in bytes.
func (s *site) rss() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.process.Process.Pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
