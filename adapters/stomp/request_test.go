package stomp

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

// Hub to hub: one asks, another answers.
func TestHubAnswers(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("stock", nil)
	server, client := openAdapter(t, r.url, nil), openAdapter(t, r.url, func(c *Config) { c.Ops = map[string]string{"reserve": "/queue/" + q} })
	var requests hubtest.Seen
	hubtest.Feed(t, server.source("/queue/"+q, nil), hubtest.Replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		requests.Handle(ctx, m)
		switch string(m.Body.Bytes()) {
		case "bad":
			return nil, hub.Fail(hub.Invalid, "schema", "no sku").Tell()
		case "gone":
			return nil, hub.Fail("out_of_stock", "none", "no lamp left").Tell()
		case "bug":
			return nil, errors.New("secret detail")
		case "silent":
			return nil, nil
		case "large":
			return m.WithBody(hub.NewBody(make([]byte, 17<<20))), nil
		}
		return m.WithBody(hub.NewBody([]byte("for "+m.Correlation+" "+m.Key))).WithHeader(hub.HeaderStatus, "200"), nil
	}))
	stock := client.caller("reserve")
	reply, err := stock.Call(background(t), message1("1", "lamp").WithCorrelation("order-1").WithKey("k"))
	if err != nil || string(reply.Body.Bytes()) != "for order-1 k" || reply.Correlation != "order-1" || reply.Headers[hub.HeaderStatus] != "200" || reply.ID == "" {
		t.Fatalf("%v %+v", err, reply)
	}
	if m := requests.All()[0]; m.ID != "1" || m.Expires.IsZero() || !strings.HasPrefix(m.Headers[hub.HeaderReplyTo], replies) {
		t.Errorf("%+v", m)
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
	_, err = stock.Call(background(t), message1("6", "large"))
	hubtest.WantError(t, err, hub.Rejected, reasonBody)
	hubtest.Until(t, "requests stayed in the queue", func() bool { return r.depth(q) == 0 })
}

// Row 77: the first of two replies counts; a late one is dropped and told of.
func TestLateAndSecondReply(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("ask", nil)
	a := openAdapter(t, r.url, nil)
	caller := a.caller("/queue/" + q)
	call := func(id string, patience time.Duration) (chan *hub.Message, chan error) {
		got, failed := make(chan *hub.Message, 1), make(chan error, 1)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		t.Cleanup(cancel)
		go func() {
			m, err := caller.Call(ctx, message1(id, "{}"))
			got <- m
			failed <- err
		}()
		return got, failed
	}
	got, failed := call("1", 20*time.Second)
	d := r.get(q)
	if d.MessageId != "1" || d.Expiration == "" || d.ReplyTo == "" || d.CorrelationId == "" {
		t.Errorf("%+v", d)
	}
	for _, body := range []string{"first", "second"} {
		r.put(d.ReplyTo, amqp.Publishing{CorrelationId: d.CorrelationId, Body: []byte(body)})
	}
	if m, err := <-got, <-failed; err != nil || string(m.Body.Bytes()) != "first" {
		t.Fatal(m, err)
	}
	hubtest.Until(t, "the second reply was not counted", func() bool { return a.late.Count() == 1 })

	got, failed = call("2", 100*time.Millisecond)
	d = r.get(q)
	<-got
	hubtest.WantError(t, <-failed, hub.Timeout, "timeout")
	r.put(d.ReplyTo, amqp.Publishing{CorrelationId: d.CorrelationId, Body: []byte("late")})
	hubtest.Until(t, "the late reply was not counted", func() bool { return a.late.Count() == 2 })
	if n := strings.Count(a.log.String(), "event=late_reply"); n != 1 { // of one cause
		t.Error(a.log)
	}
	got, failed = call("2", 20*time.Second) // again, and not answered by the late one
	second := r.get(q)
	if second.CorrelationId == d.CorrelationId || second.MessageId != "2" {
		t.Error("the correlation-id is the same at the next attempt")
	}
	r.put(second.ReplyTo, amqp.Publishing{CorrelationId: second.CorrelationId, Body: []byte("in time")})
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
	caller := a.caller("/queue/" + q)
	failed := make(chan error, 1)
	go func() {
		_, err := caller.Call(background(t), message1("1", "{}"))
		failed <- err
	}()
	r.get(q)
	p.Cut()
	hubtest.WantError(t, <-failed, hub.Unavailable, reasonLost, "no reply", "/queue/"+q)
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("/queue/"+q, nil), hubtest.Replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) { return m, nil }))
	hubtest.Until(t, "calls did not go on", func() bool {
		_, err := caller.Call(background(t), message1("2", "{}"))
		return err == nil
	})
}

