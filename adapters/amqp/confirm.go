package amqp

import (
	"context"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// confirming is a channel whose messages the server confirms. Many goroutines may publish on it at once; each waits for its own confirmation only.
type confirming struct {
	ch      *amqp.Channel
	sess    *session
	timeout func() hub.Timer
	closed  chan *amqp.Error // holds why, once closed
	returns chan amqp.Return
	turns   chan struct{} // messages whose confirmation is waited for

	mu      sync.Mutex
	why     *amqp.Error
	pending map[sent]*fate
}

// sent identifies a message in flight, as far as a return does. Messages that look alike share their fate.
type sent struct{ exchange, key, id string }

type fate struct {
	senders  int
	returned bool
}

// maxInFlight bounds the messages that wait for confirmation on one channel. It is chosen so that all returns fit into
// the Go channel that they come through.
const maxInFlight = 4096

func (a *Adapter) openConfirming(s *session) (*confirming, error) {
	ch, err := s.conn.Channel()
	if err != nil {
		return nil, err
	}
	c := &confirming{ch: ch, sess: s, turns: make(chan struct{}, maxInFlight), pending: map[sent]*fate{},
		closed: ch.NotifyClose(make(chan *amqp.Error, 1)), returns: ch.NotifyReturn(make(chan amqp.Return, 2*maxInFlight)),
		timeout: func() hub.Timer { return a.env.Clock.Timer(a.cfg.ConfirmTimeout) }}
	if err := ch.Confirm(false); err != nil {
		return nil, err
	}
	return c, nil
}

// lost returns why nothing can be published any more, or nil while it can.
func (c *confirming) lost() error {
	if !c.ch.IsClosed() {
		return c.sess.lost()
	}
	return c.unconfirmed()
}

// ticket stands for a message that was published and is not confirmed yet.
type ticket struct {
	c    *confirming
	sent sent
	dc   *amqp.DeferredConfirmation
}

// publish sends p to the server. The caller must end the ticket with wait, or with result and drop.
func (c *confirming) publish(ctx context.Context, exchange, key string, mandatory bool, p amqp.Publishing) (*ticket, error) {
	if err := c.sess.refuse(); err != nil {
		return nil, err
	}
	select {
	case c.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, hub.GaveUp(ctx, "no turn to send")
	}
	t := &ticket{c: c, sent: sent{exchange, key, p.MessageId}}
	c.mu.Lock()
	f := c.pending[t.sent]
	if f == nil {
		f = &fate{}
		c.pending[t.sent] = f
	}
	f.senders++
	c.mu.Unlock()
	var err error
	if t.dc, err = c.ch.PublishWithDeferredConfirm(exchange, key, mandatory, false, p); err != nil {
		t.drop()
		return nil, c.unconfirmed()
	}
	return t, nil
}

// wait returns nil once the server has the message.
func (t *ticket) wait(ctx context.Context) error {
	defer t.drop()
	timer := t.c.timeout()
	defer timer.Stop()
	select {
	case <-t.dc.Done():
		return t.result()
	case <-ctx.Done():
		return hub.GaveUp(ctx, "the server did not confirm")
	case <-timer.C():
		if err := t.c.sess.refuse(); err != nil {
			return err
		}
		return hub.Fail(hub.Timeout, "timeout", "the server did not confirm in time")
	}
}

// result evaluates the confirmation, which must have come. The server sends a return before the confirmation of the
// same message, so the return is in its Go channel by now.
func (t *ticket) result() error {
	returned := t.c.returned(t.sent)
	switch {
	case t.dc.Acked() && returned:
		return hub.Fail(hub.Rejected, reasonUnroutable, "no queue takes it")
	case t.dc.Acked():
		return nil
	case t.c.ch.IsClosed():
		return t.c.unconfirmed()
	}
	return hub.Fail(hub.Unavailable, "nacked", "the server could not take it")
}

func (c *confirming) returned(s sent) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		select {
		case r, ok := <-c.returns:
			if !ok {
				c.returns = nil
			} else if f := c.pending[sent{r.Exchange, r.RoutingKey, r.MessageId}]; f != nil {
				f.returned = true
			}
			continue
		default:
		}
		f := c.pending[s]
		return f != nil && f.returned
	}
}

// drop ends the ticket.
func (t *ticket) drop() {
	c := t.c
	c.mu.Lock()
	if f := c.pending[t.sent]; f != nil {
		if f.senders--; f.senders == 0 {
			delete(c.pending, t.sent)
		}
	}
	c.mu.Unlock()
	<-c.turns
}

// unconfirmed returns the error of a message whose channel was closed before the confirmation came.
func (c *confirming) unconfirmed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil {
		select {
		case c.why = <-c.closed: // nil when we closed it
		default:
		}
	}
	if c.why == nil {
		return hub.Fail(hub.Unavailable, reasonLost, "the connection was lost before the server confirmed")
	}
	return fault("not confirmed", c.why)
}

func (c *confirming) close() {
	if c.lost() == nil && c.sess.refuse() == nil {
		_ = c.ch.Close() // one that was lost is closed
	}
}
