package amqp

import (
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"
)

// declare makes t be there, or finds out that it is (checkOnly). A fault of
// one thing names it; the connection stays as it is.
func (s *session) declare(t topology, checkOnly bool) error {
	for _, e := range t.exchanges {
		if err := s.declareExchange(e, checkOnly); err != nil {
			return fault(e.String(), err)
		}
	}
	for _, q := range t.queues {
		if err := s.declareQueue(q, checkOnly); err != nil {
			return fault(q.String(), err)
		}
	}
	if checkOnly {
		return nil
	}
	for _, b := range t.binds {
		err := s.briefly(func(ch *amqp.Channel) error { return ch.QueueBind(b.queue, b.key, b.exchange, false, b.args) })
		if err != nil {
			return fault(b.String(), err)
		}
	}
	return nil
}

func (s *session) declareExchange(e exchange, checkOnly bool) error {
	if e.builtin() {
		return nil
	}
	if !checkOnly && e.kind != "" {
		return s.activeExchange(e)
	}
	return s.briefly(func(ch *amqp.Channel) error {
		kind := e.kind
		if kind == "" {
			kind = direct
		}
		return ch.ExchangeDeclarePassive(e.name, kind, true, false, false, false, nil)
	})
}

func (s *session) activeExchange(e exchange) error {
	return s.briefly(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(e.name, e.kind, true, false, false, false, nil)
	})
}

func (s *session) declareQueue(q queue, checkOnly bool) error {
	if checkOnly || q.loose {
		err := s.passiveQueue(q)
		if err == nil || checkOnly || !notFound(err) {
			return err
		}
	}
	return s.activeQueue(q)
}

func (s *session) passiveQueue(q queue) error {
	return s.briefly(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(q.name, q.durable, q.autoDelete, q.exclusive, false, q.args)
		return err
	})
}

func (s *session) activeQueue(q queue) error {
	return s.briefly(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(q.name, q.durable, q.autoDelete, q.exclusive, false, q.args)
		return err
	})
}

// briefly does something that may cost its channel.
func (s *session) briefly(do func(*amqp.Channel) error) error {
	ch, err := s.conn.Channel()
	if err != nil {
		return err
	}
	if err := do(ch); err != nil {
		if !ch.IsClosed() {
			_ = ch.Close()
		}
		return err
	}
	return ch.Close()
}

func notFound(err error) bool {
	e, ok := errors.AsType[*amqp.Error](err)
	return ok && e.Code == amqp.NotFound
}
