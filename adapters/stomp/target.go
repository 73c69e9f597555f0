package stomp

import (
	"context"
	"errors"
	"fmt"

	"orderhub/hub"
)

// publisher sends on a connection of its own, which it opens anew when it was
// lost. Many goroutines may send at once: each waits for its own receipt only.
type publisher struct {
	adapter *Adapter
	keep    *keeper
}

func newPublisher(a *Adapter) *publisher {
	return &publisher{adapter: a, keep: a.keep(func(ctx context.Context) (*conn, error) {
		c, err := a.dial(ctx)
		if err == nil {
			c.start(func(*frame) {}) // nothing is subscribed
		}
		return c, err
	})}
}

// publish returns nil once the server has confirmed the frame.
func (p *publisher) publish(ctx context.Context, f *frame) error {
	c, err := p.keep.get(ctx)
	if err != nil {
		return err
	}
	timer := p.adapter.env.Clock.Timer(p.adapter.cfg.ConfirmTimeout)
	defer timer.Stop()
	t, err := c.send(ctx, f, timer.C())
	if err != nil {
		return err
	}
	defer t.drop()
	return t.wait(ctx, timer.C())
}

func (p *publisher) close() { p.keep.close() }

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
func (t *Target) Send(ctx context.Context, m *hub.Message) error {
	return named(t.adapter, t.place, t.send(ctx, m))
}

func (t *Target) send(ctx context.Context, m *hub.Message) error {
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
func named(a *Adapter, p place, err error) error {
	if _, said := errors.AsType[hub.Said](err); err == nil || said { // what an answer says is handed on as it is
		return err
	}
	if e, ok := errors.AsType[*hub.Error](err); ok {
		c := *e
		c.Err = fmt.Errorf("%s %s: %w", a.env.Name, p, e.Err)
		return &c
	}
	return fmt.Errorf("%s %s: %w", a.env.Name, p, err)
}
