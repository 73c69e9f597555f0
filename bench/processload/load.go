package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines/virtual"
)

// load hands in orders, and tells that a parcel was picked up when the services say that it was asked for.
type load struct {
	prefix  string // of the orders of this run: a store may have had others
	mu      sync.Mutex
	waiting map[string]chan struct{}
	next    atomic.Int64
	h       atomic.Pointer[running]
	signals chan string
	holding atomic.Bool // pickups never come: the order waits
}

func newLoad() *load {
	l := &load{prefix: fmt.Sprintf("W%d-", time.Now().UnixMilli()), waiting: map[string]chan struct{}{}, signals: make(chan string, 4096)}
	for range 16 {
		go func() {
			for id := range l.signals {
				if l.holding.Load() {
					continue
				}
				_, err := l.h.Load().rt.Inject(context.Background(), "pickups", message("P"+id, fmt.Sprintf(`{"id":%q}`, id)))
				check(err)
			}
		}()
	}
	return l
}

func message(id, body string) *hub.Message {
	return &hub.Message{ID: id, Time: time.Now().UTC(), Body: hub.NewBody([]byte(body))}
}

func (l *load) ended(id string) {
	l.mu.Lock()
	ch := l.waiting[id]
	delete(l.waiting, id)
	l.mu.Unlock()
	if ch != nil {
		close(ch)
	}
}

func order(id string) string {
	return fmt.Sprintf(`{"id":%q,"total":"44.90","customer":{"name":"Ann Lee","email":"ann.lee@example.com"},`+
		`"items":[{"sku":"A-100","quantity":2,"price":19.95},{"sku":"B-200","quantity":1,"price":5.00}]}`, id)
}

// begin hands in an order; the channel is closed when it has ended.
func (l *load) begin(h *running, id string) <-chan struct{} {
	ch := make(chan struct{})
	l.mu.Lock()
	l.waiting[id] = ch
	l.mu.Unlock()
	_, err := h.rt.Inject(context.Background(), "orders", message(id, strings.Replace(order(id), `"44.90"`, "44.90", 1)))
	check(err)
	return ch
}

// run keeps c orders in flight for d, and gives how long each took.
func (l *load) run(h *running, c int, d time.Duration) []time.Duration {
	l.h.Store(h)
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for range c {
		wg.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				select {
				case <-l.begin(h, l.prefix+strconv.FormatInt(l.next.Add(1), 10)):
				case <-time.After(30 * time.Second):
					check(fmt.Errorf("an order did not end within 30 s"))
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return took
}

// fill makes n orders that wait for their pickup: copies of one that does, with their timers.
func (l *load) fill(h *running, n int) {
	ctx := context.Background()
	l.h.Store(h)
	l.holding.Store(true)
	const first = "O-000000000"
	l.begin(h, first)
	var timer *hub.Delivery
	for timer == nil {
		time.Sleep(10 * time.Millisecond)
		waiting, err := h.st.Browse(ctx, store.BrowseQuery{Queue: "process order", State: hub.Waiting})
		check(err)
		if len(waiting) == 1 {
			timer = waiting[0]
		}
	}
	l.holding.Store(false)
	rec, err := h.st.Get(ctx, "process order", first)
	check(err)
	const batch = 500
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 4 {
		wg.Go(func() {
			for from := int(next.Add(batch)) - batch; from < n; from = int(next.Add(batch)) - batch {
				u := &hub.Unit{Adds: []hub.Add{{Kind: "open", Key: "open", Delta: batch}}}
				for i := from; i < min(from+batch, n); i++ {
					id := fmt.Sprintf("O-%09d", i+1)
					m := *timer.Msg
					m.ID, m.Key, m.Correlation = strings.ReplaceAll(m.ID, first, id), id, id
					u.Puts = append(u.Puts, hub.Put{Queue: timer.Queue, Name: strings.ReplaceAll(timer.Name, first, id),
						Due: timer.Due.Add(time.Duration(i) * time.Millisecond), Msg: &m})
					u.Writes = append(u.Writes, hub.Write{Kind: rec.Kind, Key: id, Value: bytes.ReplaceAll(rec.Value, []byte(first), []byte(id))})
				}
				check(h.st.Store.Commit(ctx, u))
			}
		})
	}
	wg.Wait()
}

// source is the adapter `load` of bench/process.yaml.
func source() hub.Component {
	return hub.Component{
		Name: "load", Config: func() any { return &struct{}{} }, Source: func() any { return &struct{}{} },
		Open: func(any, *hub.Env) (*hub.Adapter, error) { return &hub.Adapter{Source: openSource}, nil },
	}
}

// openSource is a source whose messages are injected.
func openSource(string, any) (hub.Source, error) { return virtual.Source{}, nil }
