package amqp

import (
	"context"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// queueFar is a queue of the real server, before a source. Its connection goes through a proxy that can cut it.
type queueFar struct {
	r     *rabbit
	queue string
	proxy *proxy
	args  amqp.Table
	ch    *hub.Carried // the queue is a channel's
}

func (f *queueFar) Open(t *testing.T) hub.Source {
	f.proxy = newProxy(t, f.r.url)
	if f.ch != nil {
		return openAdapter(t, f.proxy.url, nil).carrySource(*f.ch, hub.Subscription{Hub: "h", Pipeline: "p", Lanes: 4})
	}
	return openAdapter(t, f.proxy.url, nil).source("queue "+f.queue, func(c *SourceConfig) {
		c.Key, c.Workers = "the-key", 4
		if f.args != nil {
			c.QueueType = quorum
		}
	})
}

func (f *queueFar) Put(t *testing.T, m *hub.Message) {
	h := amqp.Table{"the-key": m.Key, "hub-key": m.Key}
	for k, v := range m.Headers {
		h[k] = v
	}
	f.r.put("", f.queue, amqp.Publishing{MessageId: m.ID, Timestamp: m.Time, ContentType: m.Headers[hub.HeaderContentType], Headers: h, Body: m.Body.Bytes()})
}

// Acked counts what is neither ready nor in somebody's hands. A queue tells the latter only to who asks its management; so the
// source's own acknowledgements are counted on their way, by the proxy.
func (f *queueFar) Acked(t *testing.T) int   { return int(f.proxy.acks.Load()) }
func (f *queueFar) Refused(t *testing.T) int { return 0 }
func (f *queueFar) Cut(t *testing.T)         { f.proxy.Cut() }

func TestSourceContract(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    amqp.Table
		carried bool
	}{{"classic", nil, false}, {"quorum", amqp.Table{"x-queue-type": "quorum"}, false}, {"channel", nil, true}} {
		t.Run(c.name, func(t *testing.T) {
			f := hubtest.Features{Redelivers: true, Cut: true, Ordered: true, Workers: 4, Headers: []string{"content-type", "idempotency-key", "traceparent", "x-own"}}
			hubtest.Source(t, f, func(t *testing.T) hubtest.SourceFar {
				r := newRabbit(t)
				far := &queueFar{r: r, queue: r.queue("in", c.args), args: c.args}
				if c.carried {
					far.ch = &hub.Carried{Name: far.queue, Type: direct}
				}
				return far
			})
		})
	}
}

// targetFar is a queue of the real server, behind a target.
type targetFar struct {
	r       *rabbit
	queue   string
	carried bool
	proxy   *proxy
	got     []*hub.Message
	adapter *opened
}

func (f *targetFar) Open(t *testing.T) hub.Target {
	f.proxy = newProxy(t, f.r.url)
	f.adapter = openAdapter(t, f.proxy.url, nil)
	if f.carried {
		return f.adapter.carryTarget(hub.Carried{Name: f.name(), Type: fanout})
	}
	return f.adapter.target("exchange " + f.name())
}

func (f *targetFar) name() string { return f.r.name + ".x" }

func (f *targetFar) Got(t *testing.T) []*hub.Message {
	for {
		d, ok, err := f.r.ch.Get(f.queue, true)
		f.r.ok(err)
		if !ok {
			return f.got
		}
		m, err := message(&d, time.Now(), f.carried)
		f.r.ok(err)
		f.got = append(f.got, m)
	}
}

// Break makes the exchange lead nowhere (rejected), takes the server away (unavailable), or makes it say that it is full (throttled).
func (f *targetFar) Break(t *testing.T, c hub.Class) {
	switch c {
	case hub.Rejected:
		f.r.ok(f.r.ch.QueueUnbind(f.queue, "", f.name(), nil))
	case hub.Unavailable:
		f.proxy.Down(true)
	case hub.Throttled:
		s, err := f.adapter.out.Get(context.Background())
		f.r.ok(err)
		why := "low on memory"
		s.blocked.Store(&why)
	}
}

func (f *targetFar) Heal(t *testing.T) {
	f.r.ok(f.r.ch.QueueBind(f.queue, "", f.name(), false, nil))
	f.proxy.Down(false)
	time.Sleep(100 * time.Millisecond) // the pause before the next try to connect
	if s, err := f.adapter.out.Get(context.Background()); err == nil {
		s.blocked.Store(nil)
	}
}

func TestTargetContract(t *testing.T) {
	f := hubtest.Features{Headers: []string{"content-type", "idempotency-key", "traceparent"}, Classes: []hub.Class{hub.Rejected, hub.Unavailable, hub.Throttled}}
	far := func(carried bool) func(t *testing.T) hubtest.TargetFar {
		return func(t *testing.T) hubtest.TargetFar {
			r := newRabbit(t)
			far := &targetFar{r: r, queue: r.queue("out", nil), carried: carried}
			r.exchange("x", fanout)
			r.ok(r.ch.QueueBind(far.queue, "", far.name(), false, nil))
			return far
		}
	}
	hubtest.Target(t, f, far(false))
	t.Run("channel", func(t *testing.T) {
		f.Classes = []hub.Class{hub.Unavailable, hub.Throttled} // one that leads nowhere has no reader, and that is no error
		hubtest.Target(t, f, far(true))
	})
}

// serviceFar answers requests as a client that is not a hub does, but for errors, of which a hub says the class.
type serviceFar struct {
	r       *rabbit
	queue   string
	carried bool
	wg      sync.WaitGroup
}

func (f *serviceFar) Open(t *testing.T) hub.Caller {
	if f.carried {
		return openAdapter(t, f.r.url, nil).carryCaller(hub.Carried{Name: f.queue, Type: direct})
	}
	a := openAdapter(t, f.r.url, func(c *Config) { c.Ops = map[string]string{"ask": "queue " + f.queue} })
	caller, err := a.OpenCaller("ask")
	f.r.ok(err)
	return caller
}

func (f *serviceFar) Serve(t *testing.T, answer func(*hub.Message) (*hub.Message, error)) {
	conn, err := amqp.Dial(f.r.url)
	f.r.ok(err)
	ch, err := conn.Channel()
	f.r.ok(err)
	requests, err := ch.Consume(f.queue, "", true, false, false, false, nil)
	f.r.ok(err)
	t.Cleanup(func() { conn.Close(); f.wg.Wait() })
	f.wg.Go(func() {
		for d := range requests {
			f.wg.Go(func() {
				m, _ := message(&d, time.Now(), false)
				reply, err := answer(m)
				if err != nil {
					reply = hub.ErrorReply(m, hub.AsError(err))
				}
				h := amqp.Table{}
				for k, v := range reply.Headers {
					h[k] = v
				}
				ch.PublishWithContext(context.Background(), "", d.ReplyTo, false, false, amqp.Publishing{CorrelationId: d.CorrelationId,
					ContentType: reply.Headers[hub.HeaderContentType], Headers: h, Body: reply.Body.Bytes()})
			})
		}
	})
}

func TestCallerContract(t *testing.T) {
	f := hubtest.Features{Headers: []string{"content-type", "idempotency-key", "traceparent"},
		Classes: []hub.Class{hub.Rejected, hub.Timeout, hub.Unavailable, hub.Throttled}}
	for _, carried := range []bool{false, true} {
		t.Run(map[bool]string{false: "queue", true: "channel"}[carried], func(t *testing.T) {
			hubtest.Caller(t, f, func(t *testing.T) hubtest.CallerFar {
				r := newRabbit(t)
				return &serviceFar{r: r, queue: r.queue("ask", nil), carried: carried}
			})
		})
	}
}
