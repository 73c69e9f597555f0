package kafka

import (
	"context"
	"time"

	"orderhub/hub"
)

// patience is how long a request that does not say when it expires is tried again before it is told that it failed.
const patience = 5 * time.Minute

// handle hands j over. again: not now, but after a pause.
func (l *lanes) handle(j *job) (again bool, pause time.Duration) {
	if j.fault != nil {
		err := l.refuse(j)
		return err != nil && !l.passedOver(j, err), 0
	}
	if j.answer != nil {
		return l.give(j)
	}
	reply, err := l.ask(j)
	switch {
	case err == nil && (j.reply == nil || reply == nil):
		return false, 0
	case err == nil:
		j.answer = reply
		return l.give(j)
	case j.reply == nil:
		return !l.passedOver(j, err), hub.AsError(err).After
	}
	e := hub.AsError(err)
	if e.Class.Transient() && (e.Reason == reasonStopping || !l.overdue(j)) {
		l.notTaken(j, err)
		return true, e.After
	}
	if e.Class.Transient() && !j.msg.Expires.IsZero() { // it was tried until it expired
		e = hub.NoReply(&j.msg)
	}
	j.answer = hub.ErrorReply(&j.msg, e)
	return l.give(j)
}

// reasonStopping is that of a hub that ends: another one, or the next, answers.
const reasonStopping = "stopping"

// ask hands the message over; a reply is wanted only where there is somebody to have it.
func (l *lanes) ask(j *job) (*hub.Message, error) {
	if c, ok := l.run.handler.(hub.Caller); ok && j.reply != nil {
		return c.Call(l.work, &j.msg)
	}
	return nil, l.run.handler.Handle(l.work, &j.msg)
}

// overdue tells whether nobody waits for the reply any more.
func (l *lanes) overdue(j *job) bool {
	now := l.run.env.Clock.Now()
	if j.since.IsZero() {
		j.since = now
	}
	if !j.msg.Expires.IsZero() {
		return now.After(j.msg.Expires)
	}
	return now.Sub(j.since) > patience
}

// give sends the reply. A requester that is gone gets none.
func (l *lanes) give(j *job) (again bool, pause time.Duration) {
	ctx, cancel := context.WithTimeout(l.work, l.run.adapter.cfg.Timeout)
	defer cancel()
	err := l.run.adapter.out.send(ctx, j.reply.topic, nil, l.run.answer(j))
	if err == nil {
		return false, 0
	}
	if e := hub.AsError(err); e.Class.Transient() && (e.Reason == reasonStopping || !l.overdue(j)) {
		l.notTaken(j, err)
		return true, e.After
	}
	if hub.AsError(err).Class == hub.Rejected && !j.told { // too large: the requester is told so
		j.told, j.answer = true, hub.ErrorReply(&j.msg, hub.AsError(err))
		return l.give(j)
	}
	hub.RefuserOf(l.run.handler).Refused(hub.LateReply(&j.msg, "reply to topic "+j.reply.topic))
	l.run.env.Log.Warn("reply dropped, the requester is gone", "event", "late_reply", "topic", l.run.topic, "reply_topic", j.reply.topic,
		"message", j.msg.ID, "correlation", j.reply.request, "error", err)
	return false, 0
}

// refuse tells the hub of a record that gave no message: why, and where it lies. The record stays in its topic.
func (l *lanes) refuse(j *job) error {
	r, to := l.run, hub.RefuserOf(l.run.handler)
	why := hub.Fail(j.fault.Class, j.fault.Reason, "topic %s, partition %d, offset %d: %w", r.topic, j.part.id, j.offset, j.fault.Err)
	if !j.told {
		j.told = true
		r.env.Log.Error("record refused", "event", why.Reason, "topic", r.topic, "partition", j.part.id, "offset", j.offset, "error", why)
		to.Refused(hub.RefusalOf(&hub.Message{ID: r.id(j.part.id, j.offset)}, why))
	}
	return to.Kept(l.work)
}

// passedOver tells whether a failed record is not tried again: it is wrong and stays wrong. The hub keeps such as dead letters and says nil, so
// this is for what it can't even keep.
func (l *lanes) passedOver(j *job, err error) bool {
	e := hub.AsError(err)
	if e.Class != hub.Invalid && e.Class != hub.Rejected {
		l.notTaken(j, err)
		return false
	}
	l.run.env.Log.Error("record passed over", "topic", l.run.topic, "partition", j.part.id, "offset", j.offset, "class", e.Class, "reason", e.Reason, "error", err)
	return true
}

func (l *lanes) notTaken(j *job, err error) {
	l.run.env.Log.Debug("record not taken, tried again", "topic", l.run.topic, "partition", j.part.id, "offset", j.offset, "error", err)
}
