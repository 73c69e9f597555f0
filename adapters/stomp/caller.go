package stomp

import (
	"context"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// Caller sends requests to one destination and waits for their replies (EIP Request-Reply). Replies come to a temporary
// queue of its connection, which RabbitMQ creates when it finds one as reply-to.
type Caller struct {
	adapter  *Adapter
	place    place
	keep     *broker.Keeper[*conn]
	requests broker.Requests[*frame]
}

var _ hub.Caller = (*Caller)(nil)

// replied passes a reply to its call. It drops a second reply, and a reply whose call is over.
func (c *Caller) replied(f *frame) {
	if id := f.get(headerCorrelationID); !c.requests.Answer(id, f) {
		m := &hub.Message{ID: f.get(headerID), Correlation: id, Body: hub.NewBody(f.body)}
		c.adapter.late.Drop(c.adapter.env.Log, c.adapter.env.Refuser, m, c.place.text, nil)
	}
}

// Call sends the request once and waits for its reply until ctx ends. The first reply counts.
func (c *Caller) Call(ctx context.Context, m *hub.Message) (_ *hub.Message, err error) {
	defer func() { err = named(c.adapter, c.place, err) }()
	ask, err := broker.Asking(ctx, c.adapter.env.Clock, m)
	if err != nil {
		return nil, err
	}
	id := hub.NewID(c.adapter.env.Clock.Now()) // new at each attempt
	f, err := c.adapter.sending(c.place, ask.WithHeader(hub.HeaderReplyTo, "").WithCorrelation(id))
	if err != nil {
		return nil, err
	}
	f.add(hub.HeaderReplyTo, tempQueue+"hub")
	if m.Correlation != "" {
		f.add(headerCorrelation, m.Correlation)
	}
	conn, err := c.keep.Get(ctx)
	if err != nil {
		return nil, err
	}
	answer, forget := c.requests.Expect(id)
	defer forget()
	if err := conn.post(ctx, f, nil); err != nil {
		return nil, err
	}
	select {
	case d := <-answer:
		return c.reply(m, d)
	case <-conn.gone:
	case <-ctx.Done():
		return nil, hub.GaveUp(ctx, "no reply")
	}
	select {
	case d := <-answer: // just before
		return c.reply(m, d)
	default:
		return nil, hub.About("no reply", conn.lost())
	}
}

func (c *Caller) reply(m *hub.Message, f *frame) (*hub.Message, error) {
	reply, err := message(f, headerID, c.adapter.env.Clock.Now())
	return broker.Reply(m, reply, err)
}
