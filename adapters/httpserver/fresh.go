package httpserver

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

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
