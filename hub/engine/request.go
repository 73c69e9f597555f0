package engine

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// recordReply is the kind of the records that keep replies. A request that
// comes again, because its reply or its acknowledgement was lost, gets the kept one.
const recordReply = "reply"

// keepReply is how long a reply is kept: longer than any requester asks again.
const keepReply = 24 * time.Hour

// inside begins the Return Address of a request that this hub's store carries.
const inside = "hub:"

// asked tells that somebody waits for what becomes of m, so that its errors
// are told instead of stored.
func (s *Stage) asked(m *hub.Message) bool {
	return s.Answers || s.Replies && m.Headers[hub.HeaderReplyTo] != ""
}

// answer is what became of a request of this hub.
type answer struct {
	reply *hub.Message
	err   error
}

// Ask puts m into a queue of this hub and waits for the reply of whoever reads
// it (EIP Request-Reply), until ctx ends: then the request expires. A request
// with the ID of one that is answered already gets the same reply.
func (rt *Runtime) Ask(ctx context.Context, queue string, m *hub.Message) (*hub.Message, error) {
	ask, err := broker.Asking(ctx, rt.clock, m)
	if err != nil {
		return nil, err
	}
	token := hub.NewID(rt.clock.Now())
	ch, forget := rt.requests.Expect(token)
	defer forget()
	ask = ask.WithHeader(hub.HeaderReplyTo, inside+token)
	if err := rt.Commit(ctx, &hub.Unit{Puts: []hub.Put{{Queue: queue, Msg: ask}}, Root: m.Root(), Correlation: m.Correlation}); err != nil {
		return nil, err
	}
	defer aside(ctx)()
	if rt.manual {
		return rt.inline(ctx, queue, ch)
	}
	select {
	case a := <-ch:
		return a.reply, a.err
	case <-rt.halted: // who is asked may have stopped already: the message goes back, and asks again
		return nil, hub.Fail(hub.Unavailable, hub.ReasonStopping, "no reply: the hub is stopping")
	case <-ctx.Done():
		return nil, hub.GaveUp(ctx, "no reply")
	}
}

// answer gives what became of the stored request m to its requester. A second
// answer, and one that nobody waits for any more, is dropped and counted.
func (rt *Runtime) answer(m *hub.Message, a answer) {
	token, ok := strings.CutPrefix(m.Headers[hub.HeaderReplyTo], inside)
	if !ok || rt.requests.Answer(token, a) {
		return
	}
	if a.reply == nil { // the error is among what was refused already
		rt.late.Drop(rt.log, nil, m, "request", nil)
		return
	}
	rt.late.Drop(rt.log, rt.Refuser("channel"), a.reply, "request", nil)
}

// tell answers the stored request m of stage s, which failed with e: with the reply of the steps that reacted, nil: there is none.
func (rt *Runtime) tell(s *Stage, m *hub.Message, e *hub.Error, reply *hub.Message) {
	r := hub.RefusalOf(m, e)
	r.Within = true
	rt.Refuser(s.source()).Refused(r)
	a := answer{reply: reply}
	if reply == nil {
		a.err = e
	}
	rt.answer(m, a)
}

// nothing is the reply to a request that ended without one: it was filtered out.
func (rt *Runtime) nothing(m *hub.Message) *hub.Message {
	return &hub.Message{ID: hub.DeriveID(m.ID, "reply"), Time: rt.clock.Now(), Correlation: m.Correlation, Headers: hub.Headers{hub.HeaderStatus: "204"}}
}

// LateReplies counts the replies to requests of this hub that came when nobody waited any more.
func (rt *Runtime) LateReplies() uint64 { return rt.late.Count() }

// again settles request m, which was answered before with reply.
func (rt *Runtime) again(ctx context.Context, m *hub.Message, d *hub.Delivery, reply *hub.Message, err error) (out outcome, _ error) {
	if err != nil || d == nil {
		return settled, err
	}
	switch err := rt.Commit(ctx, &hub.Unit{Input: d, Root: m.Root(), Correlation: m.Correlation}); {
	case errors.Is(err, hub.ErrLost):
		out = lost
	case err != nil:
		return settled, err
	}
	rt.answer(m, answer{reply: reply})
	return out, nil
}

// kept is the reply that request m was given before; nil: none.
func (rt *Runtime) kept(ctx context.Context, s *Stage, m *hub.Message) (*hub.Message, error) {
	rec, err := rt.store.Get(ctx, recordReply, s.Name+" "+m.ID)
	if errors.Is(err, hub.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r keptReply
	if err := json.Unmarshal(rec.Value, &r); err != nil {
		return nil, hub.Fail(hub.Bug, "corrupt_record", "kept reply to %s: %w", m.ID, err)
	}
	return &hub.Message{ID: r.ID, Correlation: r.Correlation, Time: r.Time, Headers: r.Headers, Body: hub.NewBody(r.Body)}, nil
}

// keptReply is a reply as its record holds it.
type keptReply struct {
	ID, Correlation string
	Time            time.Time
	Headers         hub.Headers
	Body            []byte
}

// keep adds the unit's reply to the unit, so that it is there when the request comes again.
func (rt *Runtime) keep(s *Stage, u *hub.Unit, m *hub.Message) {
	r := u.Reply
	value, _ := json.Marshal(keptReply{r.ID, r.Correlation, r.Time, r.Headers, r.Body.Bytes()}) // texts, a time and bytes always can
	u.Writes = append(u.Writes, hub.Write{Kind: recordReply, Key: s.Name + " " + m.ID, Value: value, IfVersion: hub.AnyVersion, Expires: rt.clock.Now().Add(keepReply)})
}
