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

	"orderhub/hub/hubtest"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
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
	n, kills := times("HUB_TEST_TIMERS", 1000), times("HUB_TEST_TIMER_KILLS", 2)
	lead, over := span("HUB_TEST_TIMER_LEAD", 2*time.Second), span("HUB_TEST_TIMER_SPAN", 3*time.Second)
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
	await(t, lead+soon, "every timer to be set", func() bool {
		st := s.status()
		open, _ := st.queue("process alarm")
		fired, _ := st.queue("fired")
		return open+fired >= n
	})
	away := []pause{{first, time.Now()}} // of those that were due before they were all set, if any
	t.Logf("%d timers are set %v before the first is due; the hub has %d MB", n, time.Until(first).Round(time.Millisecond), s.rss()>>20)
	stood := hubtest.Standstill(t)
	for i := range kills {
		time.Sleep(time.Until(first.Add(over*time.Duration(i)/time.Duration(kills) + time.Duration(rand.Int63n(int64(over)/int64(kills))))))
		down := time.Now().Add(-200 * time.Millisecond) // what fell due just before the kill may not have fired
		s.kill()
		s.start()
		away = append(away, pause{down, time.Now()})
		if i == 0 {
			t.Logf("started again with %d open, the hub has %d MB", s.waiting("process alarm"), s.rss()>>20)
		}
	}
	await(t, over+60*time.Second, "every timer to fire", func() bool { w := s.waiting("fired"); return w >= n })
	s.kill()
	s.judgeTimers(dues, away, time.Second+stood())
}

// pause is a time in which no timer could fire.
type pause struct{ from, to time.Time }

// judgeTimers reads what the timers told, from the store's file: those that fell due while there was no hub are late from its return on.
func (s *site) judgeTimers(dues map[string]time.Time, away []pause, within time.Duration) {
	s.t.Helper()
	st, err := drivers.Open(context.Background(), "sqlite:"+filepath.Join(s.dir, "hub.db"), store.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer st.Close()
	var late, told []time.Duration // after the due time, and after the hub's return
	seen := map[string]int{}
	for q := (store.BrowseQuery{Queue: "fired", Limit: 1000}); ; {
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
			from := dues[id]
			for _, p := range away {
				if !from.Before(p.from) && from.Before(p.to) {
					from = p.to
				}
			}
			late, told = append(late, at.Sub(dues[id])), append(told, max(at.Sub(from), 0))
		}
		if len(page) < 1000 {
			break
		}
	}
	if len(seen) != len(dues) {
		s.t.Errorf("%d of %d timers fired", len(seen), len(dues))
	}
	slices.Sort(late)
	slices.Sort(told)
	s.t.Logf("%d timers: lateness p50 %v, p99 %v, longest %v", len(late), late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
	if p99 := told[len(told)*99/100]; p99 > within {
		s.t.Errorf("p99 of the lateness is %v while there is a hub", p99)
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
