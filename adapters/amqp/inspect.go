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

// Inspect compares what the opened sources, targets and callers use with what is at the server, and what they do with
// what the user may do. It changes nothing. What is missing and will be declared is no finding.
func (a *Adapter) Inspect(ctx context.Context) (findings []string, err error) {
	s, err := a.in.Get(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range a.things(s) {
		found, err := s.differs(t.ours, t.declare)
		switch {
		case err != nil:
			return findings, fault(t.name, err)
		case found != nil && (found.Code != amqp.NotFound || !t.ours):
			findings = append(findings, fault(t.name, found).Error()+"; "+a.remedy(found))
		}
		if ctx.Err() != nil {
			return findings, ctx.Err()
		}
	}
	more, err := s.rights(ctx, a)
	return append(findings, more...), err
}

// thing is an exchange or a queue that the adapter is told to use.
type thing struct {
	name    string
	ours    bool // to declare, where it is not there
	declare func(passively bool) error
}

// things are those that can be asked for: a hub that runs may have a queue that is exclusive.
func (a *Adapter) things(s *session) (out []thing) {
	a.mu.Lock()
	used := topology{}
	for _, w := range a.wanted {
		used.add(w)
	}
	a.mu.Unlock()
	used = a.all(used)
	for _, e := range used.exchanges {
		if !e.builtin() {
			out = append(out, thing{e.String(), e.kind != "" && !a.cfg.CheckOnly, func(passively bool) error { return s.exchange(e, passively) }})
		}
	}
	for _, q := range used.queues {
		if q.exclusive {
			continue
		}
		out = append(out, thing{q.String(), !a.cfg.CheckOnly, func(passively bool) error {
			if q.loose && !passively {
				return nil
			}
			return s.queue(q, passively)
		}})
	}
	return out
}

// differs returns the server's objection to a thing, or nil. A thing that is ours to declare is declared again when it is there, which changes
// nothing and makes the server compare all of its properties. The error says that the connection was lost.
func (s *session) differs(ours bool, declare func(passively bool) error) (found *amqp.Error, err error) {
	err = declare(true)
	if err == nil && ours {
		err = declare(false)
	}
	if e, ok := errors.AsType[*amqp.Error](err); ok && !s.conn.IsClosed() {
		return e, nil
	}
	return nil, err
}

// remedy says what to do about an objection.
func (a *Adapter) remedy(e *amqp.Error) string {
	switch {
	case e.Code == amqp.NotFound && a.cfg.CheckOnly:
		return "declare it, or leave check_only out"
	case e.Code == amqp.NotFound:
		return "declare it, or write its type and the hub does: exchange NAME type TYPE"
	case e.Code == amqp.AccessRefused:
		return "let the server's administrator give the user the right to it"
	case e.Code == amqp.ResourceLocked:
		return "end the connection that has it, or take another name"
	}
	return "say in the configuration what it is, or delete it at the server and the hub declares it anew"
}

// trial is an operation that the user may lack the right to.
type trial struct {
	what string
	do   func(*amqp.Channel) error
}

// rights returns what the user may not do that the sources, targets and callers of a need. RabbitMQ checks rights before arguments, so each
// operation is tried with an invalid argument: the server refuses it for the one or the other reason, and does nothing.
func (s *session) rights(ctx context.Context, a *Adapter) (findings []string, err error) {
	a.mu.Lock()
	wanted := slices.Clone(a.wanted)
	a.mu.Unlock()
	seen := map[string]bool{}
	for _, w := range wanted {
		trials, unasked := w.trials(a.cfg.CheckOnly)
		findings = append(findings, unasked...)
		for _, t := range trials {
			if seen[t.what] {
				continue
			}
			seen[t.what] = true
			tried := s.briefly(t.do)
			if e, ok := errors.AsType[*amqp.Error](tried); ok && e.Code == amqp.AccessRefused {
				findings = append(findings, fmt.Sprintf("%s: %s; let the server's administrator give the user the right to it", t.what, detail(e)))
			} else if tried != nil && s.conn.IsClosed() {
				return findings, tried
			}
			if ctx.Err() != nil {
				return findings, ctx.Err()
			}
		}
	}
	return findings, nil
}

// trials returns the operations that t needs, and what the server can't be asked about.
func (t topology) trials(checkOnly bool) (out []trial, unasked []string) {
	for _, q := range t.queues {
		if q.loose {
			out = append(out, trial{"send to " + q.String(), func(ch *amqp.Channel) error { return mayPublish(ch, "", q.name) }})
			continue
		}
		out = append(out, trial{"read " + q.String(), func(ch *amqp.Channel) error { return mayRead(ch, q.name) }})
		if !checkOnly {
			out = append(out, trial{"declare " + q.String(), func(ch *amqp.Channel) error { return mayDeclare(ch, q) }})
		} else if len(q.args) > 0 {
			unasked = append(unasked, hub.Unasked+q.String()+": whether it has the arguments that the configuration says; "+
				"check_only declares nothing, and RabbitMQ compares only then")
		}
	}
	for _, b := range t.binds {
		if checkOnly {
			unasked = append(unasked, hub.Unasked+b.String()+": RabbitMQ can't be asked for bindings, and check_only declares none")
			continue
		}
		out = append(out, trial{"make the " + b.String(), func(ch *amqp.Channel) error {
			return ch.QueueUnbind(b.queue, "hub.inspect."+hub.NewID(time.Now()), b.exchange, nil) // there is no such binding
		}})
	}
	if len(t.queues) == 0 {
		for _, e := range t.exchanges {
			out = append(out, trial{"send to " + e.String(), func(ch *amqp.Channel) error { return mayPublish(ch, e.name, "hub.inspect") }})
		}
	}
	return out, unasked
}

// mayRead tries to consume with a priority that is no number.
func mayRead(ch *amqp.Channel, queue string) error {
	_, err := ch.Consume(queue, "", false, false, false, false, amqp.Table{"x-priority": "none"})
	return err
}

// mayDeclare tries to declare the queue with a limit that is no number.
func mayDeclare(ch *amqp.Channel, q queue) error {
	_, err := ch.QueueDeclare(q.name, q.durable, q.autoDelete, false, false, amqp.Table{"x-expires": "never"})
	return err
}

// mayPublish tries to publish a message whose expiration is no number.
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
