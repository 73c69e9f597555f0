package stomp

import (
	"bufio"
	"context"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// conn is one connection, from CONNECTED to its loss. One goroutine reads and one writes, which gathers the frames of many senders into one write.
// After an ERROR frame, a broken one, or a missed heart-beat it is lost, as the specification wants it.
//
// The client is our own: of go-stomp v3.1.5 the reader takes undefined escapes for text, makes room for whatever content-length promises (1 GiB for
// two bytes), bounds no header, and one slow subscription holds up all receipts.
type conn struct {
	net     net.Conn
	in      *scanner
	version version
	server  string        // name and version, as it says
	beat    time.Duration // something must be written so often; 0: never
	message func(*frame)  // takes each MESSAGE, one after another, and must not wait for what is written here
	out     chan []byte   // frames to write; a sender waits for room
	gone    chan struct{} // closed when the connection is lost or closed
	more    hub.Signal    // there are settlements to write
	ended   sync.WaitGroup

	receipts broker.Requests[struct{}] // frames that wait for the server's confirmation
	asked    atomic.Uint64             // receipts

	mu      sync.Mutex
	err     error  // why it is gone
	settled []byte // ACK and NACK frames: bounded by the messages in our hands, so that no settlement ever waits
}

// start begins to read and to write.
func (c *conn) start(message func(*frame)) {
	c.message = message
	c.ended.Go(c.read)
	c.ended.Go(c.write)
}

func (c *conn) alive() bool { return c.lost() == nil }

// rabbit reports whether the server is RabbitMQ.
func (c *conn) rabbit() bool { return strings.HasPrefix(c.server, "RabbitMQ") }

// end ends the connection for the reason err. The first reason counts.
func (c *conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = err
	close(c.gone)
	_ = c.net.Close() // what was not written is not confirmed
}

// lost returns why the connection ended, or nil while it is open.
func (c *conn) lost() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *conn) read() {
	for {
		f, err := c.in.next()
		if err != nil {
			c.end(fault(err))
			return
		}
		switch f.command {
		case cmdMessage:
			c.message(f)
		case cmdReceipt:
			c.receipts.Answer(f.get(headerReceiptID), struct{}{}) // perhaps nobody waits any more
		case cmdError:
			c.end(serverError(f))
			return
		default:
			c.end(broken("a server sends no %s", f.command))
			return
		}
	}
}

// write writes frames until the connection ends: all that wait, with one flush.
func (c *conn) write() {
	w := bufio.NewWriterSize(c.net, 64<<10)
	var tick <-chan time.Time
	if c.beat > 0 {
		t := time.NewTicker(c.beat / 4) // so that a pause has at most half of it: a busy machine is late
		defer t.Stop()
		tick = t.C
	}
	idle := false
	for {
		var first []byte
		select {
		case <-c.gone:
			return
		case first = <-c.out:
		case <-c.more:
		case <-tick:
			if !idle {
				idle = true
				continue
			}
			first = []byte{'\n'}
		}
		idle = false
		runtime.Gosched() // others are about to send: their frames go with this write
		c.gather(w, first)
		if err := w.Flush(); err != nil {
			c.end(fault(err))
			return
		}
	}
}

// gather writes what waits into w; Flush reports errors. Settlements go before all frames that were posted after them.
func (c *conn) gather(w *bufio.Writer, first []byte) {
	n := len(c.out)
	c.mu.Lock()
	settled := c.settled
	c.settled = nil
	c.mu.Unlock()
	_, _ = w.Write(settled)
	_, _ = w.Write(first)
	for range n {
		_, _ = w.Write(<-c.out)
	}
}

// settle takes an ACK or a NACK to be written. It never waits.
func (c *conn) settle(f *frame) {
	c.mu.Lock()
	c.settled = f.encode(c.settled, c.version)
	c.mu.Unlock()
	c.more.Give()
}

// post takes a frame to be written. When it fails, nothing was sent.
func (c *conn) post(ctx context.Context, f *frame, timeout <-chan time.Time) error {
	if err := f.carries(c.version); err != nil {
		return err
	}
	b := f.encode(make([]byte, 0, 512+len(f.body)), c.version)
	select {
	case c.out <- b:
		return nil
	case <-c.gone:
		return hub.Fail(hub.Unavailable, hub.NotConnected, "not sent: %w", c.lost())
	case <-ctx.Done():
		return hub.GaveUp(ctx, "not sent")
	case <-timeout:
		e := hub.Fail(hub.Throttled, reasonBlocked, "not sent: the server takes no messages now")
		e.After = time.Second
		return e
	}
}

// leave ends the connection in good order: it waits a moment until the server has taken everything, settlements included.
func (c *conn) leave(frames ...*frame) {
	ctx, cancel := context.WithTimeout(context.Background(), leaving)
	defer cancel()
	for _, f := range frames {
		_ = c.post(ctx, f, nil)
	}
	_ = c.send(ctx, newFrame(cmdDisconnect), nil)
	c.close()
}

// leaving bounds how long leave waits.
const leaving = 3 * time.Second

// close ends the connection at once, and returns when its goroutines have ended.
func (c *conn) close() {
	c.end(hub.Fail(hub.Unavailable, reasonLost, "the connection is closed"))
	c.ended.Wait()
}

// send posts a frame, and returns nil once the server has confirmed it by a receipt.
func (c *conn) send(ctx context.Context, f *frame, timeout <-chan time.Time) error {
	id := strconv.FormatUint(c.asked.Add(1), 10)
	receipt, forget := c.receipts.Expect(id)
	defer forget()
	f.add(headerReceipt, id)
	if err := c.post(ctx, f, timeout); err != nil {
		return err
	}
	select {
	case <-receipt:
		return nil
	case <-ctx.Done():
		return hub.GaveUp(ctx, "the server did not confirm")
	case <-timeout:
		return hub.Fail(hub.Timeout, "timeout", "the server did not confirm in time")
	case <-c.gone:
	}
	select {
	case <-receipt: // just before
		return nil
	default:
		return hub.About("not confirmed", c.lost())
	}
}
