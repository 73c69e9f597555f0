package stomp

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"orderhub/hub"
)

// Source brings the messages of one destination.
type Source struct {
	adapter  *Adapter
	place    place
	cfg      SourceConfig
	failures atomic.Int64 // connections in a row that failed or were soon lost
	warned   atomic.Bool  // of messages without an ID
	told     atomic.Bool  // that messages are lost while nobody reads
}

var _ hub.Source = (*Source)(nil)

// run is one Run of a source.
type run struct {
	*Source
	work    context.Context // what handlers get: their work is not cut short
	handler hub.Handler
	conn    *conn
	lanes   *lanes
	room    chan struct{} // as many as the server may hand over; more wait on the wire
	halt    chan struct{} // closed: nothing more is begun
	failed  atomic.Int64  // failures in a row
}

const noSelector = "RabbitMQ has no selectors and would bring every message: leave selector out, and filter in the pipeline"

// Run hands over messages until ctx is done (nil) or the connection or the
// subscription is lost (the error). Then it begins no other, and returns when
// those at work are settled and acknowledged. What was delivered and not begun
// goes back to the queue.
func (s *Source) Run(ctx context.Context, h hub.Handler) error {
	c, err := s.connect(ctx)
	if ctx.Err() != nil {
		if err == nil {
			c.close()
		}
		return nil
	}
	if err != nil {
		return named(s.adapter, s.place, err)
	}
	began := s.adapter.env.Clock.Now()
	r := &run{Source: s, work: context.WithoutCancel(ctx), handler: h, conn: c, room: make(chan struct{}, s.cfg.Prefetch), halt: make(chan struct{})}
	r.lanes = newLanes(s.adapter.env.Clock, s.cfg.Workers, r.handle, r.requeue)
	c.start(r.take)
	back, end := context.WithCancel(r.work)
	var handing sync.WaitGroup
	handing.Go(func() { r.handBack(back) })
	err = r.follow(ctx)
	end()
	handing.Wait()
	close(r.halt)
	r.lanes.stop()
	if ctx.Err() != nil && c.alive() { // RabbitMQ takes no acknowledgement after UNSUBSCRIBE: all are sent by now
		c.leave(newFrame(cmdUnsubscribe, "id", s.subscription()))
		s.failures.Store(0)
		return nil
	}
	c.close()
	if s.adapter.env.Clock.Now().Sub(began) > steady {
		s.failures.Store(0)
	}
	s.failures.Add(1)
	return named(s.adapter, s.place, err)
}

// connect opens a connection, after a pause that grows with the failures. One
// comes after every loss: in it the server takes back what the lost connection
// had, so that this does not come behind what is later.
func (s *Source) connect(ctx context.Context) (c *conn, err error) {
	if n := s.failures.Load(); n > 0 {
		pauses := hub.Retry{Min: s.adapter.cfg.Reconnect.Min, Max: s.adapter.cfg.Reconnect.Max}
		if !pause(ctx, s.adapter.env.Clock, pauses.Delay(int(min(n, 30)))) {
			return nil, ctx.Err()
		}
	}
	c, err = s.adapter.dial(ctx)
	switch {
	case err != nil:
	case c.version == v10:
		err = hub.Fail(hub.Unavailable, reasonProtocol, "the server speaks STOMP 1.0 alone, which can't refuse a message: 1.1 is needed")
	case s.cfg.Selector != "" && c.rabbit():
		err = hub.Fail(hub.Unavailable, reasonTopology, noSelector)
	default:
		return c, nil
	}
	if c != nil {
		c.close()
	}
	s.failures.Add(1)
	return nil, err
}

// follow subscribes, and returns why it ended; nil: ctx is done.
func (r *run) follow(ctx context.Context) error {
	f := newFrame(cmdSubscribe, headerDestination, r.place.text, "id", r.subscription(), headerAck, "client-individual", headerPrefetch, strconv.Itoa(r.cfg.Prefetch))
	if r.cfg.Selector != "" {
		f.add("selector", r.cfg.Selector)
	}
	if r.cfg.Durable {
		f.add("durable", "true")
		f.add("auto-delete", "false")
	} else if !r.place.queue() && !r.told.Swap(true) {
		r.adapter.env.Log.Warn("messages are lost while nobody reads, and when the connection is lost: write durable: true and id:",
			"event", "not_durable", "destination", r.place.text)
	}
	f.headers = append(f.headers, r.cfg.headers()...)
	if err := r.conn.post(ctx, f, nil); err != nil && ctx.Err() == nil {
		return err
	}
	hub.Reads(r.handler, nil)
	select {
	case <-ctx.Done():
		return nil
	case <-r.conn.gone:
		return r.conn.lost()
	}
}

// subscription is the name of the subscription on its connection.
func (s *Source) subscription() string {
	if s.cfg.ID != "" {
		return s.cfg.ID
	}
	return "hub"
}

// take puts a delivery in its lane. After the first that it leaves, since the
// run or the connection is over, it leaves all: a later one may not go before.
func (r *run) take(f *frame) {
	select {
	case <-r.halt:
		return
	case <-r.conn.gone:
		return
	default:
	}
	select {
	case r.room <- struct{}{}:
	case <-r.halt:
		return
	case <-r.conn.gone:
		return
	}
	env := r.adapter.env
	if f.get(headerMessageID) == "" || r.conn.version == v12 && f.get(headerAck) == "" {
		r.conn.end(broken("a MESSAGE that can't be acknowledged: message-id or ack is missing"))
		return
	}
	m, err := message(f, r.cfg.IDHeader, env.Clock.Now())
	if n, e := strconv.Atoi(f.get("x-delivery-count")); err == nil && e == nil && r.cfg.MaxDeliveries > 0 && n > r.cfg.MaxDeliveries {
		err = hub.Fail(hub.Rejected, "poison", "it was delivered %d times and never taken", n)
	}
	if err != nil {
		r.lanes.add(&job{f: f, m: &hub.Message{ID: f.get(r.cfg.IDHeader), Body: hub.NewBody(f.body)}, refused: err})
		return
	}
	if m.ID == "" {
		m.ID = hub.NewID(env.Clock.Now())
		if !r.warned.Swap(true) {
			env.Log.Warn(fmt.Sprintf("a message without %s gets a new ID, and can't be recognised when it is delivered again", r.cfg.IDHeader),
				"event", "no_message_id", "destination", r.place.text)
		}
	}
	m.Key = keyOf(f, m, r.cfg.Key)
	r.lanes.add(&job{f: f, m: m, came: env.Clock.Now(), replyTo: f.get(hub.HeaderReplyTo)})
}
