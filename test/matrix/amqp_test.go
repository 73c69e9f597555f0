package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// rabbit is the server, seen by a client that is not the hub's and that connects again when it is cut off.
type rabbit struct {
	url, addr string
	mu        sync.Mutex
	conn      *amqp.Connection
	out       *amqp.Channel // with confirms
}

func newRabbit(t testing.TB) *rabbit {
	t.Helper()
	r := &rabbit{url: env("HUB_TEST_RABBIT", "amqp://guest:guest@127.0.0.1:5672/")}
	uri, err := amqp.ParseURI(r.url)
	if err != nil {
		t.Fatal("HUB_TEST_RABBIT is no AMQP URL")
	}
	r.addr = fmt.Sprintf("%s:%d", uri.Host, uri.Port)
	reachable(t, "RabbitMQ", r.addr)
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.conn != nil {
			r.conn.Close()
		}
	})
	return r
}

// through is the URL of the server behind a link.
func (r *rabbit) through(l *link) string { return strings.Replace(r.url, r.addr, l.addr, 1) }

func (r *rabbit) connect() (*amqp.Connection, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil || r.conn.IsClosed() {
		conn, err := amqp.Dial(r.url)
		if err != nil {
			return nil, err
		}
		r.conn, r.out = conn, nil
	}
	return r.conn, nil
}

// on does something on a channel of its own.
func (r *rabbit) on(do func(*amqp.Channel) error) error {
	conn, err := r.connect()
	if err != nil {
		return err
	}
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	return do(ch)
}

// declare makes a durable queue.
func (r *rabbit) declare(t testing.TB, name string) {
	t.Helper()
	if err := r.on(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false, nil)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// remove deletes a queue.
func (r *rabbit) remove(t testing.TB, name string) {
	if err := r.on(func(ch *amqp.Channel) error { _, err := ch.QueueDelete(name, false, false, false); return err }); err != nil {
		t.Log(err)
	}
}

// queue makes a durable queue that goes with the test.
func (r *rabbit) queue(t testing.TB, name string) {
	t.Helper()
	r.declare(t, name)
	t.Cleanup(func() { r.remove(t, name) })
}

// put publishes messages to a queue and waits for the confirms.
func (r *rabbit) put(ctx context.Context, queue string, ids []string) error {
	conn, err := r.connect()
	if err != nil {
		return err
	}
	r.mu.Lock()
	if r.out == nil || r.out.IsClosed() {
		if r.out, err = conn.Channel(); err == nil {
			err = r.out.Confirm(false)
		}
	}
	ch := r.out
	r.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	waits := []*amqp.DeferredConfirmation{}
	for _, id := range ids {
		w, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", queue, true, false,
			amqp.Publishing{MessageId: id, ContentType: "application/json", DeliveryMode: amqp.Persistent, Body: body(id)})
		if err != nil {
			return err
		}
		waits = append(waits, w)
	}
	for _, w := range waits {
		if ok, err := w.WaitContext(ctx); err != nil || !ok {
			return errors.Join(err, errors.New("not confirmed"))
		}
	}
	return nil
}

// arrivals counts the messages of a queue as they come.
func (r *rabbit) arrivals(t testing.TB, queue string) *tally {
	arrived := newTally()
	ctx := t.Context()
	follow := func() error {
		conn, err := r.connect()
		if err != nil {
			return err
		}
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		defer ch.Close()
		if err := ch.Qos(500, 0, false); err != nil {
			return err
		}
		deliveries, err := ch.ConsumeWithContext(ctx, queue, "", false, false, false, false, nil)
		if err != nil {
			return err
		}
		for d := range deliveries {
			var m struct{ ID string }
			if err := json.Unmarshal(d.Body, &m); err != nil {
				return fmt.Errorf("%s is not whole: %w", d.Body, err)
			}
			arrived.add(m.ID, d.Redelivered)
			if err := d.Ack(false); err != nil {
				return err
			}
		}
		return nil
	}
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := follow(); err != nil && ctx.Err() == nil {
				t.Log(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return arrived
}

func amqpSource(t testing.TB, c *cell) source {
	r := newRabbit(t)
	queue := c.name + ".in"
	r.queue(t, queue)
	l := newLink(t, "", r.addr)
	return source{adapter: fmt.Sprintf("{type: amqp, url: %q}", r.through(l)), from: fmt.Sprintf("{in: queue %s}", queue), link: l,
		put: func(ctx context.Context, ids []string) error { return r.put(ctx, queue, ids) }}
}

func amqpTarget(t testing.TB, c *cell) target {
	r := newRabbit(t)
	queue := c.name + ".out"
	r.queue(t, queue)
	l := newLink(t, "", r.addr)
	return target{adapter: fmt.Sprintf("{type: amqp, url: %q}", r.through(l)), step: fmt.Sprintf("send: {out: queue %s}", queue), link: l,
		count: r.arrivals(t, queue).count}
}
