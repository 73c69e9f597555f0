package amqp

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func (o *opened) caller(op string) hub.Caller {
	o.t.Helper()
	c, err := o.OpenCaller(op)
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

// Hub to hub: one asks, another answers.
func TestHubAnswers(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("stock", nil)
	server, client := openAdapter(t, r.url, nil), openAdapter(t, r.url, nil)
	hubtest.Feed(t, server.source("queue "+q, nil), hubtest.Replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) {
		switch string(m.Body.Bytes()) {
		case "bad":
			return nil, hub.Fail(hub.Invalid, "schema", "no sku").Tell()
		case "gone":
			return nil, hub.Fail("out_of_stock", "none", "no lamp left").Tell()
		case "bug":
			return nil, errors.New("secret detail")
		case "silent":
			return nil, nil
		}
		return m.WithBody(hub.NewBody([]byte("for "+m.Correlation))).WithHeader(hub.HeaderStatus, "200"), nil
	}))
	stock := client.caller("queue " + q)
	reply, err := stock.Call(background(t), message1("1", "lamp").WithCorrelation("order-1"))
	if err != nil || string(reply.Body.Bytes()) != "for order-1" || reply.Correlation != "order-1" || reply.Headers[hub.HeaderStatus] != "200" {
		t.Fatalf("%v %+v", err, reply)
	}
	_, err = stock.Call(background(t), message1("2", "bad"))
	hubtest.WantError(t, err, hub.Invalid, "schema", "no sku")
	_, err = stock.Call(background(t), message1("3", "gone"))
	hubtest.WantError(t, err, "out_of_stock", "none", "no lamp left")
	_, err = stock.Call(background(t), message1("4", "bug"))
	if e := hubtest.WantError(t, err, hub.Bug, "bug", "internal error"); strings.Contains(e.Error(), "secret") {
		t.Error(e)
	}
	short, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err = stock.Call(short, message1("5", "silent"))
	hubtest.WantError(t, err, hub.Timeout, "timeout", "no reply")
	x := r.exchange("x", fanout)
	_, err = client.caller("exchange "+x).Call(background(t), message1("6", "x"))
	hubtest.WantError(t, err, hub.Rejected, "unroutable", "exchange "+x)
}

// Row 77: the first of two replies counts; a late one is dropped and told of.
func TestLateAndSecondReply(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("ask", nil)
	a := openAdapter(t, r.url, func(c *Config) { c.Ops = map[string]string{"ask": "queue " + q} })
	call := func(id string, patience time.Duration) (chan *hub.Message, chan error) {
		got, failed := make(chan *hub.Message, 1), make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		t.Cleanup(cancel)
		go func() {
			m, err := a.caller("ask").Call(ctx, message1(id, "{}"))
			got <- m
			failed <- err
		}()
		return got, failed
	}
	got, failed := call("1", 20*time.Second)
	d := r.get(q)
	if d.MessageId != "1" || d.Expiration == "" || !strings.HasPrefix(d.ReplyTo, directReplyTo) {
		t.Errorf("%+v", d)
	}
	for _, body := range []string{"first", "second"} {
		r.put("", d.ReplyTo, amqp.Publishing{CorrelationId: d.CorrelationId, Body: []byte(body)})
	}
	if m, err := <-got, <-failed; err != nil || string(m.Body.Bytes()) != "first" {
		t.Fatal(m, err)
	}
	hubtest.Until(t, "the second reply was not counted", func() bool { return a.late.Count() == 1 })

	got, failed = call("2", 100*time.Millisecond)
	d = r.get(q)
	<-got
	hubtest.WantError(t, <-failed, hub.Timeout, "timeout")
	r.put("", d.ReplyTo, amqp.Publishing{CorrelationId: d.CorrelationId, Body: []byte("late")})
	hubtest.Until(t, "the late reply was not counted", func() bool { return a.late.Count() == 2 })
	if !strings.Contains(a.log.String(), "event=late_reply") {
		t.Error(a.log)
	}
	got, failed = call("2", 20*time.Second) // again, and not answered by the late one
	second := r.get(q)
	if second.CorrelationId == d.CorrelationId || second.MessageId != "2" {
		t.Error("the correlation-id is the same at the next attempt")
	}
	r.put("", second.ReplyTo, amqp.Publishing{CorrelationId: second.CorrelationId, Body: []byte("in time")})
	if m, err := <-got, <-failed; err != nil || string(m.Body.Bytes()) != "in time" {
		t.Fatal(m, err)
	}
}

// A call whose connection is lost fails at once, and the next one goes over a new connection.
func TestCallLosesConnection(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("ask", nil)
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	failed := make(chan error, 1)
	go func() {
		_, err := a.caller("queue "+q).Call(background(t), message1("1", "{}"))
		failed <- err
	}()
	r.get(q)
	p.Cut()
	hubtest.WantError(t, <-failed, hub.Unavailable, reasonLost)
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("queue "+q, nil), hubtest.Replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) { return m, nil }))
	hubtest.Until(t, "calls did not go on", func() bool {
		_, err := a.caller("queue "+q).Call(background(t), message1("2", "{}"))
		return err == nil
	})
}

// A reply to somebody who is gone is dropped, and the request is not handled again.
func TestRequesterGone(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	a := openAdapter(t, r.url, nil)
	var n hubtest.Seen
	hubtest.Feed(t, a.source("queue "+q, nil), hubtest.Replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) { return m, n.Handle(ctx, m) }))
	r.put("", q, amqp.Publishing{MessageId: "1", ReplyTo: r.name + ".gone", CorrelationId: "c"})
	hubtest.Until(t, "no log line", func() bool { return strings.Contains(a.log.String(), "event=late_reply") })
	time.Sleep(50 * time.Millisecond)
	if n.Count("1") != 1 || r.depth(q) != 0 {
		t.Errorf("handled %d times, %d left", n.Count("1"), r.depth(q))
	}
}

