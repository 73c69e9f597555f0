package stomp

import (
	"net"
	"strings"
	"sync"
	"testing"
)

// fake is a small STOMP server for what the real one does not do: it has selectors, and it can misbehave.
type fake struct {
	t       *testing.T
	url     string
	version string
	beat    string
	name    string
	misdo   func(c *fakeConn, f *frame) bool // looks at each frame first; true: that was all

	mu     sync.Mutex
	conns  map[*fakeConn]bool
	opened int
	frames []*frame // all that came
	group  sync.WaitGroup
}

// fakeConn is a connection of it, with one subscription at most.
type fakeConn struct {
	net.Conn
	s        *fake
	nth      int // which connection it is, from 1
	mu       sync.Mutex
	sub      *frame
	messages int
}

func newFake(t *testing.T, misdo func(c *fakeConn, f *frame) bool) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &fake{t: t, url: "stomp://user:swordfish@" + l.Addr().String(), version: "1.2", beat: "0,0", name: "fake/1", misdo: misdo, conns: map[*fakeConn]bool{}}
	s.group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.opened++
			c := &fakeConn{Conn: conn, s: s, nth: s.opened}
			s.conns[c] = true
			s.mu.Unlock()
			s.group.Go(c.serve)
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.group.Wait()
	})
	return s
}

func (c *fakeConn) serve() {
	defer c.Close()
	in := newScanner(c, 1<<30)
	for {
		f, err := in.next()
		if err != nil {
			return
		}
		c.s.mu.Lock()
		c.s.frames = append(c.s.frames, f)
		c.s.mu.Unlock()
		if f.command == cmdConnect {
			in.version = versions[c.s.version]
		}
		if c.s.misdo != nil && c.s.misdo(c, f) {
			continue
		}
		c.answer(f)
	}
}

func (c *fakeConn) answer(f *frame) {
	switch f.command {
	case cmdConnect:
		c.write(newFrame(cmdConnected, "version", c.s.version, "heart-beat", c.s.beat, "server", c.s.name))
		return
	case cmdSubscribe:
		c.mu.Lock()
		c.sub = f
		c.mu.Unlock()
	case cmdSend:
		c.s.mu.Lock()
		conns := make([]*fakeConn, 0, len(c.s.conns))
		for o := range c.s.conns {
			conns = append(conns, o)
		}
		c.s.mu.Unlock()
		for _, o := range conns {
			o.offer(f)
		}
	}
	if id := f.get(headerReceipt); id != "" {
		c.write(newFrame(cmdReceipt, headerReceiptID, id))
	}
}

// offer delivers a message to the connection's subscription, if it wants it. Of selectors it knows: name = 'value'.
func (c *fakeConn) offer(f *frame) {
	c.mu.Lock()
	sub := c.sub
	c.messages++
	c.mu.Unlock()
	if sub == nil || sub.get(headerDestination) != f.get(headerDestination) {
		return
	}
	if name, value, ok := strings.Cut(sub.get("selector"), " = "); ok && f.get(name) != strings.Trim(value, "'") {
		return
	}
	c.deliver(f.body, f.headers...)
}

// deliver sends a MESSAGE.
func (c *fakeConn) deliver(body []byte, headers ...header) {
	m := newFrame(cmdMessage, headerSubscription, "hub", headerMessageID, "session-1", headerAck, "session:ack-1")
	for _, h := range headers {
		if h.name != headerLength && h.name != headerReceipt {
			m.headers = append(m.headers, h)
		}
	}
	m.body = body
	c.write(m)
}

func (c *fakeConn) write(f *frame) {
	v := versions[c.s.version]
	if f.command == cmdConnected {
		v = v10
	}
	c.raw(string(f.encode(nil, v)))
}

// raw writes what may be no frame at all.
func (c *fakeConn) raw(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.Conn.Write([]byte(text)) // the other side may be gone
}

// got are the frames of a command that came.
func (s *fake) got(command string) (out []*frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.frames {
		if f.command == command {
			out = append(out, f)
		}
	}
	return out
}

func (s *fake) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}
