package amqp

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Inspect compares what the opened sources, targets and callers use with what
// the server has, and what they do with what the user may, and changes nothing.
// What is missing and will be declared is no finding. Bindings can't be asked for.
func (a *Adapter) Inspect(ctx context.Context) (findings []string, err error) {
	s, err := a.in.Get(ctx)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	used := topology{}
	for _, w := range a.wanted {
		used.add(w)
	}
	a.mu.Unlock()
	look := func(name string, ours bool, there, same func() error) error {
		found, err := s.differs(ours, there, same)
		switch {
		case err != nil:
			return fault(name, err)
		case found != nil && (found.Code != amqp.NotFound || !ours):
			findings = append(findings, fault(name, found).Error()+"; "+a.remedy(found))
		}
		return ctx.Err()
	}
	used = a.all(used)
	for _, e := range used.exchanges {
		if e.builtin() {
			continue
		}
		ours := e.kind != "" && !a.cfg.CheckOnly
		if err := look(e.String(), ours, func() error { return s.declareExchange(e, true) }, func() error { return s.activeExchange(e) }); err != nil {
			return findings, err
		}
	}
	for _, q := range used.queues {
		if q.exclusive { // a hub that runs may have it
			continue
		}
		same := func() error { return s.activeQueue(q) }
		if q.loose {
			same = func() error { return nil }
		}
		if err := look(q.String(), !a.cfg.CheckOnly, func() error { return s.passiveQueue(q) }, same); err != nil {
			return findings, err
		}
	}
	more, err := s.rights(ctx, a)
	return append(findings, more...), err
}

// differs finds out what the server says against a thing; nil: nothing. Where
// the thing is ours to declare it is declared again once it is there: that
// changes nothing and compares everything. err: the connection is lost.
func (s *session) differs(ours bool, there, same func() error) (found *amqp.Error, err error) {
	err = there()
	if err == nil && ours {
		err = same()
	}
	if e, ok := errors.AsType[*amqp.Error](err); ok && !s.conn.IsClosed() {
		return e, nil
	}
	return nil, err
}

// remedy is what to do about a finding.
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
