package postgres

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// pgProxy stands between a store and its server, and fails on demand.
type pgProxy struct {
	l      net.Listener
	server string
	mode   atomic.Int32 // one of those below
	deaf   atomic.Bool  // answers are swallowed

	mu    sync.Mutex
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

const (
	pgPass int32 = iota
	pgRefuse
	pgStall
)

// throughProxy is base's server behind a proxy.
func throughProxy(t *testing.T, base string) (*pgProxy, string) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pgProxy{l: l, server: u.Host, conns: map[net.Conn]bool{}}
	u.Host = l.Addr().String()
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.cut()
		p.wg.Wait()
	})
	return p, u.String()
}

func (p *pgProxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		if p.mode.Load() != pgPass {
			c.Close()
			continue
		}
		s, err := net.Dial("tcp", p.server)
		if err != nil {
			c.Close()
			continue
		}
		p.mu.Lock()
		p.conns[c], p.conns[s] = true, true
		p.mu.Unlock()
		p.wg.Go(func() { p.copy(s, c, false) })
		p.wg.Go(func() { p.copy(c, s, true) })
	}
}

// copy passes bytes on; when one side ends, both do. A stalled proxy loses what comes.
func (p *pgProxy) copy(to, from net.Conn, answers bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && p.mode.Load() != pgStall && !(answers && p.deaf.Load()) {
			if _, e := to.Write(buf[:n]); e != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut breaks all connections.
func (p *pgProxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}