// What becomes of a request whose pipeline fails. The answers' queue is the requester's.
func TestRequestFails(t *testing.T) {
	t.Parallel()
	r := newRabbit(t)
	for _, key := range []string{"", "k"} {
		t.Run("key "+key, func(t *testing.T) {
			q, answers := r.queue("q"+key, nil), r.queue("answers"+key, nil)
			a := openAdapter(t, r.url, nil)
			var n hubtest.Seen
			hubtest.Feed(t, a.source("queue "+q, func(c *SourceConfig) { c.Key = "the-key" }), hubtest.Replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
				if !m.Expires.IsZero() && time.Now().After(m.Expires) {
					return nil, nil // as the hub does: nobody waits any more
				}
				n.Handle(ctx, m)
				switch {
				case m.ID == "for a time" && n.Count(m.ID) < 3:
					return nil, hub.Fail(hub.Unavailable, "test", "not now")
				case m.ID == "never":
					return nil, hub.Fail(hub.Timeout, "test", "not in time")
				case m.ID == "for good":
					return nil, hub.Fail(hub.Rejected, "sold_out", "no lamp left").Tell()
				case m.ID == "fault":
					return nil, errors.New("disk on fire")
				}
				return m.WithBody(hub.NewBody([]byte("answer"))), nil
			}))
			ask := func(id, ttl string) {
				r.put("", q, amqp.Publishing{MessageId: id, CorrelationId: "c " + id, ReplyTo: answers, Expiration: ttl, Headers: amqp.Table{"the-key": key}})
			}
			ask("for a time", "15000")
			if d := r.get(answers); d.CorrelationId != "c for a time" || string(d.Body) != "answer" || n.Count("for a time") != 3 {
				t.Errorf("%+v after %d tries", d, n.Count("for a time"))
			}
			ask("for good", "15000")
			if d := r.get(answers); d.CorrelationId != "c for good" || d.Headers[hub.HeaderErrorClass] != "rejected" || d.Headers[hub.HeaderErrorReason] != "sold_out" || d.Headers["status"] != "409" {
				t.Errorf("%+v", d)
			}
			ask("fault", "15000")
			if d := r.get(answers); d.CorrelationId != "c fault" || d.Headers[hub.HeaderErrorClass] != "bug" || strings.Contains(string(d.Body), "fire") {
				t.Errorf("%+v", d)
			}
			ask("never", "600")
			hubtest.Until(t, "it was tried once only", func() bool { return n.Count("never") > 1 })
			ask("after", "15000") // of the same key: it comes when the request before it has expired
			if d := r.get(answers); d.CorrelationId != "c after" {
				t.Errorf("%+v", d)
			}
			hubtest.Until(t, "a request was left", func() bool { return r.depth(q) == 0 })
			if n.Count("for good") != 1 || n.Count("fault") != 1 {
				t.Error("what has failed for good was tried again")
			}
		})
	}
}

// A request that is interrupted, since the hub stops, is not answered: another hub, or this one when it is back, takes it.
func TestRequestWhileStopping(t *testing.T) {
	r := newRabbit(t)
	q, answers := r.queue("q", nil), r.queue("answers", nil)
	a := openAdapter(t, r.url, nil)
	inside := make(chan struct{})
	stop := hubtest.Feed(t, a.source("queue "+q, nil), hubtest.Replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		close(inside)
		return nil, &hub.Error{Class: hub.Bug, Reason: "stopping", Err: context.Canceled}
	}))
	r.put("", q, amqp.Publishing{MessageId: "1", CorrelationId: "c", ReplyTo: answers})
	<-inside
	stop()
	hubtest.Until(t, "it did not go back", func() bool { return r.depth(q) == 1 })
	if n := r.depth(answers); n != 0 {
		t.Fatalf("%d answers", n)
	}
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("queue "+q, nil), hubtest.Replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) { return m, nil }))
	if d := r.get(answers); d.CorrelationId != "c" || d.Headers[hub.HeaderErrorClass] != nil {
		t.Errorf("%+v", d)
	}
}

// A request whose reply, or whose acknowledgement, was lost with the connection comes again, and is answered again.
func TestRequestComesAgain(t *testing.T) {
	r := newRabbit(t)
	q, answers := r.queue("q", nil), r.queue("answers", nil)
	p := newProxy(t, r.url)
	a := openAdapter(t, p.url, nil)
	var n hubtest.Seen
	hubtest.Feed(t, a.source("queue "+q, nil), hubtest.Replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		n.Handle(ctx, m)
		if n.Count(m.ID) == 1 {
			p.Cut() // the hub has committed the reply
		}
		return &hub.Message{ID: m.ID + "/reply", Time: time.Now(), Body: hub.NewBody([]byte("the reply that was kept"))}, nil
	}))
	r.put("", q, amqp.Publishing{MessageId: "1", CorrelationId: "c", ReplyTo: answers})
	if d := r.get(answers); d.CorrelationId != "c" || d.MessageId != "1/reply" || string(d.Body) != "the reply that was kept" {
		t.Errorf("%+v", d)
	}
	hubtest.Until(t, "it did not come again", func() bool { return n.Count("1") == 2 })
	hubtest.Until(t, "it was not acknowledged", func() bool { return p.acks.Load() == 1 && r.depth(q) == 0 })
}
