package sql

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// proxy stands between the adapter and the real server, and spoils the connection.
type proxy struct {
	url    string
	server string
	l      net.Listener
	stall  atomic.Bool // nothing goes through, nothing ends
	mute   atomic.Bool // once a commit is on its way to the server, nothing comes back
	silent atomic.Bool
	asked  atomic.Pointer[func(net.Conn, []byte)] // sees what goes to the server, before it does

	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool
	group sync.WaitGroup
}

func newProxy(t testing.TB, d *db) *proxy {
	t.Helper()
	c, err := pgx.ParseConfig(d.server)
	if err != nil {
		t.Fatal("HUB_TEST_POSTGRES is no PostgreSQL URL")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, server: fmt.Sprintf("%s:%d", c.Host, c.Port), conns: map[net.Conn]bool{}}
	u, _ := url.Parse(d.url)
	u.Host = l.Addr().String()
	p.url = u.String()
	p.group.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.stall.Store(false)
		p.setDown(true)
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
		p.group.Go(func() { p.pipe(server, conn, true) })
		p.group.Go(func() { p.pipe(conn, server, false) })
	}
}

// cutAndShut cuts all connections and lets no new one through for a second, in which the table is looked at many times: a pool
// that finds out by itself that a connection is dead replaces it without a word.
func (p *proxy) cutAndShut() {
	p.setDown(true)
	time.Sleep(time.Second)
	p.setDown(false)
}

func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return false
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

// pipe copies until one end fails.
func (p *proxy) pipe(to, from net.Conn, asking bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		for p.stall.Load() {
			time.Sleep(time.Millisecond)
		}
		if look := p.asked.Load(); asking && look != nil && n > 0 {
			(*look)(from, buf[:n])
		}
		if asking && p.mute.Load() && bytes.Contains(buf[:n], []byte("commit\x00")) {
			p.silent.Store(true)
		}
		if !asking && n > 0 && p.silent.Load() {
			continue
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut ends all connections at once.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	clear(p.conns)
	p.silent.Store(false)
}

// setDown cuts, and lets none through until it is up again.
func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.cut()
	}
}
