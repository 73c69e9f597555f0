package stomp

import (
	"context"
	"strconv"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// ticket is a frame on its way, whose receipt is waited for.
type ticket struct {
	c    *conn
	id   uint64
	done chan struct{}
}

// send gives a frame to be written with a receipt asked for. The caller must end the ticket with drop.
func (c *conn) send(ctx context.Context, f *frame, timeout <-chan time.Time) (*ticket, error) {
	t := &ticket{c: c, done: make(chan struct{})}
	c.mu.Lock()
	c.last++
	t.id = c.last
	c.receipts[t.id] = t.done
	c.mu.Unlock()
	f.add(headerReceipt, strconv.FormatUint(t.id, 10))
	if err := c.post(ctx, f, timeout); err != nil {
		t.drop()
		return nil, err
	}
	return t, nil
}

// wait returns nil once the server has confirmed.
func (t *ticket) wait(ctx context.Context, timeout <-chan time.Time) error {
	select {
	case <-t.done:
		return nil
	case <-t.c.gone:
		return t.result()
	case <-ctx.Done():
		return broker.GaveUp(ctx, "the server did not confirm")
	case <-timeout:
		return hub.Fail(hub.Timeout, "timeout", "the server did not confirm in time")
	}
}

// result is what became of a frame whose connection is gone.
func (t *ticket) result() error {
	select {
	case <-t.done: // just before
		return nil
	default:
		return t.c.lostWith("not confirmed")
	}
}

func (t *ticket) drop() {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	delete(t.c.receipts, t.id)
}

// confirmed ends the waiting for a receipt; nobody may wait for it any more.
func (c *conn) confirmed(id string) {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if done := c.receipts[n]; done != nil {
		close(done)
		delete(c.receipts, n)
	}
}
