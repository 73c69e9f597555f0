package stub

import (
	"bytes"
	"cmp"
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
	hookSlots   = 8
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
// restart carries on. Each callback is a goroutine that waits, and tries until it is made; stop ends them all.
type hooks struct {
	ledger *Ledger
	delay  time.Duration
	client *http.Client
	ctx    context.Context // of every callback; stop ends it
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{} // one for each callback that may be on its way at a time

	mu      sync.Mutex
	url     string
	secret  string
	pending map[string]*hook
}

// hook is one callback that is still to be made.
type hook struct {
	service, order, shipment, status string
	seq                              int
	url                              string // of the booking; "": the world's
	due                              time.Time
	wait                             time.Duration // since the last attempt; 0: there was none
	cancel                           context.CancelFunc
}

func hookKey(shipment string, seq int) string { return shipment + "/" + strconv.Itoa(seq) }

func (k *hook) key() string { return hookKey(k.shipment, k.seq) }

func startHooks(ledger *Ledger, url, secret string, delay time.Duration) *hooks {
	h := &hooks{ledger: ledger, url: url, secret: secret, delay: delay, slots: make(chan struct{}, hookSlots), pending: map[string]*hook{},
		client: &http.Client{Timeout: hookTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: hookSlots},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.resume()
	return h
}

func (h *hooks) stop() {
	h.mu.Lock() // no callback begins while its end is awaited
	h.cancel()
	h.mu.Unlock()
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

// told learns of an effect.
func (h *hooks) told(e Effect) {
	switch e.Op {
	case "book":
		h.plan(e, nil)
	case "cancel": // its callbacks are never made
		for seq := 1; seq <= 2; seq++ {
			h.forget(hookKey(e.Get("shipment"), seq))
		}
	}
}

// plan begins both callbacks of a booking unless made, planned, or with nowhere to go. A booking without an order has nobody to tell;
// shipping-new is a shadow and calls only the webhook of the booking.
func (h *hooks) plan(e Effect, made map[string]bool) {
	shipment, url := e.Get("id"), e.Get("webhook")
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil || e.Ref == "" || made[shipment] || (url == "" && (h.url == "" || e.Service != "shipping")) {
		return
	}
	for i, status := range []string{"picked_up", "delivered"} {
		k := &hook{service: e.Service, order: e.Ref, shipment: shipment, status: status, seq: i + 1, url: url,
			due: time.Now().Add(h.delay * time.Duration(1+2*i))}
		if made[k.key()] || h.pending[k.key()] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(h.ctx)
		k.cancel = cancel
		h.pending[k.key()] = k
		h.wg.Go(func() { h.run(ctx, k) })
	}
}

func (h *hooks) forget(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if k := h.pending[key]; k != nil {
		k.cancel()
		delete(h.pending, key)
	}
}

// run makes one callback when it is due, and again until it is made, given up or called off.
func (h *hooks) run(ctx context.Context, k *hook) {
	for delay := time.Until(k.due); wait(delay, ctx.Done(), nil); delay = h.again(k) {
		h.slots <- struct{}{}
		done := h.attempt(ctx, k)
		<-h.slots
		if done {
			h.forget(k.key())
			return
		}
	}
}

// again gives how long to wait before the next attempt.
func (h *hooks) again(k *hook) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	k.wait = min(max(2*k.wait, 100*time.Millisecond), hookMaxWait)
	return k.wait
}

// attempt makes one callback and records it; false: it is to be tried again.
func (h *hooks) attempt(ctx context.Context, k *hook) (done bool) {
	h.mu.Lock()
	url, secret := cmp.Or(k.url, h.url), h.secret
	h.mu.Unlock()
	if url == "" {
		return true
	}
	body := mustJSON(struct {
		Reference string `json:"reference"`
		Shipment  string `json:"shipment"`
		Seq       int    `json:"seq"`
		Status    string `json:"status"`
	}{k.order, k.shipment, k.seq, k.status})
	switch err := h.send(ctx, url, secret, body); {
	case err == nil:
		h.record(k, "webhook", k.key(), body)
	case time.Since(k.due) > hookGiveUp:
		h.record(k, "webhook.gave_up", "", body) // without a key: the next start tries again
	default:
		return false
	}
	return true
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
	_, _ = h.ledger.apply(a, func(turn) outcome { // unrecorded, it is made once more after a restart
		return outcome{status: http.StatusOK, op: op, ref: k.order, data: body, body: []byte("{}")}
	})
}
