package examples

import (
	"context"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// rabbit is the server, seen by a client that is not the hub's.
type rabbit struct {
	t    testing.TB
	url  string
	conn *amqp.Connection
	ch   *amqp.Channel
}

// newRabbit connects, and removes at the end what the test's hubs have made.
func newRabbit(t testing.TB, exchanges, queues []string) *rabbit {
	t.Helper()
	r := &rabbit{t: t, url: env("HUB_TEST_RABBIT", "amqp://guest:guest@127.0.0.1:5672/")}
	reachable(t, "RabbitMQ", hostOf(t, r.url))
	var err error
	if r.conn, err = amqp.Dial(r.url); err == nil {
		r.ch, err = r.conn.Channel()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, name := range exchanges {
			if err := r.ch.ExchangeDelete(name, false, false); err != nil {
				t.Error(err)
			}
		}
		for _, name := range queues {
			if _, err := r.ch.QueueDelete(name, false, false, false); err != nil {
				t.Error(err)
			}
		}
		r.conn.Close()
	})
	return r
}

// there waits until the queues have been made: RabbitMQ keeps nothing for a reader that it does not know yet.
func (r *rabbit) there(queues []string) {
	r.t.Helper()
	for _, name := range queues {
		await(r.t, soon, "the queue "+name+" is there", func() bool {
			ch, err := r.conn.Channel()
			if err != nil {
				r.t.Fatal(err)
			}
			defer ch.Close()
			_, err = ch.QueueDeclarePassive(name, true, false, false, false, nil)
			return err == nil
		}, func() string { return "" })
	}
}

// bind makes a queue that goes with the connection, and binds it.
func (r *rabbit) bind(exchange, key string) (queue string) {
	r.t.Helper()
	q, err := r.ch.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		err = r.ch.QueueBind(q.Name, key, exchange, false, nil)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return q.Name
}

// get waits for the next message of a queue.
func (r *rabbit) get(queue string) (d amqp.Delivery) {
	r.t.Helper()
	await(r.t, soon, "a message comes by "+queue, func() bool {
		var ok bool
		var err error
		if d, ok, err = r.ch.Get(queue, true); err != nil {
			r.t.Fatal(err)
		}
		return ok
	}, func() string { return "" })
	return d
}

func (r *rabbit) publish(exchange, key string, p amqp.Publishing) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.ch.PublishWithContext(ctx, exchange, key, false, false, p); err != nil {
		r.t.Fatal(err)
	}
}
