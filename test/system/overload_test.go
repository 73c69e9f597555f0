package system

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/stub"
)

// TestFault_R1_Overload: orders come at twice the rate that the stock desk can answer, until its requests expire while they
// wait for it. A request that expires is a timeout, which is tried again: at the end nothing is stuck or dead, and each
// order is charged once and booked once. HUB_TEST_OVERLOAD=100000 is the long form: the shipped timeout of 10 s, and
// twice the rate that this machine sustains.
func TestFault_R1_Overload(t *testing.T) {
	n := times("HUB_TEST_OVERLOAD", 0)
	long := n > 0
	if !long {
		t.Parallel() // the stock desk's one lane is what everything waits for
	}
	latency := 20 * time.Millisecond // of the partners: orders of one sku wait for each other, and there are two
	if long {
		latency = 5 * time.Millisecond
	}
	s := newSite(t, "", stub.Options{Latency: latency})
	rate, timeout, within := 0, 10*time.Second, 3*time.Hour
	var edits []string
	if !long {
		n, rate, timeout, within = 100, 100, time.Second, 3*time.Minute
		edits = []string{"timeout: 10s, as: stock", "timeout: 1s, as: stock", "    from: stock.commands\n", "    from: stock.commands\n    lanes: 1\n",
			"gateway: {times: 8, wait: 1s..5m,", "gateway: {times: 1000, wait: 50ms..400ms,", "patient: {times: 60, wait: 1s..6h,", "patient: {times: 1000, wait: 50ms..400ms,"}
	} else {
		edits = []string{"gateway: {times: 8, wait: 1s..5m,", "gateway: {times: 8, wait: 1s..10s,", "patient: {times: 60, wait: 1s..6h,", "patient: {times: 60, wait: 1s..30s,"}
	}
	s.edit(edits...)
	s.start()
	if long {
		rate = 2 * sustained(s)
	}
	l := newLoad(s, rate, "O")
	await(t, within, "the orders are taken", func() bool { return l.count.Load() >= int64(n) })
	l.stop()
	taken := time.Now()
	var open, uncharged, doubled int
	await(t, within, "every order is charged and booked", func() bool {
		dead, _ := s.hub("dlq", "-o", "json")
		if strings.Contains(dead, `"count"`) {
			t.Fatalf("dead letters: %s\n%s", dead, s.report())
		}
		if s.world.Ledger().Count("shipping", "book") < int(l.count.Load()) { // to look at each effect keeps the partners from their work
			time.Sleep(time.Second)
			return false
		}
		charges, books := perOrder(s.world, "billing", "charge"), perOrder(s.world, "shipping", "book")
		open, uncharged, doubled = 0, 0, 0
		l.accepted.Range(func(k, _ any) bool {
			id := k.(string)
			if books[id] == 0 {
				open++
			}
			if charges[id] == 0 {
				uncharged++
			}
			if books[id] > 1 || charges[id] > 1 {
				doubled++
			}
			return true
		})
		if open > 0 {
			time.Sleep(time.Second)
		}
		return open == 0
	})
	drained := time.Since(taken)
	stuck := len(s.stuck(t))
	t.Logf("%d orders at %d/s, the last one %v behind the last 202: %d not booked, %d not charged, %d doubled, %d stuck", l.count.Load(), rate, drained.Round(time.Second), open, uncharged, doubled, stuck)
	if uncharged+doubled+stuck > 0 {
		t.Error(s.report())
	}
	if drained < timeout {
		t.Errorf("no overload: it was over within %v, and no request waited for longer than its timeout", drained)
	}
}

// sustained is how many orders a second are shipped of 1,000 that come at once: by then no request has waited for long.
func sustained(s *site) int {
	const n = 1000
	l := &load{s: s, done: make(chan struct{}), client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	var next atomic.Int64
	for range 16 {
		l.group.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				l.order(fmt.Sprintf("W-%06d", i))
			}
		})
	}
	shipped := func(n int) time.Time {
		await(s.t, 5*time.Minute, "orders are shipped", func() bool { return s.world.Ledger().Count("shipping", "book") >= n })
		return time.Now()
	}
	began := shipped(n / 5)
	took := shipped(n * 4 / 5).Sub(began)
	shipped(n)
	l.stop()
	return int(n * 3 / 5 * time.Second / took)
}
