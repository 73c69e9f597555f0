package stomp

import (
	"context"
	"time"

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
	switch {
	case j.refused != nil:
		return r.refuseFrame(j)
	case j.spent:
		r.requeue(j)
		return 0
	}
	reply, err := r.ask(j)
	if err == nil {
		r.failed.Store(0)
		if j.replyTo != "" && !r.answer(j, reply) {
			return 0 // the request comes again
		}
		r.settle(j, cmdAck)
		return 0
	}
	e := hub.AsError(err)
	if j.final(e) {
		if j.replyTo == "" || r.answer(j, hub.ErrorReply(j.m, e)) {
			r.refuse(j, err)
		}
		return 0
	}
	return r.later(j, e)
}

// final tells that another try can't help. A request is then answered with the
// error; without one, a fault of ours may heal. What was interrupted since the
// hub stops goes back to the queue.
func (j *job) final(e *hub.Error) bool {
	switch {
	case e.Reason == "stopping":
		return false
	case j.replyTo != "":
		return !e.Class.Transient()
	}
	return e.Class == hub.Invalid || e.Class == hub.Rejected
}

// later tells when the job is tried again.
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
func (r *run) requeue(j *job) { r.settle(j, cmdNack, "requeue", "true") }

// refuseFrame refuses a frame that gives no message, once the hub has it among what was refused.
func (r *run) refuseFrame(j *job) (again time.Duration) {
	to := hub.RefuserOf(r.handler)
	if !j.spent {
		j.spent = true // told once
		to.Refused(hub.RefusalOf(j.m, j.refused))
	}
	if err := to.Kept(r.work); err != nil {
		return pauses.Delay(1)
	}
	r.refuse(j, j.refused)
	return 0
}

// refuse gives a message to the queue's dead letter exchange; without one it is gone, and the log tells of it.
func (r *run) refuse(j *job, err error) {
	e := hub.AsError(err)
	r.adapter.env.Log.Error("message refused; it goes to the queue's dead letter exchange, if there is one",
		"event", e.Reason, "destination", r.place.text, "message", j.m.ID, "class", e.Class, "error", e.Error())
	r.settle(j, cmdNack, "requeue", "false")
}

// settle tells the server what became of a message. When the connection is
// lost before, the message comes again.
func (r *run) settle(j *job, command string, headers ...string) {
	f := newFrame(command, headers...)
	if r.conn.version == v12 {
		f.add("id", j.f.get(headerAck))
	} else {
		f.add(headerMessageID, j.f.get(headerMessageID))
		f.add(headerSubscription, r.subscription())
	}
	r.conn.settle(f)
	<-r.room
}
