package browser

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestWatched: 20 open overviews take less than a twentieth of the CPU that orders take at full load. HUB_TEST_WATCHED says how many pairs of
// turns, without and with them, are measured, of 4 s each.
func TestWatched(t *testing.T) {
	pairs, err := strconv.Atoi(os.Getenv("HUB_TEST_WATCHED"))
	if err != nil {
		t.Skip("HUB_TEST_WATCHED=5 measures")
	}
	s := newSite(t)
	var number atomic.Int64
	s.turn(&number) // warm
	var costs []float64
	for range pairs {
		alone := s.turn(&number)
		ctx, cancel := context.WithCancel(t.Context())
		shown := make(chan int, 20)
		for range 20 {
			go s.watch(ctx, shown)
		}
		watched := s.turn(&number)
		cancel()
		events := 0
		for range 20 {
			events += <-shown
		}
		costs = append(costs, 100*(watched/alone-1))
		t.Logf("%.3f ms an order alone, %.3f ms beside 20 overviews (%+.1f %%), which were told of changes %d times", alone, watched, 100*(watched/alone-1), events)
	}
	slices.Sort(costs)
	if median := costs[len(costs)/2]; median > 5 {
		t.Errorf("20 open overviews cost %.1f %%", median)
	}
}

// turn sends orders for 4 s from 16 connections: the CPU that the hub used for each that was paid, in milliseconds.
func (s *site) turn(number *atomic.Int64) float64 {
	s.t.Helper()
	before, paid, end := s.cpu(), s.charged.Load(), time.Now().Add(4*time.Second)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for time.Now().Before(end) {
				n := number.Add(1)
				s.post("/orders", order{ID: fmt.Sprint("W-", n), Email: fmt.Sprintf("c%d@example.com", n%100), Total: 20})
			}
		})
	}
	all.Wait()
	s.until("all are paid", func() bool { return s.charged.Load() == number.Load() })
	return ms(s.cpu()-before) / float64(s.charged.Load()-paid)
}

// watch keeps an overview open, and tells how often it was told of a change.
func (s *site) watch(ctx context.Context, shown chan<- int) {
	n := 0
	defer func() { shown <- n }()
	req, err := http.NewRequestWithContext(ctx, "GET", s.console+"/live?at=%2F", nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer res.Body.Close()
	for r := bufio.NewReaderSize(res.Body, 1<<20); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if line != "\n" {
			n++
		}
	}
}
