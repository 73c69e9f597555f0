package hubtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// BrokerProxy stands between an adapter and a real server, and spoils their connections.
type BrokerProxy struct {
	Address string       // where it listens
	Opened  atomic.Int64 // connections that it let through
	Limit   atomic.Int64 // bytes that a new connection may bring from the server; 0: any
	Delay   atomic.Int64 // of each piece, in nanoseconds
	Stall   atomic.Bool  // nothing goes through, and nothing ends

	listener net.Listener
	server   string
	watch    func(io.Reader)
	group    sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

// NewBrokerProxy returns a proxy before server that ends with the test. watch reads what each connection sends to the server.
func NewBrokerProxy(t testing.TB, server string, watch func(io.Reader)) *BrokerProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return proxyBehind(t, l, server, watch)
}

// proxyBehind returns a proxy that takes the connections of l.
func proxyBehind(t testing.TB, l net.Listener, server string, watch func(io.Reader)) *BrokerProxy {
	p := &BrokerProxy{Address: l.Addr().String(), listener: l, server: server, watch: watch, conns: map[net.Conn]bool{}}
	p.group.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.Down(true)
		p.group.Wait()
	})
	return p
}

func (p *BrokerProxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil || !p.keep(conn, server) {
			conn.Close()
			if err == nil {
				server.Close()
			}
			continue
		}
		p.Opened.Add(1)
		r, w := io.Pipe()
		p.group.Go(func() {
			p.watch(r)
			r.Close() // later writes fail, and are not missed
		})
		p.group.Go(func() {
			p.pipe(server, conn, func(b []byte) bool { w.Write(b); return true })
			w.Close()
			conn.Close()
		})
		p.group.Go(func() {
			left := p.Limit.Load()
			p.pipe(conn, server, func(b []byte) bool {
				left -= int64(len(b))
				return p.Limit.Load() == 0 || left > 0
			})
			server.Close()
		})
	}
}

func (p *BrokerProxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.closed
}

// pipe copies until one end fails, or look returns false.
func (p *BrokerProxy) pipe(to, from net.Conn, look func([]byte) bool) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if d := p.Delay.Load(); d > 0 {
			time.Sleep(time.Duration(d))
		}
		for p.Stall.Load() {
			time.Sleep(time.Millisecond)
		}
		if n > 0 {
			ok := look(buf[:n])
			if !ok {
				n /= 2 // in the middle of a frame, mostly
			}
			if _, werr := to.Write(buf[:n]); werr != nil || !ok {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Cut ends all connections at once.
func (p *BrokerProxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.Close()
	}
	clear(p.conns)
}

// Down cuts, and lets nothing through until it is up again.
func (p *BrokerProxy) Down(on bool) {
	p.mu.Lock()
	p.closed = on
	p.mu.Unlock()
	if on {
		p.Cut()
	}
}

// BrokerTLS checks that an adapter proves who it is and wants the server to do so, at an end of TLS before the real server. send sends a
// message to address with the certificates.
func BrokerTLS(t *testing.T, server string, send func(address string, certificates trust.TLS) error) {
	t.Helper()
	dir := t.TempDir()
	ours, theirs := Certificate(t, nil, dir, "hub"), Certificate(t, nil, dir, "broker.test")
	pool := x509.NewCertPool()
	pool.AddCert(ours.Leaf)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*theirs}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	address := proxyBehind(t, l, server, func(r io.Reader) { io.Copy(io.Discard, r) }).Address
	file := func(name string) string { return filepath.Join(dir, name) }
	good := trust.TLS{CA: file("broker.test.pem"), Cert: file("hub.pem"), Key: file("hub.key"), ServerName: "broker.test"}
	if err := send(address, good); err != nil {
		t.Errorf("with all certificates: %v", err)
	}
	for name, change := range map[string]func(*trust.TLS){
		"authority": func(c *trust.TLS) { c.CA = "" },
		"name":      func(c *trust.TLS) { c.ServerName = "other.test" },
		"ours":      func(c *trust.TLS) { c.Cert, c.Key = "", "" },
	} {
		bad := good
		change(&bad)
		if e := WantError(t, send(address, bad), hub.Unavailable, hub.NotConnected); !strings.Contains(e.Error(), "certificate") {
			t.Errorf("%s: %v", name, e)
		}
	}
	if _, err := (trust.TLS{CA: file("none.pem")}).Load(&hub.Env{}, ""); err == nil || !strings.Contains(err.Error(), "ca: ") {
		t.Errorf("a missing file: %v", err)
	}
}

