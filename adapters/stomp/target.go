package stomp

import (
	"context"

	"orderhub/hub"
	"orderhub/hub/broker"
)

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

// nothing takes the messages of a connection on which nothing is subscribed.
func nothing(*frame) {}

// publish sends on a kept connection, and returns nil once the server has confirmed the frame. Many goroutines may publish at once: each
// waits for its own receipt only.
func (a *Adapter) publish(ctx context.Context, k *broker.Keeper[*conn], f *frame) error {
	c, err := k.Get(ctx)
	if err != nil {
		return err
	}
	timer := a.env.Clock.Timer(a.cfg.ConfirmTimeout)
	defer timer.Stop()
	return c.send(ctx, f, timer.C())
}

// Target sends to one destination, on a connection of its own.
type Target struct {
	adapter *Adapter
	place   place
	keep    *broker.Keeper[*conn]
}

var _ hub.Target = (*Target)(nil)

// Send returns nil after the server's receipt: RabbitMQ gives it when it has the message, on disk if it goes to a durable queue. STOMP has no word
// for a message that no queue takes: its receipt comes too.
func (t *Target) Send(ctx context.Context, m *hub.Message) (err error) {
	defer func() { err = named(t.adapter, t.place, err) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	f, err := t.adapter.sending(t.place, m)
	if err != nil {
		return err
	}
	return t.adapter.publish(ctx, t.keep, f)
}

// Close ends its connection.
func (t *Target) Close() error {
	leave(t.keep)
	return nil
}

// named adds to err what it is about.
func named(a *Adapter, p place, err error) error { return hub.About(a.env.Name+" "+p.String(), err) }
