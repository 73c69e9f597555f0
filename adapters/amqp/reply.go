package amqp

import (
	"context"
	"strings"
	"time"

	"orderhub/hub"
)

// replyTime is how long an answer is tried to be sent.
const replyTime = 30 * time.Second

// answer sends the reply to the request's Return Address. False: it could not
// be sent, and the request should come again. A requester that is gone gets none.
func (r *run) answer(j *job, reply *hub.Message) bool {
	if reply == nil {
		return true
	}
	env := r.adapter.env
	p, err := r.adapter.publishing(reply, place{})
	if err != nil {
		p, err = r.adapter.publishing(hub.ErrorReply(j.m, unsendable(err)), place{})
	}
	if err != nil {
		return true // can't be
	}
	p.CorrelationId, p.ReplyTo = j.reply.CorrelationId, ""
	ctx, cancel := context.WithTimeout(r.work, replyTime)
	defer cancel()
	checked := !strings.HasPrefix(j.reply.ReplyTo, directReplyTo) // RabbitMQ 3.10 returns what it delivers there
	for try := 1; ; try++ {
		err := r.adapter.answers.publish(ctx, "", j.reply.ReplyTo, checked, p)
		if err == nil {
			return true
		}
		e := hub.AsError(err)
		if !e.Class.Transient() {
			hub.RefuserOf(r.handler).Refused(hub.LateReply(j.m, "reply to "+j.reply.ReplyTo))
			env.Log.Warn("reply dropped, the requester is gone", "event", "late_reply", "queue", r.queue,
				"message", j.m.ID, "correlation", j.reply.CorrelationId, "error", err)
			return true
		}
		if r.ch.IsClosed() || !pause(ctx, env.Clock, pauses.Delay(try)) {
			return r.giveUp(j, err)
		}
	}
}

// giveUp puts a request back whose answer could not be sent.
func (r *run) giveUp(j *job, err error) bool {
	env := r.adapter.env
	env.Log.Debug("reply not sent, the request goes back", "queue", r.queue, "message", j.m.ID, "error", err)
	r.requeue(j)
	return false
}

// unsendable is what the requester reads of a reply that can't be sent: its own message is not what is wrong.
func unsendable(err error) *hub.Error {
	return hub.Fail(hub.Rejected, hub.AsError(err).Reason, "the reply can't be sent: %w", err)
}