// PythonClient returns the folder that a Python package is installed in, once for all runs. Where it can't be, the test is skipped, and
// with HUB_TEST_SERVERS=1 it fails.
func PythonClient(t *testing.T, pkg string) (dir string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(cache, "orderhub-test", pkg)
		err = installPython(dir, pkg)
	}
	switch {
	case err == nil:
		return dir
	case os.Getenv("HUB_TEST_SERVERS") == "1":
		t.Fatalf("no %s: %v", pkg, err)
	}
	t.Skipf("no %s: %v", pkg, err)
	return ""
}

func installPython(dir, pkg string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "pip-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	pip := exec.CommandContext(ctx, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", fresh, pkg)
	if out, err := pip.CombinedOutput(); err != nil {
		return fmt.Errorf("pip: %w: %.300s", err, bytes.TrimSpace(out))
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // else another run was faster
			return err
		}
	}
	return nil
}

// Seen is a Handler that collects messages. Err says what becomes of message m the n-th time; nil: it is taken.
type Seen struct {
	Err func(m *hub.Message, n int) error

	mu   sync.Mutex
	msgs []*hub.Message
	n    map[string]int
}

// Handle notes m.
func (s *Seen) Handle(_ context.Context, m *hub.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n == nil {
		s.n = map[string]int{}
	}
	s.n[m.ID]++
	if s.Err != nil {
		if err := s.Err(m, s.n[m.ID]); err != nil {
			return err
		}
	}
	s.msgs = append(s.msgs, m)
	return nil
}

// add notes a message, and tells how many there are.
func (s *Seen) add(m *hub.Message) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.msgs = append(s.msgs, m)
	return len(s.msgs)
}

// All returns the messages that were taken.
func (s *Seen) All() []*hub.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.msgs)
}

// Count returns how often a message came.
func (s *Seen) Count(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[id]
}

// First waits for the first message.
func (s *Seen) First(t testing.TB) *hub.Message {
	t.Helper()
	Until(t, "no message came", func() bool { return len(s.All()) > 0 })
	return s.All()[0]
}

// Replier is a pipeline that replies.
type Replier func(ctx context.Context, m *hub.Message) (*hub.Message, error)

// Call returns the reply.
func (r Replier) Call(ctx context.Context, m *hub.Message) (*hub.Message, error) { return r(ctx, m) }

// Handle drops the reply.
func (r Replier) Handle(ctx context.Context, m *hub.Message) error {
	_, err := r(ctx, m)
	return err
}

// Feed runs a source again and again, as the hub does, until stop is called or the test ends.
func Feed(t testing.TB, s hub.Source, h hub.Handler) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := s.Run(ctx, h); err != nil {
				hub.Pause(ctx, hub.RealClock{}, 20*time.Millisecond)
			}
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// Until waits until ok holds. It fails the test with what when that never comes; the time says nothing about speed.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// WantError fails the test unless err has the class and the reason. An error that lacks one of the parts is told.
func WantError(t testing.TB, err error, class hub.Class, reason string, parts ...string) *hub.Error {
	t.Helper()
	e, ok := errors.AsType[*hub.Error](err)
	if !ok || e.Class != class || e.Reason != reason {
		t.Fatalf("%#v: %v\nwant %s %s", e, err, class, reason)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q lacks %q", err, p)
		}
	}
	return e
}

// Log is a log that can be read while it is written.
type Log struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
