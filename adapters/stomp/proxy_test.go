package stomp

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub"
)

// proxy stands between the adapter and the real server, and spoils the connection.
type proxy struct {
	url    string
	server string
	l      net.Listener
	acks   atomic.Int64 // ACK frames that went to the server
	naks   atomic.Int64 // NACK frames
	opened atomic.Int64 // connections
	limit  atomic.Int64 // bytes that a connection from the server may still bring; 0: any
	delay  atomic.Int64 // of each piece, in nanoseconds
	stall  atomic.Bool  // nothing goes through, nothing ends

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
	group  sync.WaitGroup
}

func newProxy(t testing.TB, url string) *proxy {
	t.Helper()
	to, err := parseURL(hub.Secret(url))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, server: to.address, conns: map[net.Conn]bool{}}
	p.url = strings.Replace(url, p.server, l.Addr().String(), 1)
	p.group.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.down(true)
		p.group.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		conn, err := p.l.Accept()
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
		p.opened.Add(1)
		p.group.Go(func() { p.pipe(server, conn, p.countAcks()); conn.Close() })
		p.group.Go(func() {
			left := p.limit.Load()
			p.pipe(conn, server, func(b []byte) bool {
				if p.limit.Load() == 0 {
					return true
				}
				left -= int64(len(b))
				return left > 0
			})
			server.Close()
		})
	}
}

func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
	return !p.closed
}

// pipe copies until one end fails, or look says no.
func (p *proxy) pipe(to, from net.Conn, look func([]byte) bool) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if d := p.delay.Load(); d > 0 {
			time.Sleep(time.Duration(d))
		}
		for p.stall.Load() {
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

// countAcks reads the frames that go to the server, and counts the acknowledgements.
func (p *proxy) countAcks() func([]byte) bool {
	r, w := io.Pipe()
	p.group.Go(func() {
		defer r.Close()
		in := newScanner(r, 1<<30)
		in.version = v12
		for {
			f, err := in.next()
			if err != nil {
				return
			}
			switch f.command {
			case cmdAck:
				p.acks.Add(1)
			case cmdNack:
				p.naks.Add(1)
			}
		}
	})
	p.mu.Lock()
	p.conns[pipeEnd{r: r}] = true
	p.mu.Unlock()
	return func(b []byte) bool { w.Write(b); return true }
}

// pipeEnd is closed with the connections.
type pipeEnd struct {
	net.Conn
	r *io.PipeReader
}

func (e pipeEnd) Close() error { return e.r.Close() }

// cut ends all connections at once.
func (p *proxy) cut() {
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

// down cuts, and lets none through until it is up again.
func (p *proxy) down(on bool) {
	p.mu.Lock()
	p.closed = on
	p.mu.Unlock()
	if on {
		p.cut()
	}
}
