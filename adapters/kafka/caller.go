package kafka

import (
	"context"

	"orderhub/hub"
)

// Caller sends requests to a topic and waits for their replies (EIP Request-Reply).
type Caller struct {
	adapter *Adapter
	topic   string
	create  *Create
	form    form
}

var _ hub.Caller = (*Caller)(nil)

// Call sends the request once and waits for its reply until ctx ends. The first reply counts.
func (c *Caller) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	q := c.adapter.replies
	if ctx.Err() != nil {
		return nil, gaveUp(ctx, c.topic, "not sent")
	}
	if err := q.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, gaveUp(ctx, c.topic, "not sent")
		}
		return nil, away(classify(q.topic, err))
	}
	token, answer := q.expect()
	defer q.forget(token)
	p := c.request(ctx, m, token)
	if err := c.adapter.out.post(ctx, c.topic, c.create, p); err != nil {
		return nil, err
	}
	for confirmed := p.done; ; confirmed = nil {
		select {
		case reply := <-answer:
			return c.reply(m, reply)
		case err := <-confirmed:
			if err != nil {
				return nil, err
			}
		case <-ctx.Done():
			if confirmed != nil {
				return nil, c.adapter.out.abandon(ctx, p)
			}
			return nil, gaveUp(ctx, c.topic, "no reply")
		}
	}
}

func gaveUp(ctx context.Context, topic, what string) error {
	e := hub.AsError(ctx.Err())
	return hub.Fail(e.Class, e.Reason, "topic %s: %s: %w", topic, what, ctx.Err())
}

// request is the record of m with a Return Address. token is new at each attempt, so that the reply to an earlier one is not taken for this
// one's; the request expires when nobody waits for its reply any more.
func (c *Caller) request(ctx context.Context, m *hub.Message, token string) *parcel {
	ask := unaddressed(m)
	if at, ok := ctx.Deadline(); ok && (ask.Expires.IsZero() || at.Before(ask.Expires)) {
		ask.Expires = at
	}
	p := newParcel(ask, c.form)
	replies := c.adapter.replies.topic
	p.add(hub.HeaderReplyTo, replyPlace+replies)
	p.add(headerRequest, token)
	p.add(headerReplyTopic, replies)
	p.add(headerCorrelationID, token)
	p.measure()
	return p
}

func (c *Caller) reply(m, reply *hub.Message) (*hub.Message, error) {
	if err := hub.ReplyError(reply.Headers.Get, reply.Body.Bytes()); err != nil {
		return nil, err
	}
	out := *unaddressed(reply)
	out.Correlation = m.Correlation
	if out.ID == "" {
		out.ID = hub.DeriveID(m.ID, "reply")
	}
	return &out, nil
}
