package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// session is a connection that mails can be handed in on, one after another.
type session struct {
	server *server
	conn   net.Conn
	client *smtp.Client
	reused bool
	expiry *time.Timer // while it is idle

	mu  sync.Mutex
	ctx context.Context // of the mail that it is used for
}

// Times that the server has for its answers (RFC 5321, 4.5.3.2). The answer to the final dot has the longest, confirm_timeout: it
// takes over the mail then, and who gives up before sends it again.
const (
	answerTime = 5 * time.Minute // greeting, EHLO, AUTH, MAIL, RCPT
	beginTime  = 2 * time.Minute // DATA
	blockTime  = 3 * time.Minute // each block of the text
	dialTime   = 30 * time.Second

	blockSize = 64 << 10 // bytes of a block
)

// dial makes a session within ctx. Its errors say that the server can't be used now: none is a mail's fault.
func (s *server) dial(ctx context.Context) (*session, error) {
	dialing, cancel := context.WithTimeout(ctx, min(dialTime, s.timeout))
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(dialing, "tcp", s.addr)
	if err != nil {
		return nil, s.unavailable(greeting, "connect", err)
	}
	out := &session{server: s, conn: conn}
	release := out.follow(ctx)
	defer release()
	if err := s.greet(out); err != nil {
		_ = conn.Close()
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, hub.Fail(hub.Unavailable, "stopping", "given up: %w", err)
		}
		return nil, err
	}
	return out, nil
}

func (s *server) greet(out *session) error {
	conn := out.conn
	out.answer(answerTime)
	if s.implicit {
		t := tls.Client(conn, s.config)
		if err := t.Handshake(); err != nil {
			return s.unavailable(encrypt, "TLS", err)
		}
		conn = t
	}
	c, err := smtp.NewClient(conn, s.host)
	if err != nil {
		return s.unavailable(greeting, "greeting", err)
	}
	out.client = c
	out.answer(answerTime)
	if err := c.Hello(localName()); err != nil {
		return s.unavailable(greeting, "EHLO", err)
	}
	if s.starttls {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return hub.Fail(hub.Unavailable, hub.TLSRequired, "mail server %s: it offers no STARTTLS; nothing is sent unencrypted", s.addr)
		}
		out.answer(answerTime)
		if err := c.StartTLS(s.config); err != nil {
			return s.unavailable(encrypt, "STARTTLS", err)
		}
	}
	out.answer(answerTime)
	return s.login(c)
}

func (s *server) login(c *smtp.Client) error {
	if s.user == "" {
		return nil
	}
	ok, offered := c.Extension("AUTH")
	ways := strings.Fields(strings.ToUpper(offered))
	has := func(way string) bool { return slices.Contains(ways, way) }
	var auth smtp.Auth
	plain := trust.Local(s.host) // unencrypted only to this machine
	switch {
	case !ok:
		return hub.Fail(hub.Unavailable, hub.AuthFailed, "mail server %s: it offers no AUTH, but the url has a user", s.addr)
	case has("PLAIN"):
		auth = smtp.PlainAuth("", s.user, s.password, s.host, plain)
	case has("LOGIN"):
		auth = smtp.LoginAuth(s.user, s.password, s.host, plain)
	case has("SCRAM-SHA-256"):
		auth = smtp.ScramSHA256Auth(s.user, s.password)
	case has("CRAM-MD5"):
		auth = smtp.CRAMMD5Auth(s.user, s.password)
	default:
		return hub.Fail(hub.Unavailable, hub.AuthFailed, "mail server %s: none of its AUTH ways is known: %s", s.addr, quoted(offered))
	}
	if err := c.Auth(auth); err != nil {
		return s.unavailable(login, "AUTH", err)
	}
	return nil
}

// follow ends I/O when ctx ends; release lets go of ctx.
func (s *session) follow(ctx context.Context) (release func()) {
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.conn.SetDeadline(time.Unix(1, 0))
	})
	return func() { stop() }
}

// allow gives the server time for what is asked of it next, unless ctx has ended.
func (s *session) allow(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	at := time.Now().Add(d)
	if end, ok := s.ctx.Deadline(); ok && end.Before(at) {
		at = end
	}
	_ = s.conn.SetDeadline(at)
}

// answer gives it the time for an answer, which the configuration may shorten.
func (s *session) answer(d time.Duration) { s.allow(min(d, s.server.timeout)) }

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
func (s *session) hand(ctx context.Context, l *letter) (err error, usable, fresh bool) {
	if l.utf8 {
		if ok, _ := s.client.Extension("SMTPUTF8"); !ok {
			return hub.Fail(hub.Rejected, "bad_address", "an address has letters that the mail server does not know (it lacks SMTPUTF8)"), true, false
		}
	}
	s.client.SkipSMTPUTF8(!l.utf8)
	s.answer(answerTime)
	if err := s.client.Mail(path(l.from)); err != nil {
		r := replyOf(err)
		return failed(ctx, sender, "MAIL FROM", err), s.reset(r), s.reused && (r == nil || r.Code == 421)
	}
	if err := s.recipients(ctx, l); err != nil {
		return err, s.reset(replyOf(err)), false
	}
	s.answer(beginTime)
	w, err := s.client.Data()
	if err != nil {
		return failed(ctx, begin, "DATA", err), s.reset(replyOf(err)), false
	}
	for block := range slices.Chunk(l.content, blockSize) {
		s.allow(blockTime)
		if _, err := w.Write(block); err != nil {
			return failed(ctx, content, "DATA", err), false, false
		}
	}
	err, usable = s.confirm(ctx, w)
	return err, usable, false
}

// confirm ends a mail, and returns nil when the server has taken it over.
func (s *session) confirm(ctx context.Context, w io.Closer) (err error, usable bool) {
	s.allow(s.server.confirm)
	err = w.Close()
	switch r := replyOf(err); {
	case err == nil:
		return nil, true
	case r == nil, r.Code < 200, r.Code >= 300 && r.Code < 400:
		return s.server.ambiguous.Error("mail server %s: the mail was sent, its confirmation did not come, and it may be delivered: %w", s.server.addr, err), false
	case r.Code < 300:
		return nil, true // it is taken, as all 2yz say
	default:
		return failed(ctx, content, "the mail", err), r.Code != 421
	}
}

// recipients names all recipients; if one is refused, none gets the mail.
func (s *session) recipients(ctx context.Context, l *letter) error {
	var refused []string
	var worst error
	for _, to := range l.to {
		s.answer(answerTime)
		err := s.client.Rcpt(path(to))
		if err == nil {
			continue
		}
		r := replyOf(err)
		if r == nil || r.Code == 421 {
			return failed(ctx, recipient, "RCPT TO "+to, err)
		}
		refused = append(refused, to)
		if worst == nil || r.Code >= 500 && replyOf(worst).Code < 500 {
			worst = err
		}
	}
	if worst == nil {
		return nil
	}
	return failed(ctx, recipient, "RCPT TO "+strings.Join(refused, ", "), worst)
}

// reset clears a refused mail, so that the next one can follow.
func (s *session) reset(r *textproto.Error) bool {
	s.answer(answerTime)
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
