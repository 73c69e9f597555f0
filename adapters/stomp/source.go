package stomp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
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
	ctx     context.Context // of handlers and of what is settled: neither is cut short
	handler hub.Handler
	conn    *conn
	intake  *broker.Intake[*job]
	room    chan struct{} // as many as the server may hand over; more wait on the wire
	halt    chan struct{} // closed: nothing more is begun
}

// job is a delivery that is not settled yet.
type job struct {
	broker.Delivery
	f       *frame
	refused int // times that the server refused the reply
}

// replyTries is how often a reply is sent that the server refuses. The server does not tell which message it refuses.
const replyTries = 3

// steady is how long a connection must have lived for its loss to be no failure.
const steady = 5 * time.Second

const noSelector = "RabbitMQ has no selectors and would bring every message: leave selector out, and filter in the pipeline"

// Run hands messages over until ctx is done, and returns nil, or until the connection or the subscription is lost, and returns why. Then it begins
// no other message, and returns when those that were begun are settled and acknowledged. What was delivered and not begun goes back to the queue.
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
	r := s.begin(context.WithoutCancel(ctx), h, c)
	c.start(r.take)
	err = r.follow(ctx)
	close(r.halt)
	<-r.intake.Stop()
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

func (s *Source) begin(ctx context.Context, h hub.Handler, c *conn) *run {
	a := s.adapter
	r := &run{Source: s, ctx: ctx, handler: h, conn: c, room: make(chan struct{}, s.cfg.Prefetch), halt: make(chan struct{})}
	r.intake = &broker.Intake[*job]{Env: a.env, Handler: h, Work: ctx, Settler: r, About: []any{"destination", s.place.text}, Late: &a.late,
		Workers: s.cfg.Workers, Hold: a.cfg.Hold(), Longest: a.cfg.Longest()}
	r.intake.Start()
	return r
}

// connect opens a connection, after a pause that grows with the failures. There is a pause after every loss: the server
// needs it to take back what the lost connection had, so that older messages do not come behind later ones.
func (s *Source) connect(ctx context.Context) (c *conn, err error) {
	if n := s.failures.Load(); n > 0 {
		pauses := s.adapter.cfg.Reconnect.Retry()
		if !hub.Pause(ctx, s.adapter.env.Clock, pauses.Delay(int(n))) {
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
	f := newFrame(cmdSubscribe, headerDestination, r.place.text, "id", r.subscription(), headerAck, "client-individual",
		headerPrefetch, strconv.Itoa(r.cfg.Prefetch))
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

// take hands a delivery over. After the first that it leaves, since the
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
	j := &job{Delivery: broker.Delivery{Msg: m, ReplyTo: f.get(hub.HeaderReplyTo), Fault: err}, f: f}
	switch {
	case err != nil:
		j.Msg = &hub.Message{ID: f.get(r.cfg.IDHeader), Body: hub.NewBody(f.body)}
	case m.ID == "":
		m.ID = hub.NewID(env.Clock.Now())
		if !r.warned.Swap(true) {
			env.Log.Warn(fmt.Sprintf("a message without %s gets a new ID, and can't be recognised when it is delivered again", r.cfg.IDHeader),
				"event", "no_message_id", "destination", r.place.text)
		}
	}
	if err == nil {
		m.Key = keyOf(f, m, r.cfg.Key)
	}
	r.intake.Put(r.ctx, j)
}

// Done acknowledges a message.
func (r *run) Done(j *job) { r.settle(j, cmdAck) }

// Requeue gives a message back to the queue.
func (r *run) Requeue(j *job) { r.settle(j, cmdNack, "requeue", "true") }

// Refuse gives a message to the queue's dead letter exchange; without one it is gone, and the log tells of it.
func (r *run) Refuse(j *job, e *hub.Error) {
	r.adapter.env.Log.Error("message refused; it goes to the queue's dead letter exchange, if there is one",
		"event", e.Reason, "destination", r.place.text, "message", j.Msg.ID, "class", e.Class, "error", e.Error())
	r.settle(j, cmdNack, "requeue", "false")
}

// settle tells the server what became of a message. When the connection is lost before, the message comes again.
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

// Reply sends the answer to the request's Return Address.
func (r *run) Reply(ctx context.Context, j *job, answer *hub.Message) error {
	to := j.ReplyTo
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, tempQueue) {
		return hub.Fail(hub.Rejected, "return_address", "%.100q is no Return Address", to)
	}
	f, err := broker.Replying(j.Msg, answer, func(m *hub.Message) (*frame, error) {
		f := newFrame(cmdSend, headerDestination, to)
		return f, r.adapter.fill(f, m.WithHeader(hub.HeaderReplyTo, "").WithCorrelation(j.f.get(headerCorrelationID)))
	})
	if err == nil {
		err = r.adapter.publish(ctx, r.adapter.answers, f)
	}
	if _, said := errors.AsType[refusal](err); said {
		if j.refused++; j.refused == replyTries {
			return hub.Fail(hub.Rejected, "return_address", "the reply was refused %d times: %w", replyTries, err)
		}
	}
	return err
}
