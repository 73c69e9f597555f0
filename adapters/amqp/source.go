package amqp

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// Source brings the messages of one queue.
type Source struct {
	adapter  *Adapter
	place    place
	cfg      SourceConfig
	key      func(*hub.Message) string // ordering key of a message that brings none; nil: it has none
	queue    string
	tag      string // of the consumer
	topology topology
	warned   atomic.Bool // of messages without an ID
}

var _ hub.Source = (*Source)(nil)

// run is one Run of a source.
type run struct {
	*Source
	work    context.Context // what handlers get: their work is not cut short
	handler hub.Handler
	ch      *amqp.Channel
	acks    *acks
	lanes   *lanes
	failed  atomic.Int64 // failures in a row
}

// Run hands over deliveries until ctx is done (nil) or the connection, its
// channel or the queue is lost (the error). Then it begins no other, and
// returns when those at work are settled and acknowledged. What was delivered
// and not begun goes back to the queue.
func (s *Source) Run(ctx context.Context, h hub.Handler) error {
	sess, err := s.adapter.in.get(ctx, -1)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	ch, deliveries, err := s.consume(sess)
	if err != nil {
		return fmt.Errorf("%s: %w", s.adapter.env.Name, fault("queue "+s.queue, err))
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	r := &run{Source: s, work: context.WithoutCancel(ctx), handler: h, ch: ch, acks: newAcks(ch, s.adapter.env.Clock, s.cfg.Prefetch)}
	r.lanes = newLanes(s.adapter.env.Clock, s.cfg.Workers, r.handle, r.requeue)
	hub.Reads(h, nil)
	back, end := context.WithCancel(r.work)
	var handing sync.WaitGroup
	handing.Go(func() { r.handBack(back) })
	lost := r.follow(ctx, deliveries)
	end()
	handing.Wait()
	if !lost {
		_ = ch.Cancel(s.tag, false) // on an error the channel is lost
	}
	r.lanes.stop()
	r.acks.close()
	if !lost {
		if !ch.IsClosed() {
			_ = ch.Close() // what was not begun goes back to the queue
		}
		return nil
	}
	return fmt.Errorf("%s: %w", s.adapter.env.Name, r.why(closed))
}

// consume opens the channel that the deliveries come through.
func (s *Source) consume(sess *session) (*amqp.Channel, <-chan amqp.Delivery, error) {
	if err := sess.declare(s.adapter.all(s.topology), s.adapter.cfg.CheckOnly); err != nil {
		return nil, nil, err
	}
	ch, err := sess.conn.Channel()
	if err != nil {
		return nil, nil, err
	}
	if err := ch.Qos(s.cfg.Prefetch, 0, false); err != nil {
		return nil, nil, err
	}
	deliveries, err := ch.Consume(s.queue, s.tag, false, s.cfg.Exclusive, false, false, nil)
	if err != nil && !ch.IsClosed() {
		_ = ch.Close()
	}
	return ch, deliveries, err
}

// follow takes deliveries until ctx is done, or there are no more since something was lost.
func (r *run) follow(ctx context.Context, deliveries <-chan amqp.Delivery) (lost bool) {
	for {
		select {
		case <-ctx.Done():
			return false
		case d, ok := <-deliveries:
			if !ok {
				return true
			}
			if ctx.Err() != nil {
				return false
			}
			r.take(&d)
		}
	}
}

// why tells what was lost.
func (r *run) why(closed <-chan *amqp.Error) error {
	if !r.ch.IsClosed() { // the consumer alone
		_ = r.ch.Close()
		return hub.Fail(hub.Unavailable, reasonTopology, "queue %s: the server ended the reading: the queue was deleted, or moved", r.queue)
	}
	if e := <-closed; e != nil {
		return fault("queue "+r.queue, e)
	}
	return hub.Fail(hub.Unavailable, reasonLost, "queue %s: connection lost", r.queue)
}

// take puts a delivery in its lane.
func (r *run) take(d *amqp.Delivery) {
	env := r.adapter.env
	r.acks.came()
	m, err := message(d, env.Clock.Now(), r.place.carried)
	if err == nil && r.cfg.MaxDeliveries > 0 {
		if n, ok := d.Headers["x-delivery-count"].(int64); ok && n > int64(r.cfg.MaxDeliveries) {
			err = hub.Fail(hub.Rejected, "poison", "it was delivered %d times and never taken", n)
		}
	}
	if err != nil {
		r.refuseDelivery(d, err)
		return
	}
	if m.ID == "" {
		m.ID = hub.NewID(env.Clock.Now())
		if !r.warned.Swap(true) {
			env.Log.Warn("a message without message-id gets a new one, and can't be recognised when it is delivered again",
				"event", "no_message_id", "queue", r.queue)
		}
	}
	if !m.Headers.Match(r.place.match) { // RabbitMQ can't compare all of it
		r.acks.ack(d.DeliveryTag)
		return
	}
	if m.Key == "" && r.key != nil {
		m.Key = r.key(m)
	}
	j := &job{tag: d.DeliveryTag, m: m, came: env.Clock.Now()}
	if d.ReplyTo != "" {
		j.reply = d
	}
	r.lanes.add(j)
}
