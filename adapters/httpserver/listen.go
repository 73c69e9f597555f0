package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const portsToTry = 100

// listen opens the asked address, or the first free port from 8080 on: where none is asked for, and for the default address where any port will do.
func listen(ctx context.Context, asked string, anyPort bool) (net.Listener, error) {
	var lc net.ListenConfig
	if asked != "" && !(anyPort && asked == defaultListen) {
		ln, err := lc.Listen(ctx, "tcp", asked)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen: %s is used by another program; write another port, or leave listen out to take a free one: %w", asked, err)
		}
		if err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
		return ln, nil
	}
	_, text, _ := net.SplitHostPort(defaultListen)
	first, _ := strconv.Atoi(text)
	for port := first; ; port++ {
		ln, err := lc.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || port == first+portsToTry {
			return ln, err
		}
	}
}

// urlOf is how this machine reaches the listener.
func urlOf(addr net.Addr, secure bool) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return scheme + addr.String()
	}
	if ap.Addr().IsUnspecified() {
		return scheme + "127.0.0.1:" + strconv.Itoa(int(ap.Port()))
	}
	return scheme + ap.String()
}

// limitedListener closes connections past its limits at once, so that Accept
// never waits for slow clients.
type limitedListener struct {
	net.Listener
	max, perIP int
	plain      bool   // HTTP without TLS: a refusal can be told
	refused    func() // is told of each connection past the limits; nil: nobody is

	mu    sync.Mutex
	total int
	byIP  map[netip.Addr]int
}

func newLimitedListener(ln net.Listener, total, perIP int, plain bool) *limitedListener {
	return &limitedListener{Listener: ln, max: total, perIP: perIP, plain: plain, byIP: map[netip.Addr]int{}}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		ip := addrOf(c)
		if l.enter(ip) {
			return &limitedConn{Conn: c, listener: l, ip: ip}, nil
		}
		if l.refused != nil {
			l.refused()
		}
		if l.plain {
			c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
			c.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"))
		}
		c.Close()
	}
}

func addrOf(c net.Conn) netip.Addr {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

func (l *limitedListener) enter(ip netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total >= l.max || !ip.IsLoopback() && l.byIP[ip] >= l.perIP {
		return false
	}
	l.total++
	l.byIP[ip]++
	return true
}

func (l *limitedListener) leave(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total--
	if l.byIP[ip]--; l.byIP[ip] == 0 {
		delete(l.byIP, ip)
	}
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	listener *limitedListener
	ip       netip.Addr
	closed   atomic.Bool
}

func (c *limitedConn) Close() error {
	if !c.closed.Swap(true) {
		c.listener.leave(c.ip)
	}
	return c.Conn.Close()
}

// freshGrace is how long, when the server closes, a connection has to send the
// first byte of a request that is on its way.
const freshGrace = 200 * time.Millisecond

// fresh holds the connections that have sent nothing yet. http.Server.Shutdown
// waits more than 5 s for such a one, as load balancers and browsers keep them.
type fresh struct {
	conns  sync.Map // net.Conn -> nil
	closed atomic.Bool
}

// note is the server's ConnState.
func (f *fresh) note(c net.Conn, state http.ConnState) {
	if state != http.StateNew {
		f.conns.Delete(c)
		return
	}
	f.conns.Store(c, nil)
	if f.closed.Load() {
		c.Close()
	}
}

// close closes them, and those that still come.
func (f *fresh) close() {
	f.closed.Store(true)
	f.conns.Range(func(c, _ any) bool {
		c.(net.Conn).Close()
		return true
	})
}
