package stub

import (
	"bytes"
	"container/heap"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	hookWorkers = 8
	hookTimeout = 5 * time.Second
	hookGiveUp  = time.Minute
	hookMaxWait = 2 * time.Second
)

// Sign gives the X-Sig header of a webhook: HMAC-SHA256 over timestamp + "." + body, in hex.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.", timestamp)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// hooks calls the hub back about shipments: picked_up, then delivered. What was called back is an effect of the ledger, so that a
// restart carries on. One dispatcher, a few workers, all ended by stop.
type hooks struct {
	ledger *Ledger
	delay  time.Duration
	client *http.Client
	wake   chan struct{}
	work   chan *hook
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	url     string
	secret  string
	queue   hookQueue
	pending map[string]*hook
}

// hook is one callback that is still to be made.
type hook struct {
	service, order, shipment, status string
	seq                              int
	url                              string // of the booking; "": the world's
	due, first                       time.Time
	wait                             time.Duration
	dropped                          bool
}

func (h *hook) key() string { return h.shipment + "/" + strconv.Itoa(h.seq) }

func startHooks(ledger *Ledger, url, secret string, delay time.Duration) *hooks {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hooks{ledger: ledger, url: url, secret: secret, delay: delay, cancel: cancel,
		wake: make(chan struct{}, 1), work: make(chan *hook), pending: map[string]*hook{},
		client: &http.Client{Timeout: hookTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: hookWorkers},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	h.resume()
	h.wg.Go(func() { h.dispatch(ctx) })
	for range hookWorkers {
		h.wg.Go(func() { h.serve(ctx) })
	}
	return h
}

func (h *hooks) stop() {
	h.cancel()
	h.wg.Wait()
	h.client.CloseIdleConnections()
}

// aim sets where callbacks go; those that had nowhere to go are made now.
func (h *hooks) aim(url, secret string) {
	h.mu.Lock()
	h.url, h.secret = url, secret
	h.mu.Unlock()
	h.resume()
}

// resume plans the callbacks of all bookings that were not made yet.
func (h *hooks) resume() {
	made := map[string]bool{}
	for _, service := range carriers() {
		for _, e := range h.ledger.Effects(service, "webhook") {
			made[e.Key] = true
		}
		for _, e := range h.ledger.Effects(service, "cancel") {
			made[e.Get("shipment")] = true
		}
	}
	for _, service := range carriers() {
		for _, e := range h.ledger.Effects(service, "book") {
			h.plan(e, made)
		}
	}
}

func (h *hooks) booked(e Effect) { h.plan(e, nil) }

// plan queues both callbacks of a booking unless made, planned, or with nowhere to go. A booking without an order has nobody to tell;
// shipping-new is a shadow and calls only the webhook of the booking.
func (h *hooks) plan(e Effect, made map[string]bool) {
	shipment, url := e.Get("id"), e.Get("webhook")
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.Ref == "" || made[shipment] || (url == "" && (h.url == "" || e.Service != "shipping")) {
		return
	}
	for i, status := range []string{"picked_up", "delivered"} {
		due := time.Now().Add(h.delay * time.Duration(1+2*i))
		k := &hook{service: e.Service, order: e.Ref, shipment: shipment, status: status, seq: i + 1, url: url, due: due, first: due}
		if made[k.key()] || h.pending[k.key()] != nil {
			continue
		}
		h.pending[k.key()] = k
		heap.Push(&h.queue, k)
	}
	h.nudge()
}

// drop forgets the callbacks of a cancelled shipment.
func (h *hooks) drop(shipment string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for seq := 1; seq <= 2; seq++ {
		key := (&hook{shipment: shipment, seq: seq}).key()
		if k := h.pending[key]; k != nil {
			k.dropped = true
			delete(h.pending, key)
		}
	}
}

func (h *hooks) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// dispatch hands each callback to a worker when it is due.
func (h *hooks) dispatch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		k, wait := h.next()
		if k != nil {
			select {
			case h.work <- k:
			case <-ctx.Done():
				return
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-h.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (h *hooks) next() (*hook, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) == 0 {
		return nil, time.Hour
	}
	if wait := time.Until(h.queue[0].due); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&h.queue).(*hook), 0
}

func (h *hooks) serve(ctx context.Context) {
	for {
		select {
		case k := <-h.work:
			h.attempt(ctx, k)
		case <-ctx.Done():
			return
		}
	}
}

// attempt makes one callback and records it, or puts it back for later.
func (h *hooks) attempt(ctx context.Context, k *hook) {
	h.mu.Lock()
	url, secret, dropped := k.url, h.secret, k.dropped
	if url == "" {
		url = h.url
	}
	h.mu.Unlock()
	if dropped {
		return
	}
	body := mustJSON(struct {
		Reference string `json:"reference"`
		Shipment  string `json:"shipment"`
		Seq       int    `json:"seq"`
		Status    string `json:"status"`
	}{k.order, k.shipment, k.seq, k.status})
	if url == "" {
		h.finish(k)
		return
	}
	if err := h.send(ctx, url, secret, body); err == nil {
		h.record(k, "webhook", k.key(), body)
		h.finish(k)
	} else if time.Since(k.first) > hookGiveUp {
		h.record(k, "webhook.gave_up", "", body) // without a key: the next start tries again
		h.finish(k)
	} else {
		h.again(k)
	}
}

func (h *hooks) send(ctx context.Context, url, secret string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Timestamp", timestamp)
	if secret != "" {
		req.Header.Set("X-Sig", Sign(secret, timestamp, body))
	}
	res, err := h.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // for keep-alive
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the webhook answered %s", res.Status)
	}
	return nil
}

func (h *hooks) record(k *hook, op, key string, body []byte) {
	a := arrival{service: k.service, op: "webhook", key: key, hash: hashOf(op, k.key(), body)}
	_, _, _ = h.ledger.apply(a, func(turn) outcome { // unrecorded, it is made once more after a restart
		return outcome{status: http.StatusOK, op: op, ref: k.order, data: body, body: []byte("{}")}
	})
}

func (h *hooks) finish(k *hook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pending[k.key()] == k {
		delete(h.pending, k.key())
	}
}

func (h *hooks) again(k *hook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k.wait = min(max(2*k.wait, 100*time.Millisecond), hookMaxWait)
	k.due = time.Now().Add(k.wait)
	heap.Push(&h.queue, k)
	h.nudge()
}

// hookQueue is a heap by due time.
type hookQueue []*hook

var _ heap.Interface = (*hookQueue)(nil)

func (q hookQueue) Len() int           { return len(q) }
func (q hookQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q hookQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *hookQueue) Push(x any)        { *q = append(*q, x.(*hook)) }

func (q *hookQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return last
}
