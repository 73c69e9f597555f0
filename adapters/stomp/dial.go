package stomp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/broker"
)

// server is the address that the adapter connects to, and its credentials there.
type server struct {
	address, host, vhost string
	user, password       string
	secure               bool
}

var errURL = errors.New("url is no STOMP URL") // the parser's own text would show the password

const urlHelp = "write stomp://user:password@host:61613/vhost, or stomp+ssl://… for TLS; in user, password and vhost write %40 for @, %2F for /"

func parseURL(text hub.Secret) (server, error) {
	u, err := url.Parse(text.Reveal())
	if err != nil || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" {
		return server{}, errURL
	}
	s := server{host: u.Hostname(), vhost: "/", user: u.User.Username()}
	port := "61613"
	switch u.Scheme {
	case "stomp":
	case "stomp+ssl":
		s.secure, port = true, "61614"
	default:
		return server{}, errURL
	}
	s.address = net.JoinHostPort(s.host, cmp.Or(u.Port(), port))
	s.password, _ = u.User.Password()
	if len(u.Path) > 1 {
		s.vhost = u.Path[1:]
	}
	if strings.ContainsAny(s.user+s.password+s.vhost, "\x00\r\n") {
		return server{}, errURL
	}
	return s, nil
}

// dial opens a connection. The caller must start it.
func (a *Adapter) dial(ctx context.Context) (*conn, error) {
	secure := &a.cfg.TLS
	if !a.server.secure {
		secure = nil
	}
	c, err := broker.Connect(ctx, a.env, a.server.address, secure, a.login)
	if err != nil {
		return nil, hub.Fail(hub.Unavailable, hub.NotConnected, "no connection to %s: %w", a.server.address, err)
	}
	return c, nil
}

// login opens a STOMP connection on a socket.
func (a *Adapter) login(raw net.Conn) (*conn, error) {
	wire := &patient{Conn: raw}
	c := &conn{net: wire, in: newScanner(wire, a.cfg.MaxBody), out: make(chan []byte, 64), more: hub.NewSignal(),
		gone: make(chan struct{})}
	beat := strconv.FormatInt(a.cfg.Heartbeat.Milliseconds(), 10)
	f := newFrame(cmdConnect, "accept-version", "1.2,1.1,1.0", "host", a.server.vhost, "heart-beat", beat+","+beat)
	if a.server.user != "" {
		f.add("login", a.server.user)
		f.add("passcode", a.server.password)
	}
	_, failed := raw.Write(f.encode(nil, v12))
	answer, err := c.in.next() // even if that failed: what the server said before it ended the connection tells more, such as a TLS alert
	if errors.Is(err, io.EOF) {
		err = cmp.Or(failed, errors.New("the server ended the connection"))
	}
	if err != nil {
		return nil, err
	}
	if err := c.greet(answer); err != nil {
		return nil, err
	}
	theirs, wanted, err := heartBeats(answer.get("heart-beat"))
	if err != nil {
		return nil, err
	}
	if theirs > 0 {
		wire.silence = max(theirs, a.cfg.Heartbeat) * 3 / 2
	}
	if wanted > 0 {
		c.beat = max(wanted, a.cfg.Heartbeat)
	}
	return c, nil
}

// greet evaluates the server's answer to CONNECT.
func (c *conn) greet(f *frame) error {
	switch f.command {
	case cmdConnected:
	case cmdError:
		return serverError(f)
	default:
		return broken("a server answers CONNECT with no %s", f.command)
	}
	v, known := versions[f.get("version")]
	if !known {
		return broken("the server speaks STOMP %.20q, which we did not offer", f.get("version"))
	}
	c.version, c.in.version, c.server = v, v, f.get("server")
	return nil
}

// heartBeats parses how often the server can send a heart-beat, and how often it wants one; 0 means never.
func heartBeats(text string) (theirs, wanted time.Duration, err error) {
	if text == "" {
		return 0, 0, nil
	}
	can, wants, _ := strings.Cut(text, ",")
	sends, err := strconv.ParseUint(strings.TrimSpace(can), 10, 32)
	takes, wrong := strconv.ParseUint(strings.TrimSpace(wants), 10, 32)
	if err != nil || wrong != nil {
		return 0, 0, broken("its heart-beat is %.40q", text)
	}
	return time.Duration(sends) * time.Millisecond, time.Duration(takes) * time.Millisecond, nil
}

// patient is a socket whose reads fail when nothing comes for too long.
type patient struct {
	net.Conn
	silence time.Duration // 0: any
}

func (p *patient) Read(b []byte) (int, error) {
	if p.silence > 0 {
		_ = p.SetReadDeadline(time.Now().Add(p.silence)) // the read tells
	}
	return p.Conn.Read(b)
}
