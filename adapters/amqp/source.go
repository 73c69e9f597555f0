package amqp

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
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
	ctx    context.Context // of handlers and of what is settled: neither is cut short
	ch     *amqp.Channel
	acks   *acks
	intake *broker.Intake[*job]
}

// job is a delivery that is not settled yet.
type job struct {
	broker.Delivery
	d *amqp.Delivery
}

// Run hands deliveries over until ctx is done, and returns nil, or until the connection, its channel or the queue is
// lost, and returns why. Then it begins no other delivery, and returns when those that were begun are settled and
// acknowledged. What was delivered and not begun goes back to the queue.
func (s *Source) Run(ctx context.Context, h hub.Handler) error {
	sess, err := s.adapter.in.Wait(ctx)
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
	r := s.begin(context.WithoutCancel(ctx), h, ch)
	hub.Reads(h, nil)
	lost := r.follow(ctx, deliveries)
	if !lost {
		_ = ch.Cancel(s.tag, false) // on an error the channel is lost
	}
	<-r.intake.Stop()
	r.acks.close()
	if !lost {
		if !ch.IsClosed() {
			_ = ch.Close() // what was not begun goes back to the queue
		}
		return nil
	}
	return fmt.Errorf("%s: %w", s.adapter.env.Name, r.why(closed))
}

func (s *Source) begin(ctx context.Context, h hub.Handler, ch *amqp.Channel) *run {
	a := s.adapter
	r := &run{Source: s, ctx: ctx, ch: ch, acks: newAcks(ch, a.env.Clock, s.cfg.Prefetch)}
	r.intake = &broker.Intake[*job]{Env: a.env, Handler: h, Work: ctx, Settler: r, About: []any{"queue", s.queue}, Late: &a.late,
		Workers: s.cfg.Workers, Hold: a.cfg.Hold(), Longest: a.cfg.Longest()}
	r.intake.Start()
	return r
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

// follow takes deliveries until ctx is done. It reports whether they ended before, because something was lost.
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

// why returns what was lost.
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

// take hands a delivery over.
func (r *run) take(d *amqp.Delivery) {
	env := r.adapter.env
	r.acks.came()
	m, err := message(d, env.Clock.Now(), r.place.carried)
	if err == nil && r.cfg.MaxDeliveries > 0 {
		if n, ok := d.Headers["x-delivery-count"].(int64); ok && n > int64(r.cfg.MaxDeliveries) {
			err = hub.Fail(hub.Rejected, "poison", "it was delivered %d times and never taken", n)
		}
	}
	j := &job{broker.Delivery{Msg: m, ReplyTo: d.ReplyTo, Fault: err}, d}
	switch {
	case err != nil:
		j.Msg = &hub.Message{ID: d.MessageId, Correlation: d.CorrelationId, Body: hub.NewBody(d.Body),
			Headers: hub.Headers{hub.HeaderContentType: d.ContentType}}
	case !m.Headers.Match(r.place.match): // RabbitMQ can't compare all of it
		r.acks.ack(d.DeliveryTag)
		return
	case m.ID == "":
		m.ID = hub.NewID(env.Clock.Now())
		if !r.warned.Swap(true) {
			env.Log.Warn("a message without message-id gets a new one, and can't be recognised when it is delivered again",
				"event", "no_message_id", "queue", r.queue)
		}
	}
	if j.Msg.Key == "" && r.key != nil && err == nil {
		m.Key = r.key(m)
	}
	r.intake.Put(r.ctx, j)
}

// Done acknowledges a delivery.
func (r *run) Done(j *job) { r.acks.ack(j.d.DeliveryTag) }

// Requeue gives a delivery back to the queue.
func (r *run) Requeue(j *job) { r.acks.nack(j.d.DeliveryTag, true) }

// Refuse gives a delivery to the queue's dead letter exchange. Without one the message is gone, and the log tells of it.
func (r *run) Refuse(j *job, e *hub.Error) {
	r.adapter.env.Log.Error("message refused; it goes to the queue's dead letter exchange, if there is one",
		"event", e.Reason, "queue", r.queue, "message", j.Msg.ID, "class", e.Class, "error", e.Error())
	r.acks.nack(j.d.DeliveryTag, false)
}

// Reply sends the answer to the request's Return Address.
func (r *run) Reply(ctx context.Context, j *job, answer *hub.Message) error {
	p, err := broker.Replying(j.Msg, answer, func(m *hub.Message) (amqp.Publishing, error) { return r.adapter.publishing(m, place{}) })
	if err != nil {
		return err
	}
	p.CorrelationId, p.ReplyTo = j.d.CorrelationId, ""
	checked := !strings.HasPrefix(j.d.ReplyTo, directReplyTo) // RabbitMQ 3.10 returns what it delivers there
	return r.adapter.answers.publish(ctx, "", j.d.ReplyTo, checked, p)
}
