package stomp

import (
	"context"
	"errors"
	"strings"
	"time"

	"orderhub/hub"
)

const (
	replyTime  = 30 * time.Second // for which an answer is tried to be sent
	replyTries = 3                // that the server may refuse; it does not say whose message it refuses
)

// ask hands the message over; a reply is wanted only where there is somebody to have it.
func (r *run) ask(j *job) (*hub.Message, error) {
	ctx, cancel := context.WithTimeout(r.work, r.longest())
	defer cancel()
	if caller, ok := r.handler.(hub.Caller); ok && j.replyTo != "" {
		return caller.Call(ctx, j.m)
	}
	return nil, r.handler.Handle(ctx, j.m)
}

// answer sends the reply to the request's Return Address. False: it could not
// be sent, and the request comes again. A requester whose address the server
// refuses gets none.
func (r *run) answer(j *job, reply *hub.Message) bool {
	if reply == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(r.work, replyTime)
	defer cancel()
	refused := 0
	for try := 1; ; try++ {
		f, err := r.replying(j, reply)
		if err == nil {
			err = r.adapter.answers.publish(ctx, f)
		}
		if err == nil {
			return true
		}
		e := hub.AsError(err)
		if _, said := errors.AsType[refusal](err); said {
			refused++
		}
		if !e.Class.Transient() || refused == replyTries {
			r.dropReply(j, err)
			return true
		}
		if !r.conn.alive() || !pause(ctx, r.adapter.env.Clock, pauses.Delay(try)) {
			env := r.adapter.env
			env.Log.Debug("reply not sent, the request goes back", "destination", r.place.text, "message", j.m.ID, "error", err)
			r.requeue(j)
			return false
		}
	}
}

func (r *run) dropReply(j *job, err error) {
	r.adapter.late.Add(1)
	hub.RefuserOf(r.handler).Refused(hub.LateReply(j.m, "reply to "+j.replyTo))
	r.adapter.env.Log.Warn("reply dropped, the requester can't be reached", "event", "late_reply", "destination", r.place.text,
		"reply_to", j.replyTo, "message", j.m.ID, "correlation", j.f.get(headerCorrelationID), "error", err)
}

// replying is the reply as a SEND frame. One that can't be sent is told as an error.
func (r *run) replying(j *job, reply *hub.Message) (*frame, error) {
	if !strings.HasPrefix(j.replyTo, "/") || strings.HasPrefix(j.replyTo, tempQueue) {
		return nil, hub.Fail(hub.Rejected, "return_address", "%.100q is no Return Address", j.replyTo)
	}
	f, err := r.replyFrame(j, reply)
	if err != nil {
		f, err = r.replyFrame(j, hub.ErrorReply(j.m, unsendable(err)))
	}
	return f, err
}

func (r *run) replyFrame(j *job, reply *hub.Message) (*frame, error) {
	m := reply.WithHeader(hub.HeaderReplyTo, "").WithCorrelation(j.f.get(headerCorrelationID))
	f := newFrame(cmdSend, headerDestination, j.replyTo)
	return f, r.adapter.fill(f, m)
}

// unsendable is what the requester reads of a reply that can't be sent: its own message is not what is wrong.
func unsendable(err error) *hub.Error {
	return hub.Fail(hub.Rejected, hub.AsError(err).Reason, "the reply can't be sent: %w", err)
}
