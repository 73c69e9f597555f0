package amqp

import (
	"context"

	amqp "github.com/rabbitmq/amqp091-go"
)

// publisher sends on a channel of its own, which it opens anew when it was
// lost, after declaring what it sends to.
type publisher struct {
	adapter *Adapter
	keep    *keeper[*confirming]
}

func newPublisher(a *Adapter, t topology) *publisher {
	p := &publisher{adapter: a}
	p.keep = keep(a, func(ctx context.Context) (*confirming, error) {
		s, err := a.out.get(ctx, 0)
		if err != nil {
			return nil, err
		}
		if err := s.declare(a.all(t), a.cfg.CheckOnly); err != nil {
			return nil, err
		}
		c, err := a.openConfirming(s)
		return c, fault("channel", err)
	}, (*confirming).alive)
	return p
}

// open is the channel. While the connection is down its own pauses hold, and
// while the server takes no messages nothing is asked of it: it would not answer.
func (p *publisher) open(ctx context.Context) (*confirming, error) {
	s, err := p.adapter.out.get(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err := s.refuse(); err != nil {
		return nil, err
	}
	return p.keep.get(ctx, 0)
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
	return t.wait(ctx)
}

func (p *publisher) close() {
	if c, open := p.keep.close(); open {
		c.close()
	}
}
