package kafka

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between the adapter and every broker: whatever address is dialed goes through it.
type proxy struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
	deaf  bool // nothing passes any more, in either direction
	mute  bool // nothing that the brokers say passes
	shut  bool // no new connections
}

func newProxy(t testing.TB, a *Adapter) *proxy {
	p := &proxy{conns: map[net.Conn]bool{}}
	direct := a.dial
	a.dialBy(func(ctx context.Context, network, address string) (net.Conn, error) {
		far, err := direct(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return p.through(far)
	})
	t.Cleanup(p.cut)
	return p
}

// through is a real TCP connection that the proxy passes on to far.
func (p *proxy) through(far net.Conn) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		far.Close()
		return nil, net.ErrClosed
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, err
	}
	mine, err := l.Accept()
	if err != nil {
		return nil, err
	}
	p.conns[far], p.conns[mine] = true, true
	go p.pass(far, mine, false)
	go p.pass(mine, far, true)
	return near, nil
}

func (p *proxy) pass(to, from net.Conn, answers bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !p.drops(answers) {
			_, err = to.Write(buf[:n])
		}
		if err != nil && (err == io.EOF || !p.drops(answers) || n == 0) {
			to.Close()
			from.Close()
			return
		}
	}
}

func (p *proxy) drops(answers bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deaf || answers && p.mute
}

// hush drops what the brokers answer.
func (p *proxy) hush(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = on
}

func (p *proxy) set(deaf, shut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf, p.shut = deaf, shut
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}
