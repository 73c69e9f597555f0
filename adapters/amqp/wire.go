package amqp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

// wire is the connection below the protocol library. It gathers small writes into few. It also keeps from the library
// what would make it give up the whole connection: a header table that is too deep or too large, and a body that is too
// large. Such a message arrives without it, marked by headerRefused.
type wire struct {
	net.Conn
	in      *bufio.Reader
	maxBody uint64
	head    []byte            // to be read first
	left    uint64            // then this much of the frame, as it is
	plain   bool              // no frames: as it is
	skip    map[uint16]uint64 // bytes of a refused body that still come, per channel

	mu     sync.Mutex
	more   hub.Signal // there is something to write
	out    []byte
	err    error // why nothing can be written
	closed bool
	done   chan struct{} // the writer has ended
	why    error         // why reading ended
	ended  chan struct{} // it has
}

const (
	frameMethod = 1
	frameHeader = 2
	frameBody   = 3
	frameHeart  = 8
	frameHead   = 7
)

func newWire(conn net.Conn, maxBody int64) *wire {
	w := &wire{Conn: conn, in: bufio.NewReaderSize(conn, 64<<10), maxBody: uint64(maxBody), skip: map[uint16]uint64{},
		more: hub.NewSignal(), done: make(chan struct{}), ended: make(chan struct{})}
	go w.write()
	return w
}

// Read returns the frames of the server. It changes those that carry a refused message.
func (w *wire) Read(p []byte) (n int, err error) {
	if n, err = w.read(p); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.why == nil {
			w.why = err
			close(w.ended)
		}
	}
	return n, err
}

func (w *wire) read(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		switch {
		case len(w.head) > 0:
			c := copy(p[n:], w.head)
			w.head, n = w.head[c:], n+c
		case n > 0 && w.in.Buffered() < w.least():
			return n, nil // what is there is given without waiting
		case w.left > 0 || w.plain:
			c := 0
			c, err = w.rest(p[n:])
			n += c
		default:
			err = w.frame()
		}
	}
	return n, err
}

// least returns how many bytes must be buffered so that the next step does not wait.
func (w *wire) least() int {
	if w.left > 0 || w.plain {
		return 1
	}
	return frameHead
}

// rest reads on in a frame that is passed on unchanged.
func (w *wire) rest(p []byte) (n int, err error) {
	if w.plain {
		return w.in.Read(p)
	}
	n, err = w.in.Read(p[:min(uint64(len(p)), w.left)])
	w.left -= uint64(n)
	return n, err
}

// frame begins the next frame.
func (w *wire) frame() error {
	h, err := w.in.Peek(frameHead)
	if err != nil {
		if len(h) > 0 && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	kind, channel, size := h[0], binary.BigEndian.Uint16(h[1:]), uint64(binary.BigEndian.Uint32(h[3:]))
	switch {
	case kind != frameMethod && kind != frameHeader && kind != frameBody && kind != frameHeart:
		w.plain = true
	case kind == frameHeader && size <= maxHeaderFrame:
		return w.header(channel, int(size))
	case kind == frameBody && w.skip[channel] > 0:
		w.skip[channel] -= min(size, w.skip[channel])
		_, err = w.in.Discard(frameHead + int(size) + 1)
		return err
	default:
		w.left = frameHead + size + 1
	}
	return nil
}

// maxHeaderFrame is the size of the largest header frame that is inspected.
const maxHeaderFrame = 16 << 20

// header reads a whole header frame and inspects it.
func (w *wire) header(channel uint16, size int) error {
	frame := make([]byte, frameHead+size+1)
	if _, err := io.ReadFull(w.in, frame); err != nil {
		return err
	}
	payload, refused := checkHeader(frame[frameHead:frameHead+size], w.maxBody)
	delete(w.skip, channel)
	if refused == "" {
		w.head = frame
		return nil
	}
	if refused == reasonBody {
		w.skip[channel] = bodySize(frame[frameHead:])
	}
	head := binary.BigEndian.AppendUint32(append([]byte(nil), frame[:3]...), uint32(len(payload)))
	w.head = append(append(head, payload...), frame[len(frame)-1])
	return nil
}

// Write takes p to be written soon. What it holds is bounded by the messages in flight, each of which waits for its confirmation.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	if w.closed {
		return 0, net.ErrClosed
	}
	w.out = append(w.out, p...)
	w.more.Give()
	return len(p), nil
}

// keepBuffer is the capacity of the largest buffer that is kept for later writes.
const keepBuffer = 1 << 20

// write writes what was gathered, until Close is called.
func (w *wire) write() {
	defer close(w.done)
	defer w.Conn.Close()
	var spare []byte
	for range w.more {
		for {
			w.mu.Lock()
			batch := w.out
			w.out = spare[:0]
			closed := w.closed
			w.mu.Unlock()
			if len(batch) > 0 {
				if _, err := w.Conn.Write(batch); err != nil {
					w.fail(err)
					return
				}
			}
			if spare = batch; cap(spare) > keepBuffer {
				spare = nil
			}
			if closed {
				return
			}
			if len(batch) == 0 {
				break
			}
		}
	}
}

// fail notes that nothing can be written any more. The server may have said why before it ended the connection, so fail
// gives the reader a moment to find that.
func (w *wire) fail(err error) {
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	_ = w.Conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	select {
	case <-w.ended:
	case <-time.After(250 * time.Millisecond):
	}
}

// explain returns the cause of err, by which opening the connection failed. A server that refuses our certificate says so by an alert. In TLS 1.3
// the alert comes after the handshake, while the library writes: it closes the connection and reports only that.
func (w *wire) explain(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	hides := errors.Is(err, net.ErrClosed) || errors.Is(err, amqp.ErrClosed) || w.err != nil && errors.Is(err, w.err)
	if hides && w.why != nil && w.why != io.EOF && !errors.Is(w.why, net.ErrClosed) && !errors.Is(w.why, os.ErrDeadlineExceeded) {
		return w.why
	}
	return err
}

// Close writes what is left, for a moment, and closes the connection.
func (w *wire) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		_ = w.Conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		w.more.Give()
	}
	w.mu.Unlock()
	<-w.done
	return nil
}