// Requesters that can't be answered: an address that nobody has, and one that the server refuses. None is asked for again, and
// none is in the way of the others.
func TestRequesterGone(t *testing.T) {
	r := newRabbit(t)
	q, answers := r.queue("q", nil), r.queue("answers", nil)
	a := openAdapter(t, r.url, nil)
	var n hubtest.Seen
	hubtest.Feed(t, a.source("/queue/"+q, nil), hubtest.Replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) { return m, n.Handle(ctx, m) }))
	for id, to := range map[string]string{"gone": r.name + ".gone", "refused": "/exchange/" + r.name + ".none/x"} {
		r.put(q, amqp.Publishing{MessageId: id, ReplyTo: to, CorrelationId: "c"})
	}
	hubtest.Until(t, "no log line", func() bool { return strings.Contains(a.log.String(), "event=late_reply") })
	if log := a.log.String(); !strings.Contains(log, "no exchange") {
		t.Error(log)
	}
	for range 5 {
		r.put(q, amqp.Publishing{MessageId: "good", ReplyTo: answers, CorrelationId: "c"})
		if d := r.get(answers); d.CorrelationId != "c" {
			t.Errorf("%+v", d)
		}
	}
	if n.Count("gone") != 1 || n.Count("refused") != 1 || r.depth(q) != 0 {
		t.Errorf("handled %d and %d, %d left", n.Count("gone"), n.Count("refused"), r.depth(q))
	}
}

// What is no Return Address is told in the log, and the request is settled.
func TestNoReturnAddress(t *testing.T) {
	s := newFake(t, func(conn *fakeConn, f *frame) bool {
		if f.command != cmdSubscribe {
			return false
		}
		conn.deliver(nil, header{headerID, "1"}, header{hub.HeaderReplyTo, "somebody"})
		conn.deliver(nil, header{headerID, "2"}, header{hub.HeaderReplyTo, "/temp-queue/mine"})
		return true
	})
	a := openAdapter(t, s.url, nil)
	hubtest.Feed(t, a.source("/queue/a", nil), hubtest.Replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) { return m, nil }))
	hubtest.Until(t, "not settled", func() bool { return len(s.got(cmdAck)) == 2 })
	if n := strings.Count(a.log.String(), "is no Return Address"); n != 1 || a.late.Count() != 2 || len(s.got(cmdSend)) != 0 {
		t.Error(a.log)
	}
}

// A hub that stops has no answer: the request goes back, and whoever takes it next answers.
func TestStoppingIsNoAnswer(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	stopping := openAdapter(t, r.url, nil)
	inside := make(chan struct{}, 100)
	stop := hubtest.Feed(t, stopping.source("/queue/"+q, nil), hubtest.Replier(func(context.Context, *hub.Message) (*hub.Message, error) {
		inside <- struct{}{}
		return nil, hub.Fail(hub.Unavailable, "stopping", "the hub is stopping")
	}))
	got := make(chan error, 1)
	go func() {
		_, err := openAdapter(t, r.url, nil).caller("/queue/"+q).Call(background(t), message1("1", "{}"))
		got <- err
	}()
	<-inside
	stop()
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("/queue/"+q, nil), hubtest.Replier(func(_ context.Context, m *hub.Message) (*hub.Message, error) { return m, nil }))
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// The reply is lost with the connection: the request comes again, and is answered then.
func TestReplyLost(t *testing.T) {
	r := newRabbit(t)
	q := r.queue("q", nil)
	p := newProxy(t, r.url)
	var n hubtest.Seen
	inside := make(chan struct{}, 8)
	hubtest.Feed(t, openAdapter(t, p.url, nil).source("/queue/"+q, nil), hubtest.Replier(func(ctx context.Context, m *hub.Message) (*hub.Message, error) {
		inside <- struct{}{}
		time.Sleep(50 * time.Millisecond)
		return m, n.Handle(ctx, m)
	}))
	got := make(chan error, 1)
	go func() {
		_, err := openAdapter(t, r.url, nil).caller("/queue/"+q).Call(background(t), message1("1", "{}"))
		got <- err
	}()
	<-inside
	p.Cut()
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// A pipeline that does not reply, and a handler that can't: the request is a message like others.
func TestRequestToNobody(t *testing.T) {
	r := newRabbit(t)
	q, answers := r.queue("q", nil), r.queue("answers", nil)
	var got hubtest.Seen
	hubtest.Feed(t, openAdapter(t, r.url, nil).source("/queue/"+q, nil), &got)
	r.put(q, amqp.Publishing{MessageId: "1", ReplyTo: answers, CorrelationId: "c"})
	if m := got.First(t); m.Headers[hub.HeaderReplyTo] != replies+answers {
		t.Errorf("%+v", m)
	}
	hubtest.Until(t, "it stayed", func() bool { return r.depth(q) == 0 })
	if r.depth(answers) != 0 {
		t.Error("somebody answered")
	}
}
