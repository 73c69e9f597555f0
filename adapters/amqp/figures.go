package amqp

import (
	"context"
	"errors"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub/figures"
)

// Figures tells how many messages wait in the queues of the sources. A queue that is not there, or that is
// another connection's alone, tells nothing.
func (a *Adapter) Figures(ctx context.Context, to *figures.Set) error {
	a.mu.Lock()
	queues := slices.Clone(a.reads)
	a.mu.Unlock()
	if len(queues) == 0 {
		return nil
	}
	s, err := a.in.Get(ctx)
	if err != nil {
		return err
	}
	for _, name := range queues {
		ch, err := s.conn.Channel() // each of its own: an objection closes it
		if err != nil {
			return fault("queue "+name, err)
		}
		q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil) // what it is like does not count
		_ = ch.Close()                                                         // one that was closed is closed
		switch e, refused := errors.AsType[*amqp.Error](err); {
		case err == nil:
			to.Put(figures.Lag, int64(q.Messages), a.env.Name, "queue "+name, "")
		case !refused || s.conn.IsClosed() || e.Code != amqp.NotFound && e.Code != amqp.ResourceLocked:
			return fault("queue "+name, err)
		}
	}
	return nil
}
