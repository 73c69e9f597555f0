package stub

import (
	"net"
	"sync"
)

// connSet is a listener that can close what it accepted.
type connSet struct {
	net.Listener
	mu   sync.Mutex
	open map[net.Conn]struct{}
	shot bool
}

func (s *connSet) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shot {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	s.open[c] = struct{}{}
	return trackedConn{c, s}, nil
}

// shut closes the listener and every open connection.
func (s *connSet) shut() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shot = true
	for c := range s.open {
		_ = c.Close()
	}
	return s.Listener.Close()
}

type trackedConn struct {
	net.Conn
	set *connSet
}

func (c trackedConn) Close() error {
	c.set.mu.Lock()
	delete(c.set.open, c.Conn)
	c.set.mu.Unlock()
	return c.Conn.Close()
}
