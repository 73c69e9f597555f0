package amqp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// rights finds out what the user may not do that the sources, targets and
// callers of a need. RabbitMQ looks at rights before it looks at arguments, so
// each is tried with an argument that can't be: what comes back is a refusal by
// the one or by the other, and nothing is done.
func (s *session) rights(ctx context.Context, a *Adapter) (findings []string, err error) {
	a.mu.Lock()
	wanted := slices.Clone(a.wanted)
	a.mu.Unlock()
	seen := map[string]bool{}
	try := func(what string, do func(*amqp.Channel) error) {
		if err != nil || seen[what] {
			return
		}
		seen[what] = true
		tried := s.briefly(do)
		if e, ok := errors.AsType[*amqp.Error](tried); ok && e.Code == amqp.AccessRefused {
			findings = append(findings, fmt.Sprintf("%s: %s; let the server's administrator give the user the right to it", what, detail(e)))
		} else if tried != nil && s.conn.IsClosed() {
			err = tried
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	for _, w := range wanted {
		for _, q := range w.queues {
			if q.loose {
				try("send to "+q.String(), func(ch *amqp.Channel) error { return mayPublish(ch, "", q.name) })
				continue
			}
			try("read "+q.String(), func(ch *amqp.Channel) error { return mayRead(ch, q.name) })
			if a.cfg.CheckOnly && len(q.args) > 0 {
				findings = append(findings, hub.Unasked+q.String()+": whether it has the arguments that the configuration says; check_only declares nothing, and RabbitMQ compares only then")
			}
			if !a.cfg.CheckOnly {
				try("declare "+q.String(), func(ch *amqp.Channel) error { return mayDeclare(ch, q) })
			}
		}
		for _, b := range w.binds {
			if a.cfg.CheckOnly {
				findings = append(findings, hub.Unasked+b.String()+": RabbitMQ can't be asked for bindings, and check_only declares none")
			} else {
				try("make the "+b.String(), func(ch *amqp.Channel) error {
					return ch.QueueUnbind(b.queue, "hub.inspect."+hub.NewID(time.Now()), b.exchange, nil) // there is no such binding
				})
			}
		}
		if len(w.queues) == 0 {
			for _, e := range w.exchanges {
				try("send to "+e.String(), func(ch *amqp.Channel) error { return mayPublish(ch, e.name, "hub.inspect") })
			}
		}
	}
	return findings, err
}

// mayRead tries to read with a priority that is no number.
func mayRead(ch *amqp.Channel, queue string) error {
	_, err := ch.Consume(queue, "", false, false, false, false, amqp.Table{"x-priority": "none"})
	return err
}

// mayDeclare tries to declare it with a limit that is no number.
func mayDeclare(ch *amqp.Channel, q queue) error {
	_, err := ch.QueueDeclare(q.name, q.durable, q.autoDelete, false, false, amqp.Table{"x-expires": "never"})
	return err
}

// mayPublish tries to send what expires in no time that there is.
func mayPublish(ch *amqp.Channel, exchange, key string) error {
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	if err := ch.PublishWithContext(context.Background(), exchange, key, true, false, amqp.Publishing{Expiration: "never"}); err != nil {
		return err
	}
	select {
	case e := <-closed:
		if e != nil {
			return e
		}
	case <-time.After(inspectPatience):
	}
	return nil
}

const inspectPatience = 5 * time.Second
