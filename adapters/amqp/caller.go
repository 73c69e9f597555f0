package amqp

import (
	"context"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// Caller sends requests to one queue or exchange and waits for their replies
// (EIP Request-Reply). Replies come by RabbitMQ's direct reply-to.
type Caller struct {
	adapter  *Adapter
	place    place
	topology topology

	mu    sync.Mutex
	ready *asking // where our topology is declared
}

var _ hub.Caller = (*Caller)(nil)

// asking is the channel that requests go out by and replies come in by.
type asking struct {
	*confirming
	gone chan struct{} // closed when no more replies come

	mu      sync.Mutex
	waiting map[string]chan *amqp.Delivery
}

func (a *Adapter) openAsking(ctx context.Context) (*asking, error) {
	s, err := a.out.get(ctx, 0)
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
	q := &asking{confirming: c, gone: make(chan struct{}), waiting: map[string]chan *amqp.Delivery{}}
	a.watchers.Go(func() {
		defer close(q.gone)
		for d := range replies {
			a.replied(q, &d)
		}
	})
	return q, nil
}

// replied gives a reply to its caller. A second one, and one whose caller has gone, is dropped.
func (a *Adapter) replied(q *asking, d *amqp.Delivery) {
	q.mu.Lock()
	answer := q.waiting[d.CorrelationId]
	delete(q.waiting, d.CorrelationId)
	q.mu.Unlock()
	if answer != nil {
		answer <- d
		return
	}
	a.late.Add(1)
	a.env.Refused(hub.LateReply(&hub.Message{ID: d.MessageId, Correlation: d.CorrelationId, Body: hub.NewBody(d.Body)}, "direct reply-to"))
	a.env.Log.Warn("reply dropped: nobody waits for it any more", "event", "late_reply", "correlation", d.CorrelationId, "message", d.MessageId)
}

// Call sends the request once and waits for its reply until ctx ends. The first reply counts.
func (c *Caller) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	reply, err := c.call(ctx, m)
	return reply, named(c.adapter, c.place, err)
}

func (c *Caller) call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	if ctx.Err() != nil {
		return nil, gaveUp(ctx, "not sent")
	}
	if !m.Expires.IsZero() && !m.Expires.After(c.adapter.env.Clock.Now()) {
		return nil, hub.NoReply(m)
	}
	p, err := c.request(ctx, m)
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
	answer := make(chan *amqp.Delivery, 1)
	q.expect(p.CorrelationId, answer)
	defer q.expect(p.CorrelationId, nil)
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
	return c.reply(m, d)
}

func (q *asking) expect(id string, answer chan *amqp.Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if answer == nil {
		delete(q.waiting, id)
		return
	}
	q.waiting[id] = answer
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
			return nil, q.lost()
		case <-ctx.Done():
			return nil, gaveUp(ctx, "no reply")
		}
	}
}

// open is the channel, with what we send to declared.
func (c *Caller) open(ctx context.Context) (*asking, error) {
	s, err := c.adapter.out.get(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err := s.refuse(); err != nil {
		return nil, err
	}
	q, err := c.adapter.asked.get(ctx, 0)
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

// request is m with a Return Address. Its correlation-id is new at each
// attempt, so that the reply to an earlier one is not taken for this one's; it
// expires when nobody waits for its reply any more.
func (c *Caller) request(ctx context.Context, m *hub.Message) (amqp.Publishing, error) {
	if at, ok := ctx.Deadline(); ok {
		until := c.adapter.env.Clock.Now().Add(max(time.Until(at), time.Millisecond))
		if m.Expires.IsZero() || until.Before(m.Expires) {
			short := *m
			short.Expires = until
			m = &short
		}
	}
	p, err := c.adapter.publishing(m, c.place)
	if err != nil {
		return p, err
	}
	if m.Correlation != "" {
		header(&p, headerCorrelation, m.Correlation)
	}
	if !m.Expires.IsZero() {
		p.Expiration = expiration(m.Expires.Sub(c.adapter.env.Clock.Now()))
	}
	p.ReplyTo, p.CorrelationId = directReplyTo, hub.NewID(c.adapter.env.Clock.Now())
	return p, nil
}

func (c *Caller) reply(m *hub.Message, d *amqp.Delivery) (*hub.Message, error) {
	if err := hub.ReplyError(func(name string) string { return headerText(d.Headers[name]) }, d.Body); err != nil {
		return nil, err
	}
	now := c.adapter.env.Clock.Now()
	reply, err := message(d, now, false)
	if err != nil {
		return nil, hub.Fail(hub.Rejected, "bad_response", "the reply is refused: %w", err)
	}
	if reply.ID == "" {
		reply.ID = hub.DeriveID(m.ID, "reply")
	}
	reply.Correlation = m.Correlation
	return reply, nil
}
