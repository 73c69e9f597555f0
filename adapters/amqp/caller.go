package amqp

import (
	"context"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// Caller sends requests to one queue or exchange and waits for their replies (EIP Request-Reply). Replies come by RabbitMQ's direct reply-to.
type Caller struct {
	adapter  *Adapter
	place    place
	topology topology

	mu    sync.Mutex
	ready *asking // where our topology is declared
}

var _ hub.Caller = (*Caller)(nil)

// asking is the channel that carries the requests of all callers, and brings their replies.
type asking struct {
	*confirming
	gone chan struct{} // closed when no more replies come
}

func (a *Adapter) openAsking(ctx context.Context) (*asking, error) {
	s, err := a.out.Get(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.openConfirming(s)
	if err != nil {
		return nil, fault("channel", err)
	}
	replies, err := c.ch.Consume(directReplyTo, "", true, false, false, false, nil)
	if err != nil {
		return nil, fault("reply queue", err)
	}
	q := &asking{confirming: c, gone: make(chan struct{})}
	a.watchers.Go(func() {
		defer close(q.gone)
		for d := range replies {
			a.replied(&d)
		}
	})
	return q, nil
}

// replied passes a reply to its caller. It drops a second reply, and a reply whose caller has gone.
func (a *Adapter) replied(d *amqp.Delivery) {
	if !a.requests.Answer(d.CorrelationId, d) {
		a.late.Drop(a.env.Log, a.env.Refuser, &hub.Message{ID: d.MessageId, Correlation: d.CorrelationId, Body: hub.NewBody(d.Body)}, "direct reply-to", nil)
	}
}

// Call sends the request once and waits for its reply until ctx ends. The first reply counts.
func (c *Caller) Call(ctx context.Context, m *hub.Message) (_ *hub.Message, err error) {
	defer func() { err = named(c.adapter, c.place, err) }()
	ask, err := broker.Asking(ctx, c.adapter.env.Clock, m)
	if err != nil {
		return nil, err
	}
	p, err := c.request(ask)
	if err != nil {
		return nil, err
	}
	key, err := c.place.routingKey(m)
	if err != nil {
		return nil, err
	}
	q, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	answer, forget := c.adapter.requests.Expect(p.CorrelationId)
	defer forget()
	t, err := q.publish(ctx, c.place.exchange, key, true, p)
	if err != nil {
		return nil, err
	}
	defer t.drop()
	d, err := c.await(ctx, q, t, answer)
	if missing, err := deleted(err, c.topology); err != nil {
		if missing {
			c.mu.Lock()
			c.ready = nil
			c.mu.Unlock()
		}
		return nil, err
	}
	reply, err := message(d, c.adapter.env.Clock.Now(), false)
	return broker.Reply(m, reply, err)
}

func (c *Caller) await(ctx context.Context, q *asking, t *ticket, answer <-chan *amqp.Delivery) (*amqp.Delivery, error) {
	confirmed := t.dc.Done()
	for {
		select {
		case d := <-answer:
			return d, nil
		case <-confirmed:
			if err := t.result(); err != nil {
				return nil, err
			}
			confirmed = nil
		case <-q.gone:
			return nil, q.unconfirmed()
		case <-ctx.Done():
			return nil, hub.GaveUp(ctx, "no reply")
		}
	}
}

// open returns the channel, after declaring the place that the caller sends to.
func (c *Caller) open(ctx context.Context) (*asking, error) {
	if _, err := c.adapter.sending(ctx); err != nil {
		return nil, err
	}
	q, err := c.adapter.asked.Get(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready != q {
		if err := q.sess.declare(c.adapter.all(c.topology), c.adapter.cfg.CheckOnly); err != nil {
			return nil, err
		}
		c.ready = q
	}
	return q, nil
}

// request encodes ask with a Return Address, and with a correlation-id that is new at each attempt.
func (c *Caller) request(ask *hub.Message) (amqp.Publishing, error) {
	p, err := c.adapter.publishing(ask, c.place)
	if err != nil {
		return p, err
	}
	now := c.adapter.env.Clock.Now()
	if ask.Correlation != "" {
		header(&p, headerCorrelation, ask.Correlation)
	}
	if !ask.Expires.IsZero() {
		p.Expiration = expiration(ask.Expires.Sub(now))
	}
	p.ReplyTo, p.CorrelationId = directReplyTo, hub.NewID(now)
	return p, nil
}
