package amqp

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// Headers of a reply that says why there is none.
const (
	headerErrorClass  = "error-class"
	headerErrorReason = "error-reason"
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
		p, err = r.adapter.publishing(errorReply(j.m, hub.AsError(err)), place{})
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
			env.Log.Warn("reply dropped, the requester is gone", "adapter", env.Name, "event", "late_reply", "queue", r.queue,
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
	env.Log.Warn("reply not sent, the request goes back", "adapter", env.Name, "queue", r.queue, "message", j.m.ID, "error", err)
	r.requeue(j)
	return false
}

// statuses of errors, as HTTP has them.
var statuses = map[hub.Class]string{hub.Invalid: "422", hub.Rejected: "409", hub.Timeout: "504", hub.Unavailable: "503", hub.Throttled: "429", hub.Bug: "500"}

// errorReply tells the requester why there is no other.
func errorReply(m *hub.Message, e *hub.Error) *hub.Message {
	text := e.Error()
	if e.Class == hub.Bug {
		text = "internal error"
	}
	status := statuses[e.Class]
	if status == "" {
		status = "409"
	}
	body, _ := json.Marshal(map[string]string{"class": string(e.Class), "reason": e.Reason, "detail": text}) // strings always can
	return &hub.Message{ID: hub.DeriveID(m.ID, "error"), Time: m.Time, Correlation: m.Correlation, Body: hub.NewBody(body),
		Headers: hub.Headers{hub.HeaderContentType: "application/problem+json", hub.HeaderStatus: status, headerErrorClass: string(e.Class), headerErrorReason: e.Reason}}
}

// replyError is the error that a reply carries; nil: none.
func replyError(d *amqp.Delivery) error {
	class, _ := d.Headers[headerErrorClass].(string)
	if class == "" {
		return nil
	}
	reason, _ := d.Headers[headerErrorReason].(string)
	var body struct{ Detail string }
	_ = json.Unmarshal(d.Body, &body) // another answerer may say nothing
	if body.Detail == "" {
		body.Detail = reason
	}
	c := hub.Class(class)
	if !c.Transient() {
		c = hub.Rejected
	}
	return hub.Fail(c, reason, "answered with %s: %s", class, body.Detail)
}
