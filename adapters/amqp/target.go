package amqp

import (
	"context"
	"errors"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// Target sends to one queue or exchange.
type Target struct {
	adapter *Adapter
	place   place
	pub     *publisher
}

var _ hub.Target = (*Target)(nil)

// Send returns nil after the server confirmed that it has the message, on disk if the queue is durable. A message that
// no queue takes is rejected as unroutable, except on a channel, which may have no reader.
func (t *Target) Send(ctx context.Context, m *hub.Message) (err error) {
	defer func() { err = named(t.adapter, t.place, err) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	p, err := t.adapter.publishing(m, t.place)
	if err != nil {
		return err
	}
	key, err := t.place.routingKey(m)
	if err != nil {
		return err
	}
	mandatory := !t.place.carried || t.place.queue != "" // the other channels may have no reader
	return t.pub.publish(ctx, t.place.exchange, key, mandatory, p)
}

// routingKey returns the routing key of m: that of the option, else that of the place, else the message's own.
func (p place) routingKey(m *hub.Message) (string, error) {
	key := p.key
	switch option := m.Headers[optionKey]; {
	case p.exchange == "":
		return p.queue, nil
	case option != "" && !p.carried:
		key = option
	case !p.hasKey:
		key = m.Headers[hub.HeaderRoutingKey]
	}
	if len(key) > maxName {
		return "", hub.Fail(hub.Invalid, reasonTooLarge, "the routing key is longer than %d bytes", maxName)
	}
	return key, nil
}

// Close closes the target's channel. The connection belongs to the adapter.
func (t *Target) Close() error {
	t.pub.close()
	return nil
}

// named adds the adapter and the place to err, unless the error names them already.
func named(a *Adapter, p place, err error) error {
	if e, ok := errors.AsType[*hub.Error](err); ok && (e.Reason == hub.NotConnected || e.Reason == reasonTopology) {
		return err
	}
	return hub.About(a.env.Name+" "+p.String(), err)
}

// publisher sends on a channel of its own. It declares what it sends to whenever it opens the channel anew.
type publisher struct {
	adapter *Adapter
	wants   topology
	keep    *broker.Keeper[*confirming]
	missing atomic.Bool // the queue was deleted under the channel
}

func newPublisher(a *Adapter, t topology) *publisher {
	p := &publisher{adapter: a, wants: t}
	p.keep = keep(a, func(ctx context.Context) (*confirming, error) {
		s, err := a.out.Get(ctx)
		if err != nil {
			return nil, err
		}
		if err := s.declare(a.all(t), a.cfg.CheckOnly); err != nil {
			return nil, err
		}
		c, err := a.openConfirming(s)
		return c, fault("channel", err)
	}, (*confirming).lost)
	return p
}

// open returns the channel. While the connection is down, the connection's pauses hold; while the server blocks the
// connection, nothing is asked of it, because it would not answer.
func (p *publisher) open(ctx context.Context) (*confirming, error) {
	s, err := p.adapter.sending(ctx)
	if err != nil {
		return nil, err
	}
	c, err := p.keep.Get(ctx)
	if err == nil && p.missing.Swap(false) {
		if err = s.declare(p.adapter.all(p.wants), p.adapter.cfg.CheckOnly); err != nil {
			p.missing.Store(true)
		}
	}
	return c, err
}

// publish returns nil once the server has the message.
func (p *publisher) publish(ctx context.Context, exchange, key string, mandatory bool, m amqp.Publishing) error {
	c, err := p.open(ctx)
	if err != nil {
		return err
	}
	t, err := c.publish(ctx, exchange, key, mandatory, m)
	if err != nil {
		return err
	}
	missing, err := deleted(t.wait(ctx), p.wants)
	if missing {
		p.missing.Store(true)
	}
	return err
}

// deleted reports whether err means that a queue of ours was deleted. Another try finds it declared again.
func deleted(err error, wants topology) (bool, error) {
	e, ok := errors.AsType[*hub.Error](err)
	if !ok || e.Reason != reasonUnroutable || len(wants.queues) == 0 {
		return false, err
	}
	return true, hub.Fail(hub.Unavailable, reasonTopology, "%s: it was deleted, and is declared again", wants.queues[0])
}

func (p *publisher) close() {
	if c, open := p.keep.Close(); open {
		c.close()
	}
}
