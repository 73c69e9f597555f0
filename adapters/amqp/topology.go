package amqp

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// topology is what one source, target or caller needs at the server, in the order of its declaration.
type topology struct {
	queues    []queue
	exchanges []exchange
	binds     []binding
}

type queue struct {
	name                           string
	durable, exclusive, autoDelete bool
	args                           amqp.Table
	loose                          bool // any queue of that name will do; declared only where there is none
}

type exchange struct {
	name string
	kind string // "": must be there
}

type binding struct {
	queue, exchange, key string
	args                 amqp.Table
}

func (q queue) String() string    { return "queue " + q.name }
func (e exchange) String() string { return "exchange " + e.name }
func (b binding) String() string {
	return fmt.Sprintf("binding of queue %s to exchange %s by %q", b.queue, b.exchange, b.key)
}

// builtin reports whether the exchange is always there and may not be declared.
func (e exchange) builtin() bool { return e.name == "" || strings.HasPrefix(e.name, "amq.") }

// source returns what a source needs. Its options have no faults.
func (p place) source(c *SourceConfig) (t topology) {
	q := queue{name: cmp.Or(p.queue, c.Queue), durable: c.Durable, exclusive: c.Exclusive, autoDelete: c.AutoDelete}
	q.args, _ = arguments(c.Arguments) // checked
	if c.QueueType == quorum {
		if q.args == nil {
			q.args = amqp.Table{}
		}
		q.args["x-queue-type"] = quorum
	}
	t.queues = []queue{q}
	if p.exchange != "" {
		t.exchanges = append(t.exchanges, exchange{p.exchange, p.kind})
		t.binds = append(t.binds, binding{q.name, p.exchange, p.key, nil})
	}
	for _, b := range c.Bind {
		t.exchanges = append(t.exchanges, exchange{b.Exchange, b.Type})
		t.binds = append(t.binds, binding{q.name, b.Exchange, b.Key, textTable(b.Headers)})
	}
	return t
}

// target returns what a target or a caller needs.
func (p place) target() (t topology) {
	if p.exchange != "" {
		t.exchanges = []exchange{{p.exchange, p.kind}}
		return t
	}
	t.queues = []queue{{name: p.queue, durable: true, loose: true}}
	return t
}

// want notes what a source, target or caller needs.
func (a *Adapter) want(t topology) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted = append(a.wanted, t)
}

// all completes t with what our own sources say of the same queues and exchanges. A target then declares a queue as its
// reader does, and an exchange together with the queues of its readers, so that no reader misses a message.
func (a *Adapter) all(t topology) topology {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := topology{}
	out.add(t)
	for _, w := range a.wanted {
		if !w.private() && slices.ContainsFunc(w.binds, func(b binding) bool { return t.has(b.exchange) }) {
			out.add(w)
		}
	}
	for _, w := range a.wanted {
		out.learn(w)
	}
	return out
}

// private reports whether a queue of t may be declared by one connection only.
func (t topology) private() bool {
	return slices.ContainsFunc(t.queues, func(q queue) bool { return q.exclusive || q.autoDelete })
}

func (t topology) has(name string) bool {
	return slices.ContainsFunc(t.exchanges, func(e exchange) bool { return e.name == name })
}

// add adds what t does not have yet.
func (t *topology) add(w topology) {
	for _, q := range w.queues {
		if !slices.ContainsFunc(t.queues, func(o queue) bool { return o.name == q.name }) {
			t.queues = append(t.queues, q)
		}
	}
	for _, e := range w.exchanges {
		if !t.has(e.name) {
			t.exchanges = append(t.exchanges, e)
		}
	}
	for _, b := range w.binds {
		if !slices.ContainsFunc(t.binds, func(o binding) bool { return fmt.Sprint(o) == fmt.Sprint(b) && maps.EqualFunc(o.args, b.args, same) }) {
			t.binds = append(t.binds, b)
		}
	}
}

func same(a, b any) bool { return a == b }

// learn fills in what t leaves open and w knows.
func (t *topology) learn(w topology) {
	for i, q := range t.queues {
		for _, o := range w.queues {
			if q.loose && !o.loose && o.name == q.name {
				t.queues[i] = o
			}
		}
	}
	for i, e := range t.exchanges {
		for _, o := range w.exchanges {
			if e.kind == "" && o.name == e.name {
				t.exchanges[i].kind = o.kind
			}
		}
	}
}

// declare declares t, or with checkOnly checks that it is there. The error names the thing that is wrong; the connection stays open.
func (s *session) declare(t topology, checkOnly bool) error {
	for _, e := range t.exchanges {
		if e.builtin() {
			continue
		}
		if err := s.exchange(e, checkOnly || e.kind == ""); err != nil {
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

// exchange declares an exchange or, passively, checks that it is there.
func (s *session) exchange(e exchange, passively bool) error {
	return s.briefly(func(ch *amqp.Channel) error {
		declare := ch.ExchangeDeclare
		if passively {
			declare = ch.ExchangeDeclarePassive
		}
		return declare(e.name, cmp.Or(e.kind, direct), true, false, false, false, nil)
	})
}

func (s *session) declareQueue(q queue, checkOnly bool) error {
	if checkOnly || q.loose {
		err := s.queue(q, true)
		if err == nil || checkOnly || !notFound(err) {
			return err
		}
	}
	return s.queue(q, false)
}

// queue declares a queue or, passively, checks that it is there.
func (s *session) queue(q queue, passively bool) error {
	return s.briefly(func(ch *amqp.Channel) error {
		declare := ch.QueueDeclare
		if passively {
			declare = ch.QueueDeclarePassive
		}
		_, err := declare(q.name, q.durable, q.autoDelete, q.exclusive, false, q.args)
		return err
	})
}

// briefly runs an operation on a channel of its own, because a failure closes the channel.
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
