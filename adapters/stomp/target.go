package stomp

import (
	"context"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// publisher sends on a connection of its own, which it opens anew when it was
// lost. Many goroutines may send at once: each waits for its own receipt only.
type publisher struct {
	adapter *Adapter
	keep    *broker.Keeper[*conn]
}

func newPublisher(a *Adapter) *publisher {
	return &publisher{adapter: a, keep: a.keep(func(*frame) {})} // nothing is subscribed
}

// keep keeps a connection open whose messages are taken by take.
func (a *Adapter) keep(take func(*frame)) *broker.Keeper[*conn] {
	open := func(ctx context.Context) (*conn, error) {
		c, err := a.dial(ctx)
		if err == nil {
			c.start(take)
		}
		return c, err
	}
	return broker.NewKeeper(a.env.Clock, a.cfg.Reconnect, broker.Link[*conn]{Open: open, Lost: (*conn).lost, Drop: (*conn).close})
}

// leave ends a kept connection.
func leave(k *broker.Keeper[*conn]) {
	if c, ok := k.Close(); ok && c.alive() {
		c.leave()
	} else if ok {
		c.close()
	}
}

// publish returns nil once the server has confirmed the frame.
func (p *publisher) publish(ctx context.Context, f *frame) error {
	c, err := p.keep.Get(ctx)
	if err != nil {
		return err
	}
	timer := p.adapter.env.Clock.Timer(p.adapter.cfg.ConfirmTimeout)
	defer timer.Stop()
	return c.send(ctx, f, timer.C())
}

func (p *publisher) close() { leave(p.keep) }

// Target sends to one destination.
type Target struct {
	adapter *Adapter
	place   place
	pub     *publisher
}

var _ hub.Target = (*Target)(nil)

// Send returns nil after the server's receipt: RabbitMQ gives it when it has
// the message, on disk if it goes to a durable queue. STOMP has no word for a
// message that no queue takes: its receipt comes too.
func (t *Target) Send(ctx context.Context, m *hub.Message) (err error) {
	defer func() { err = named(t.adapter, t.place, err) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := t.adapter.sending(t.place, m)
	if err != nil {
		return err
	}
	return t.pub.publish(ctx, f)
}

// Close ends its connection.
func (t *Target) Close() error {
	t.pub.close()
	return nil
}

// named adds to err what it is about.
func named(a *Adapter, p place, err error) error { return broker.Named(a.env.Name+" "+p.String(), err) }
