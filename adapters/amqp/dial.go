package amqp

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// session is one connection, from its opening to its loss.
type session struct {
	conn    *amqp.Connection
	blocked atomic.Pointer[string] // why the server takes no messages; nil: it does
}

func (s *session) lost() error {
	if s.conn.IsClosed() {
		return hub.Fail(hub.Unavailable, reasonLost, "the connection was lost")
	}
	return nil
}

// refuse returns the error of all sends while the server blocks the connection, or nil. Such a send costs no attempt.
func (s *session) refuse() error {
	why := s.blocked.Load()
	if why == nil {
		return nil
	}
	e := hub.Fail(hub.Throttled, reasonBlocked, "the server takes no messages now: %s", *why)
	e.After = time.Second
	return e
}

// sending returns the connection that sends, unless the server blocks it.
func (a *Adapter) sending(ctx context.Context) (*session, error) {
	s, err := a.out.Get(ctx)
	if err != nil {
		return nil, err
	}
	return s, s.refuse()
}

// dial opens a connection. The role tells the connections of one adapter apart at the server.
func (a *Adapter) dial(ctx context.Context, role string) (*session, error) {
	s, err := a.connect(ctx, role)
	if err != nil {
		return nil, hub.Fail(hub.Unavailable, hub.NotConnected, "%s: no connection to %s: %w", a.env.Name, a.address(), err)
	}
	blocks := s.conn.NotifyBlocked(make(chan amqp.Blocking, 4))
	a.watchers.Go(func() { a.watch(s, blocks) })
	return s, nil
}

func (a *Adapter) address() string { return net.JoinHostPort(a.uri.Host, strconv.Itoa(a.uri.Port)) }

func (a *Adapter) connect(ctx context.Context, role string) (*session, error) {
	secure := &a.cfg.TLS
	if a.uri.Scheme != "amqps" {
		secure = nil
	}
	return broker.Connect(ctx, a.env, a.address(), secure, func(conn net.Conn) (*session, error) {
		w := newWire(conn, a.cfg.MaxBody)
		c, err := amqp.Open(w, amqp.Config{
			SASL: a.auth(), Vhost: a.uri.Vhost, Heartbeat: a.cfg.Heartbeat, Locale: "en_US", FrameSize: 128 << 10,
			Properties: amqp.Table{"product": "orderhub", "connection_name": a.cfg.Name + " " + role},
		})
		if err != nil {
			w.Close()
			return nil, w.explain(err)
		}
		return &session{conn: c}, nil
	})
}

func (a *Adapter) auth() []amqp.Authentication {
	if slices.ContainsFunc(a.uri.AuthMechanism, func(m string) bool { return strings.EqualFold(m, "external") }) {
		return []amqp.Authentication{&amqp.ExternalAuth{}}
	}
	return []amqp.Authentication{a.uri.PlainAuth()}
}

// watch notes when the server blocks and unblocks the connection, until it ends.
func (a *Adapter) watch(s *session, blocks <-chan amqp.Blocking) {
	for b := range blocks {
		if b.Active {
			s.blocked.Store(&b.Reason)
			a.env.Log.Debug("sends wait", "event", reasonBlocked, "reason", b.Reason)
			continue
		}
		s.blocked.Store(nil)
		a.env.Log.Debug("sends go on", "event", "unblocked")
	}
}
