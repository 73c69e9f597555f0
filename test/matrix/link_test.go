package matrix

import (
	"bytes"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"orderhub/hub/hubtest"
)

// link is the way of TCP connections between the hub and a far end, with a
// toxic of toxiproxy in it. Toxiproxy's own proxy is not used: it hangs for
// ever when a toxic is taken out at the moment that a connection ends.
type link struct {
	addr, far string // what the near side dials, and what it means
	group     sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil: the link is down
	toxic    toxics.Toxic
	conns    map[net.Conn]bool
	ways     map[*way]bool
}

// newLink makes a link from addr, or from a free address if it is empty, to the address of a far end. It goes with the test.
func newLink(t testing.TB, addr, far string) *link {
	t.Helper()
	l := &link{addr: addr, far: far, toxic: &toxics.NoopToxic{}, conns: map[net.Conn]bool{}, ways: map[*way]bool{}}
	err := errors.New("no address yet")
	for n := 0; err != nil && n < 10; n++ { // what was free may be somebody else's by now
		if addr == "" {
			l.addr = hubtest.FreePort(t)
		}
		err = l.listen()
	}
	if err != nil {
		t.Fatalf("the link can't be up: %v", err)
	}
	t.Cleanup(func() {
		l.down()
		l.group.Wait()
	})
	return l
}

func (l *link) up(t testing.TB) {
	t.Helper()
	if err := l.listen(); err != nil {
		t.Fatalf("the link can't be up: %v", err)
	}
}

func (l *link) listen() error {
	listener, err := net.Listen("tcp", l.addr)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.listener = listener
	l.mu.Unlock()
	l.group.Go(func() { l.accept(listener) })
	return nil
}

// down ends all connections and lets none through.
func (l *link) down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		l.listener.Close()
		l.listener = nil
	}
	for c := range l.conns {
		c.Close()
	}
	clear(l.conns)
}

// infect puts another toxic into all connections, those that are open and those to come.
func (l *link) infect(toxic toxics.Toxic) {
	l.mu.Lock()
	l.toxic = toxic
	ways := slices.Collect(maps.Keys(l.ways))
	l.mu.Unlock()
	for _, w := range ways {
		w.change(toxic)
	}
}

func (l *link) accept(listener net.Listener) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.far)
		if err != nil {
			near.Close()
			continue
		}
		l.mu.Lock()
		if l.listener == nil {
			near.Close()
			far.Close()
		} else {
			l.conns[near], l.conns[far] = true, true
			l.open(near, far)
			l.open(far, near)
		}
		l.mu.Unlock()
	}
}

// way is one direction of a connection.
type way struct {
	from, to net.Conn
	stub     *toxics.ToxicStub
	toxic    toxics.Toxic
}

// open begins to pass on what comes from one side. l.mu is held.
func (l *link) open(from, to net.Conn) {
	in, out, over := make(chan *stream.StreamChunk, 1024), make(chan *stream.StreamChunk), make(chan struct{})
	w := &way{from: from, to: to, stub: toxics.NewToxicStub(in, out)}
	l.ways[w] = true
	l.group.Go(func() {
		defer close(in)
		buf := make([]byte, 32<<10)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			select {
			case in <- &stream.StreamChunk{Data: bytes.Clone(buf[:n]), Timestamp: time.Now()}:
			case <-over:
				return
			}
		}
	})
	l.group.Go(func() {
		for chunk := range out { // also what can't be written any more: the toxic must never wait for us
			to.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := to.Write(chunk.Data); err != nil {
				from.Close()
			}
		}
		to.Close()
		close(over)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.ways, w)
		delete(l.conns, to)
	})
	w.run(l.toxic)
}

func (w *way) run(toxic toxics.Toxic) {
	w.toxic = toxic
	if s, ok := toxic.(toxics.StatefulToxic); ok {
		w.stub.State = s.NewState()
	}
	if _, ok := toxic.(*toxics.ResetToxic); ok { // the end is a reset
		w.from.(*net.TCPConn).SetLinger(0)
		w.to.(*net.TCPConn).SetLinger(0)
	}
	go w.stub.Run(&toxics.ToxicWrapper{Toxic: toxic, Toxicity: 1})
}

// change takes the toxic out and puts another one in. Some end the connection when they go.
func (w *way) change(toxic toxics.Toxic) {
	if !w.stub.InterruptToxic() {
		return // it has ended
	}
	if c, ok := w.toxic.(toxics.CleanupToxic); ok {
		c.Cleanup(w.stub)
		return
	}
	w.run(toxic)
}
