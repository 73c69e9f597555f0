package smtp

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	smtpd "github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/units"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mailServer is a real SMTP server on loopback.
type mailServer struct {
	t    *testing.T
	s    *smtpd.Server
	addr string

	mu       sync.Mutex
	got      []mailGot
	sessions int
	mailErr  error
	rcptErr  map[string]error
	dataErr  error
	cut      bool // after the dot
	stall    chan struct{}
}

type mailGot struct {
	from string
	to   []string
	user string
	tls  bool
	raw  string
}

func serve(t *testing.T, change func(*smtpd.Server)) *mailServer {
	t.Helper()
	m := &mailServer{t: t, rcptErr: map[string]error{}}
	m.s = smtpd.NewServer(m)
	m.s.Domain, m.s.AllowInsecureAuth = "test", true
	m.s.ErrorLog = quiet{}
	m.s.MaxLineLength = 1000 // RFC 5321: 998 and CRLF
	if change != nil {
		change(m.s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	done := make(chan struct{})
	go func() { defer close(done); _ = m.s.Serve(l) }()
	t.Cleanup(func() { m.s.Close(); l.Close(); <-done }) // Serve may not have begun: then Close does not know l
	return m
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func (m *mailServer) NewSession(c *smtpd.Conn) (smtpd.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions++
	return &mailSession{m: m, c: c}, nil
}

type mailSession struct {
	m   *mailServer
	c   *smtpd.Conn
	now mailGot
	by  string
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "s3cret" {
			return &smtpd.SMTPError{Code: 535, EnhancedCode: smtpd.EnhancedCode{5, 7, 8}, Message: "not " + password}
		}
		s.by = user
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtpd.MailOptions) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	_, secure := s.c.TLSConnectionState()
	s.now = mailGot{from: from, user: s.by, tls: secure}
	return s.m.mailErr
}

func (s *mailSession) Rcpt(to string, _ *smtpd.RcptOptions) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.now.to = append(s.now.to, to)
	return s.m.rcptErr[to]
}

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.m.stall != nil {
		<-s.m.stall
	}
	if s.m.dataErr != nil {
		return s.m.dataErr
	}
	s.now.raw = string(raw)
	s.m.got = append(s.m.got, s.now)
	if s.m.cut {
		s.c.Conn().Close()
		return errors.New("cut")
	}
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

func (m *mailServer) mails() []mailGot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]mailGot(nil), m.got...)
}

// open makes an adapter on the server.
func (m *mailServer) open(change func(*Config)) *Adapter {
	m.t.Helper()
	cfg := defaultConfig()
	cfg.URL = hub.Secret("smtp://" + m.addr)
	cfg.Templates = "testdata/templates"
	if change != nil {
		change(cfg)
	}
	a, err := definition().New(cfg, &hub.Env{Name: "mail", Dir: must(os.Getwd()), Clock: hub.RealClock{}})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { a.Close(m.t.Context()) })
	return a
}

func (m *mailServer) target(template string, change func(*Config)) hub.Target {
	m.t.Helper()
	target, err := m.open(change).OpenTarget(template)
	if err != nil {
		m.t.Fatal(err)
	}
	return target
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func message(id, body string, headers hub.Headers) *hub.Message {
	return &hub.Message{ID: id, Headers: headers, Body: hub.NewBody([]byte(body))}
}

func classOf(err error) string {
	if e, ok := errors.AsType[*hub.Error](err); ok {
		return string(e.Class) + " " + e.Reason
	}
	if err == nil {
		return ""
	}
	return "unclassified: " + err.Error()
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("lacks %q:\n%s", p, text)
		}
	}
}

func defaultConfig() *Config { return units.Defaults[Config]() }
