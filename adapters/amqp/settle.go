package amqp

import (
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// pauses between tries of a message that failed for a time. They grow with the
// message's tries, and with the failures in a row of the whole source.
var pauses = hub.Retry{Min: 100 * time.Millisecond, Max: 15 * time.Second}

// hold is how long a delivery stays ours before its run begins, and how long one with a key is tried again while it, and those
// behind it, stay ours: with the longest run behind it, well below the time after which the server takes it for lost.
func (s *Source) hold() time.Duration { return s.adapter.cfg.ConsumerTimeout / 3 }

// longest is how long a run may take. One that is ended by it is the hub's to try again, from its store.
func (s *Source) longest() time.Duration { return s.adapter.cfg.ConsumerTimeout / 2 }

// handBack gives back in time what waits too long for its turn, until ctx is done.
func (r *run) handBack(ctx context.Context) {
	for pause(ctx, r.adapter.env.Clock, r.hold()/10) {
		r.lanes.giveBackOld(r.adapter.env.Clock.Now().Add(-r.hold()))
	}
}

// handle settles a job: it is acknowledged once the hub owns it, refused when
// the hub refused it for good, and otherwise tried again. One with a key is
// tried again here, since back in the queue it would lose its place before the
// others of its key; one without goes back, to whoever takes it next.
func (r *run) handle(j *job) (again time.Duration) {
	if j.spent {
		r.requeue(j)
		return 0
	}
	reply, err := r.ask(j)
	if err == nil {
		r.failed.Store(0)
		if j.reply != nil && !r.answer(j, reply) {
			return 0 // the connection is lost, the request comes again
		}
		r.acks.ack(j.tag)
		return 0
	}
	e := hub.AsError(err)
	if r.final(j, e) {
		if j.reply == nil || r.answer(j, hub.ErrorReply(j.m, e)) {
			r.refuse(j.tag, j.m.ID, err)
		}
		return 0
	}
	return r.later(j, e)
}

// final tells that another try can't help. A request is then answered with the
// error; without one, a fault of ours may heal. What was interrupted since the
// hub stops goes back to the queue.
func (r *run) final(j *job, e *hub.Error) bool {
	switch {
	case e.Reason == "stopping":
		return false
	case j.reply != nil:
		return !e.Class.Transient()
	}
	return e.Class == hub.Invalid || e.Class == hub.Rejected
}

// ask hands the message over; a reply is wanted only where there is somebody to have it.
func (r *run) ask(j *job) (*hub.Message, error) {
	ctx, cancel := context.WithTimeout(r.work, r.longest())
	defer cancel()
	if caller, ok := r.handler.(hub.Caller); ok && j.reply != nil {
		return caller.Call(ctx, j.m)
	}
	return nil, r.handler.Handle(ctx, j.m)
}

func (r *run) later(j *job, e *hub.Error) time.Duration {
	now := r.adapter.env.Clock.Now()
	if j.since.IsZero() {
		j.since = now
	}
	if j.m.Key != "" && now.Sub(j.since) > r.hold() {
		return giveBack
	}
	j.tries++
	j.spent = j.m.Key == ""
	n := max(int(min(r.failed.Add(1), 30)), min(j.tries, 30))
	return max(pauses.Delay(n), min(e.After, pauses.Max))
}

// requeue gives a message back to the queue.
func (r *run) requeue(j *job) { r.acks.nack(j.tag, true) }

// refuseDelivery refuses a delivery that gives no message, once the hub has it among what was refused.
func (r *run) refuseDelivery(d *amqp.Delivery, err error) {
	m := &hub.Message{ID: d.MessageId, Correlation: d.CorrelationId, Headers: hub.Headers{hub.HeaderContentType: d.ContentType}, Body: hub.NewBody(d.Body)}
	to := hub.RefuserOf(r.handler)
	to.Refused(hub.RefusalOf(m, err))
	if away := to.Kept(r.work); away != nil {
		r.requeue(&job{tag: d.DeliveryTag})
		return
	}
	r.refuse(d.DeliveryTag, d.MessageId, err)
}

// refuse gives a message to the queue's dead letter exchange; without one it is gone, and the log tells of it.
func (r *run) refuse(tag uint64, id string, err error) {
	e := hub.AsError(err)
	r.adapter.env.Log.Error("message refused; it goes to the queue's dead letter exchange, if there is one",
		"event", e.Reason, "queue", r.queue, "message", id, "class", e.Class, "error", e.Error())
	r.acks.nack(tag, false)
}
