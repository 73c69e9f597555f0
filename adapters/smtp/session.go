package smtp

import (
	"context"
	"crypto/tls"
	"net"
	"net/textproto"
	"os"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"orderhub/hub"
)

// session is a connection that mails can be handed in on, one after another.
type session struct {
	conn   net.Conn
	client *smtp.Client
	reused bool
	expiry *time.Timer // while it is idle
}

// dial makes a session within ctx. Its errors say that the server can't be used now: none is a mail's fault.
func (s *server) dial(ctx context.Context) (*session, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, s.unavailable("connect", "connect", err)
	}
	release := bound(ctx, conn)
	defer release()
	out := &session{conn: conn}
	if err := s.greet(ctx, out); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return out, nil
}

func (s *server) greet(ctx context.Context, out *session) error {
	conn := out.conn
	if s.implicit {
		t := tls.Client(conn, s.config)
		if err := t.HandshakeContext(ctx); err != nil {
			return s.unavailable("TLS", "tls_required", err)
		}
		conn = t
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return s.unavailable("greeting", "connect", err)
	}
	out.client = c
	if err := c.Hello(localName()); err != nil {
		return s.unavailable("EHLO", "connect", err)
	}
	if s.starttls {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return hub.Fail(hub.Unavailable, "tls_required", "mail server %s: it offers no STARTTLS; nothing is sent unencrypted", s.addr)
		}
		if err := c.StartTLS(s.config); err != nil {
			return s.unavailable("STARTTLS", "tls_required", err)
		}
	}
	return s.login(c)
}

func (s *server) login(c *smtp.Client) error {
	if s.user == "" {
		return nil
	}
	ok, offered := c.Extension("AUTH")
	ways := strings.Fields(strings.ToUpper(offered))
	has := func(way string) bool {
		for _, w := range ways {
			if w == way {
				return true
			}
		}
		return false
	}
	var auth smtp.Auth
	plain := loopback(s.host) // unencrypted only to this machine
	switch {
	case !ok:
		return hub.Fail(hub.Unavailable, "auth_failed", "mail server %s: it offers no AUTH, but the url has a user", s.addr)
	case has("PLAIN"):
		auth = smtp.PlainAuth("", s.user, s.password, s.host, plain)
	case has("LOGIN"):
		auth = smtp.LoginAuth(s.user, s.password, s.host, plain)
	case has("SCRAM-SHA-256"):
		auth = smtp.ScramSHA256Auth(s.user, s.password)
	case has("CRAM-MD5"):
		auth = smtp.CRAMMD5Auth(s.user, s.password)
	default:
		return hub.Fail(hub.Unavailable, "auth_failed", "mail server %s: none of its AUTH ways is known: %s", s.addr, quoted(offered))
	}
	if err := c.Auth(auth); err != nil {
		return s.unavailable("AUTH", "auth_failed", err)
	}
	return nil
}

// bound ends I/O on conn when ctx ends; release lets go of ctx.
func bound(ctx context.Context, conn net.Conn) (release func()) {
	if d, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(d)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// quit ends the session politely, and soon.
func (s *session) quit() {
	_ = s.conn.SetDeadline(time.Now().Add(time.Second))
	if s.client != nil {
		_ = s.client.Quit()
	}
	_ = s.conn.Close()
}

// drop closes the connection.
func (s *session) drop() { _ = s.conn.Close() }

// hand gives a letter to the server. usable tells whether the session can go on, fresh whether another connection may do what this one could
// not: it was closed before anything of the letter was said.
//
//lint:ignore ST1008 the error is the answer; the flags say what became of the session
func (s *session) hand(l *letter) (err error, usable, fresh bool) {
	if l.utf8 {
		if ok, _ := s.client.Extension("SMTPUTF8"); !ok {
			return hub.Fail(hub.Rejected, "bad_address", "an address has letters that the mail server does not know (it lacks SMTPUTF8)"), true, false
		}
	}
	s.client.SkipSMTPUTF8(!l.utf8)
	if err := s.client.Mail(path(l.from)); err != nil {
		r := replyOf(err)
		return failed("MAIL FROM", err), s.reset(r), s.reused && (r == nil || r.Code == 421)
	}
	if err := s.recipients(l); err != nil {
		return err, s.reset(replyOf(err)), false
	}
	w, err := s.client.Data()
	if err != nil {
		return failed("DATA", err), s.reset(replyOf(err)), false
	}
	if _, err := w.Write(l.content); err != nil {
		return failed("DATA", err), false, false
	}
	if err := w.Close(); err != nil {
		if r := replyOf(err); r != nil {
			return failed("DATA", err), r.Code != 421, false
		}
		return hub.Fail(hub.Timeout, "ambiguous", "the mail was sent, its confirmation did not come: %w", err), false, false
	}
	return nil, true, false
}

// recipients names all recipients; if one is refused, none gets the mail.
func (s *session) recipients(l *letter) error {
	var refused []string
	var worst error
	for _, to := range l.to {
		err := s.client.Rcpt(path(to))
		if err == nil {
			continue
		}
		r := replyOf(err)
		if r == nil || r.Code == 421 {
			return failed("RCPT TO "+to, err)
		}
		refused = append(refused, to)
		if worst == nil || r.Code >= 500 && replyOf(worst).Code < 500 {
			worst = err
		}
	}
	if worst == nil {
		return nil
	}
	return failed("RCPT TO "+strings.Join(refused, ", "), worst)
}

// reset clears a refused mail, so that the next one can follow.
func (s *session) reset(r *textproto.Error) bool {
	return r != nil && r.Code != 421 && s.client.Reset() == nil
}

// localName is how we introduce ourselves.
func localName() string {
	name, err := os.Hostname()
	if err != nil || name == "" || unsafe(name) || strings.ContainsAny(name, " <>") {
		return "localhost"
	}
	return name
}
