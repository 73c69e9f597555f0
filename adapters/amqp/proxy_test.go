package amqp

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// proxy stands between the adapter and the real server, and spoils the connection.
type proxy struct {
	url    string
	server string
	l      net.Listener
	acks   atomic.Int64 // deliveries that were acknowledged to the server
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
	uri, err := amqp.ParseURI(url)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, server: fmt.Sprintf("%s:%d", uri.Host, uri.Port), conns: map[net.Conn]bool{}}
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
		p.group.Go(func() {
			look, end := p.countAcks()
			p.pipe(server, conn, look)
			end()
			conn.Close()
		})
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
func (p *proxy) countAcks() (look func([]byte) bool, end func() error) {
	r, w := io.Pipe()
	p.group.Go(func() {
		io.CopyN(io.Discard, r, 8) // AMQP0091
		known := map[uint64]bool{} // channel and tag of what is settled
		for {
			var h [7]byte
			if _, err := io.ReadFull(r, h[:]); err != nil {
				return
			}
			body := make([]byte, binary.BigEndian.Uint32(h[3:])+1)
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			if h[0] != frameMethod {
				continue
			}
			channel := uint64(binary.BigEndian.Uint16(h[1:])) << 48
			switch binary.BigEndian.Uint32(body) {
			case 60<<16 | 120: // basic.nack
				known[channel|binary.BigEndian.Uint64(body[4:])] = true
			case 60<<16 | 80: // basic.ack
				last := binary.BigEndian.Uint64(body[4:])
				for tag := last; tag > 0 && (tag == last || body[12]&1 != 0); tag-- {
					if !known[channel|tag] {
						known[channel|tag] = true
						p.acks.Add(1)
					}
				}
			}
		}
	})
	return func(b []byte) bool { w.Write(b); return true }, w.Close
}

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
