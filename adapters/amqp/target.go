package amqp

import (
	"context"
	"errors"

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

// Send returns nil after the server confirmed that it has the message, on
// disk if it goes to a durable queue. A message that goes to no queue is
// rejected as unroutable, but on a channel, which may have no reader.
func (t *Target) Send(ctx context.Context, m *hub.Message) error {
	return named(t.adapter, t.place, t.send(ctx, m))
}

func (t *Target) send(ctx context.Context, m *hub.Message) error {
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

// routingKey is the option's, else the place's, else the message's own.
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

// Close ends its channel; the connection is the adapter's.
func (t *Target) Close() error {
	t.pub.close()
	return nil
}

// named adds to err what it is about, unless it names that already.
func named(a *Adapter, p place, err error) error {
	if e, ok := errors.AsType[*hub.Error](err); ok && (e.Reason == hub.NotConnected || e.Reason == reasonTopology) {
		return err
	}
	return broker.Named(a.env.Name+" "+p.String(), err)
}
