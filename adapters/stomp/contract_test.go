package stomp

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
	args  amqp.Table
	proxy *proxy
}

func (f *queueFar) Open(t *testing.T) hub.Source {
	f.proxy = newProxy(t, f.r.url)
	return openAdapter(t, f.proxy.url, nil).source("/amq/queue/"+f.queue, func(c *SourceConfig) { c.Key, c.Workers = "the-key", 4 })
}

func (f *queueFar) Put(t *testing.T, m *hub.Message) {
	h := amqp.Table{"the-key": m.Key, headerID: m.ID}
	for k, v := range m.Headers {
		h[k] = v
	}
	f.r.put(f.queue, amqp.Publishing{Timestamp: m.Time, ContentType: m.Headers[hub.HeaderContentType], Headers: h, Body: m.Body.Bytes()})
}

// Acked counts the acknowledgements on their way to the server.
func (f *queueFar) Acked(t *testing.T) int   { return int(f.proxy.acks.Load()) }
func (f *queueFar) Refused(t *testing.T) int { return 0 }
func (f *queueFar) Cut(t *testing.T)         { f.proxy.Cut() }

func TestSourceContract(t *testing.T) {
	for _, c := range []struct {
		name string
		args amqp.Table
	}{{"classic", nil}, {"quorum", amqp.Table{"x-queue-type": "quorum"}}} {
		t.Run(c.name, func(t *testing.T) {
			f := hubtest.Features{Redelivers: true, Cut: true, Ordered: true, Workers: 4, Headers: []string{"content-type", "idempotency-key", "traceparent", "x-own"}}
			hubtest.Source(t, f, func(t *testing.T) hubtest.SourceFar {
				r := newRabbit(t)
				return &queueFar{r: r, queue: r.queue("in", c.args), args: c.args}
			})
		})
	}
}

// targetFar is a queue of the real server, behind a target, through an exchange that can be taken away.
type targetFar struct {
	r     *rabbit
	queue string
	proxy *proxy
	got   []*hub.Message
}

func (f *targetFar) Open(t *testing.T) hub.Target {
	f.proxy = newProxy(t, f.r.url)
	target := openAdapter(t, f.proxy.url, func(c *Config) { c.ConfirmTimeout = 2500 * time.Millisecond }).target("/queue/" + f.queue) // a stall of the machine is shorter
	_, err := target.(*Target).keep.Get(background(t))                                                                                // to a silent server there is no way at all
	f.r.ok(err)
	return target
}

func (f *targetFar) Got(t *testing.T) []*hub.Message {
	for {
		d, ok, err := f.r.ch.Get(f.queue, true)
		f.r.ok(err)
		if !ok {
			return f.got
		}
		h := hub.Headers{hub.HeaderContentType: d.ContentType}
		for name, v := range d.Headers {
			h[name], _ = v.(string)
		}
		f.got = append(f.got, &hub.Message{ID: d.MessageId, Headers: h, Body: hub.NewBody(d.Body)})
	}
}

// Break takes the server away (unavailable), or makes it silent (timeout).
func (f *targetFar) Break(t *testing.T, c hub.Class) {
	switch c {
	case hub.Unavailable:
		f.proxy.Down(true)
	case hub.Timeout:
		f.proxy.Stall.Store(true)
	}
}

func (f *targetFar) Heal(t *testing.T) {
	f.proxy.Down(false)
	f.proxy.Stall.Store(false)
	time.Sleep(100 * time.Millisecond) // the pause before the next try to connect
}

func TestTargetContract(t *testing.T) {
	f := hubtest.Features{Headers: []string{"content-type", "idempotency-key", "traceparent"}, Classes: []hub.Class{hub.Timeout, hub.Unavailable}}
	hubtest.Target(t, f, func(t *testing.T) hubtest.TargetFar {
		r := newRabbit(t)
		return &targetFar{r: r, queue: r.queue("out", nil)}
	})
}

// serviceFar answers requests as an AMQP client that is no hub does, but for errors, of which a hub says the class.
type serviceFar struct {
	r     *rabbit
	queue string
	wg    sync.WaitGroup
}

func (f *serviceFar) Open(t *testing.T) hub.Caller {
	return openAdapter(t, f.r.url, func(c *Config) { c.Ops = map[string]string{"ask": "/queue/" + f.queue} }).caller("ask")
}

func (f *serviceFar) Serve(t *testing.T, answer func(*hub.Message) (*hub.Message, error)) {
	conn, err := amqp.Dial(rabbitURL())
	f.r.ok(err)
	ch, err := conn.Channel()
	f.r.ok(err)
	requests, err := ch.Consume(f.queue, "", true, false, false, false, nil)
	f.r.ok(err)
	t.Cleanup(func() { conn.Close(); f.wg.Wait() })
	f.wg.Go(func() {
		for d := range requests {
			f.wg.Go(func() {
				h := hub.Headers{hub.HeaderContentType: d.ContentType}
				for name, v := range d.Headers {
					h[name], _ = v.(string)
				}
				m := &hub.Message{ID: d.MessageId, Headers: h, Body: hub.NewBody(d.Body)}
				reply, err := answer(m)
				if err != nil {
					reply = hub.ErrorReply(m, hub.AsError(err))
				}
				table := amqp.Table{}
				for k, v := range reply.Headers {
					table[k] = v
				}
				ch.PublishWithContext(context.Background(), "", d.ReplyTo, false, false, amqp.Publishing{CorrelationId: d.CorrelationId,
					ContentType: reply.Headers[hub.HeaderContentType], Headers: table, Body: reply.Body.Bytes()})
			})
		}
	})
}

func TestCallerContract(t *testing.T) {
	f := hubtest.Features{Headers: []string{"content-type", "idempotency-key", "traceparent"},
		Classes: []hub.Class{hub.Rejected, hub.Timeout, hub.Unavailable, hub.Throttled}}
	hubtest.Caller(t, f, func(t *testing.T) hubtest.CallerFar {
		r := newRabbit(t)
		return &serviceFar{r: r, queue: r.queue("ask", nil)}
	})
}
