package amqp

import (
	"context"
	"errors"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// publisher sends on a channel of its own, which it opens anew when it was
// lost, after declaring what it sends to.
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

// open is the channel. While the connection is down its own pauses hold, and
// while the server takes no messages nothing is asked of it: it would not answer.
func (p *publisher) open(ctx context.Context) (*confirming, error) {
	s, err := p.adapter.out.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.refuse(); err != nil {
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

// deleted tells that err is that of a message to a queue of ours which was
// deleted: another try finds it declared again.
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
