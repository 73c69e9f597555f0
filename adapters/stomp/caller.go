package stomp

import (
	"context"
	"sync"
	"time"

	"orderhub/hub"
)

// Caller sends requests to one destination and waits for their replies (EIP
// Request-Reply). Replies come to a temporary queue of its connection, which
// RabbitMQ makes when it sees it as reply-to.
type Caller struct {
	adapter *Adapter
	place   place
	keep    *keeper

	mu      sync.Mutex
	waiting map[string]chan *frame // by correlation-id
}

var _ hub.Caller = (*Caller)(nil)

func newCaller(a *Adapter, p place) *Caller {
	c := &Caller{adapter: a, place: p, waiting: map[string]chan *frame{}}
	c.keep = a.keep(func(ctx context.Context) (*conn, error) {
		conn, err := a.dial(ctx)
		if err == nil {
			conn.start(c.replied)
		}
		return conn, err
	})
	return c
}

// replied gives a reply to its call. A second one, and one whose call is over, is dropped.
func (c *Caller) replied(f *frame) {
	id := f.get(headerCorrelationID)
	c.mu.Lock()
	answer := c.waiting[id]
	delete(c.waiting, id)
	c.mu.Unlock()
	if answer != nil {
		answer <- f
		return
	}
	c.adapter.late.Add(1)
	c.adapter.env.Refused(hub.LateReply(&hub.Message{ID: f.get(headerID), Correlation: id, Body: hub.NewBody(f.body)}, c.place.text))
	c.adapter.env.Log.Warn("reply dropped: nobody waits for it any more", "event", "late_reply",
		"destination", c.place.text, "correlation", id, "message", f.get(headerID))
}

// Call sends the request once and waits for its reply until ctx ends. The first reply counts.
func (c *Caller) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	reply, err := c.call(ctx, m)
	return reply, named(c.adapter, c.place, err)
}

func (c *Caller) call(ctx context.Context, m *hub.Message) (*hub.Message, error) {
	if ctx.Err() != nil {
		return nil, gaveUp(ctx, "not sent")
	}
	if !m.Expires.IsZero() && !m.Expires.After(c.adapter.env.Clock.Now()) {
		return nil, hub.NoReply(m)
	}
	id := hub.NewID(c.adapter.env.Clock.Now())
	f, err := c.adapter.sending(c.place, c.request(ctx, m, id))
	if err != nil {
		return nil, err
	}
	f.add(hub.HeaderReplyTo, tempQueue+"hub")
	if m.Correlation != "" {
		f.add(headerCorrelation, m.Correlation)
	}
	conn, err := c.keep.get(ctx)
	if err != nil {
		return nil, err
	}
	answer := make(chan *frame, 1)
	c.expect(id, answer)
	defer c.expect(id, nil)
	if err := conn.post(ctx, f, nil); err != nil {
		return nil, err
	}
	select {
	case d := <-answer:
		return c.reply(m, d)
	case <-conn.gone:
	case <-ctx.Done():
		return nil, gaveUp(ctx, "no reply")
	}
	select {
	case d := <-answer: // just before
		return c.reply(m, d)
	default:
		return nil, conn.lostWith("no reply")
	}
}

func (c *Caller) expect(id string, answer chan *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer == nil {
		delete(c.waiting, id)
		return
	}
	c.waiting[id] = answer
}

// request is m with the correlation-id id. That is new at each attempt, so that the reply to an earlier one is not taken
// for this one's; it expires when nobody waits for its reply any more.
func (c *Caller) request(ctx context.Context, m *hub.Message, id string) *hub.Message {
	q := m.WithHeader(hub.HeaderReplyTo, "").WithCorrelation(id)
	if at, ok := ctx.Deadline(); ok {
		if at = c.adapter.env.Clock.Now().Add(max(time.Millisecond, time.Until(at))); q.Expires.IsZero() || at.Before(q.Expires) {
			q.Expires = at
		}
	}
	return q
}

func (c *Caller) reply(m *hub.Message, f *frame) (*hub.Message, error) {
	if err := hub.ReplyError(f.get, f.body); err != nil {
		return nil, err
	}
	reply, err := message(f, headerID, c.adapter.env.Clock.Now())
	if err != nil {
		return nil, hub.Fail(hub.Rejected, "bad_response", "the reply is refused: %w", err)
	}
	if reply.ID == "" {
		reply.ID = hub.DeriveID(m.ID, "reply")
	}
	reply.Correlation = m.Correlation
	return reply, nil
}
