package amqp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// handshake bounds the opening of a connection.
const handshake = 15 * time.Second

// session is one connection, from its opening to its loss.
type session struct {
	conn    *amqp.Connection
	blocked atomic.Pointer[string] // why the server takes no messages; nil: it does
}

func (s *session) alive() bool { return !s.conn.IsClosed() }

// refuse is the error of sends while the server takes no messages. It costs no attempt.
func (s *session) refuse() error {
	why := s.blocked.Load()
	if why == nil {
		return nil
	}
	e := hub.Fail(hub.Throttled, reasonBlocked, "the server takes no messages now: %s", *why)
	e.After = soon
	return e
}

// dial opens a connection. role tells those of one adapter apart.
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
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.address())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if a.uri.Scheme == "amqps" {
		cfg, err := a.cfg.TLS.load(a.env, a.uri.Host)
		if err != nil {
			conn.Close()
			return nil, err
		}
		secure := tls.Client(conn, cfg)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		conn = secure
	}
	w := newWire(conn, a.cfg.MaxBody)
	c, err := amqp.Open(w, amqp.Config{
		SASL: a.auth(), Vhost: a.uri.Vhost, Heartbeat: a.cfg.Heartbeat, Locale: "en_US", FrameSize: 128 << 10,
		Properties: amqp.Table{"product": "orderhub", "connection_name": a.cfg.Name + " " + role},
	})
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		w.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, w.explain(err)
	}
	return &session{conn: c}, nil
}

func (a *Adapter) auth() []amqp.Authentication {
	if slices.ContainsFunc(a.uri.AuthMechanism, func(m string) bool { return strings.EqualFold(m, "external") }) {
		return []amqp.Authentication{&amqp.ExternalAuth{}}
	}
	return []amqp.Authentication{a.uri.PlainAuth()}
}

// watch notes when the server stops and starts to take messages, until the connection ends.
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

// load reads the certificates, at each connection: they may have been renewed.
func (t TLS) load(env *hub.Env, host string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	if t.CA != "" {
		pem, err := os.ReadFile(env.Path(t.CA))
		if err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
		if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca: %s holds no certificate", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(env.Path(t.Cert), env.Path(t.Key))
		if err != nil {
			return nil, fmt.Errorf("tls.cert: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
