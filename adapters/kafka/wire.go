package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// The library finds the brokers, connects, proves who we are and writes most requests. Produce, Fetch, Metadata and Heartbeat requests are written
// here: the library copies each record several times, hides which batches it could not read, knows no topic IDs, and sends heartbeats to any broker.

// number identifies the answer to a request. There is one request at a time on a connection.
const number = 0x6f726468

// frame begins a request: room for its size, the kind of request and its version, its number, and the client.
func frame(b []byte, key protocol.ApiKey, version uint16, client string) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, version)
	b = binary.BigEndian.AppendUint32(b, number)
	return appendText(b, client)
}

func appendInts(b []byte, values ...int32) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// mostAnswer is more than any useful answer has.
const mostAnswer = 256 << 20

// exchange writes a framed request and reads its answer, without the size. An answer longer than mostAnswer is cut.
func exchange(rw io.ReadWriter, b []byte) (*wire, error) {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	if _, err := rw.Write(b); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	answer := make([]byte, min(n, mostAnswer))
	if _, err := io.ReadFull(rw, answer); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, rw, n-int64(len(answer))); err != nil {
		return nil, err
	}
	w := &wire{b: answer}
	if got := w.int32(); w.bad || got != number {
		return nil, fmt.Errorf("the broker answers another request: number %x", uint32(got))
	}
	return w, nil
}

// request is a request that is encoded here. Its answer is decoded to an A.
type request[A any] struct {
	key     protocol.ApiKey
	client  string
	room    []byte                           // for the request; what was sent lies there then
	known   int16                            // newest version that the broker and the library know
	version func(known int16) (int16, error) // to be written
	body    func(b []byte) []byte            // adds what follows the head
	parse   func(w *wire) (A, error)
}

// answer is the decoded answer to a request.
type answer[A any] struct {
	key   protocol.ApiKey
	value A
}

func (r *request[A]) ApiKey() protocol.ApiKey { return r.key }
func (a *answer[A]) ApiKey() protocol.ApiKey  { return a.key }

// Required notes what the broker can do.
func (r *request[A]) Required(versions map[protocol.ApiKey]int16) bool {
	r.known = versions[r.key]
	return true
}

// RawExchange writes the request and reads its answer.
func (r *request[A]) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	v, err := r.version(r.known)
	if err != nil {
		return nil, err
	}
	r.room = r.body(frame(r.room[:0], r.key, uint16(v), r.client))
	w, err := exchange(rw, r.room)
	if err != nil {
		return nil, err
	}
	value, err := r.parse(w)
	if err == nil && w.bad {
		err = errors.New("the broker's answer can't be read")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.key, err)
	}
	return &answer[A]{r.key, value}, nil
}

// exactly writes version v, whatever the library knows.
func exactly(v int16) func(int16) (int16, error) {
	return func(int16) (int16, error) { return v, nil }
}

// toBroker is a request to a certain broker.
type toBroker[A any] struct {
	request[A]
	broker func(protocol.Cluster) (protocol.Broker, error)
}

func (r *toBroker[A]) Broker(c protocol.Cluster) (protocol.Broker, error) { return r.broker(c) }

// toGroup is a request to the coordinator of a group.
type toGroup[A any] struct {
	request[A]
	group string
}

func (r *toGroup[A]) Group() string { return r.group }

// The library asks what these interfaces say.
var (
	_ protocol.RawExchanger  = (*request[int])(nil)
	_ protocol.BrokerMessage = (*toBroker[int])(nil)
	_ protocol.GroupMessage  = (*toGroup[int])(nil)
)

// ask sends a request and returns the decoded answer.
func ask[A any](ctx context.Context, l *link, within time.Duration, r protocol.Message) (told A, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	m, err := l.transport.RoundTrip(ctx, l.addr, r)
	if err != nil {
		return told, err
	}
	return m.(*answer[A]).value, nil
}

// wire decodes an answer, in the plain encoding of the protocol or in the flexible one (KIP-482), and the records in it.
type wire struct {
	b        []byte
	flexible bool
	bad      bool // something was missing; what was read since is worth nothing
}

func (w *wire) take(n int) []byte {
	if w.bad || n < 0 || n > len(w.b) {
		w.bad = true
		return make([]byte, min(max(n, 0), 16))
	}
	out := w.b[:n:n]
	w.b = w.b[n:]
	return out
}

func (w *wire) int16() int16 { return int16(binary.BigEndian.Uint16(w.take(2))) }
func (w *wire) int32() int32 { return int32(binary.BigEndian.Uint32(w.take(4))) }
func (w *wire) int64() int64 { return int64(binary.BigEndian.Uint64(w.take(8))) }

func (w *wire) uvarint() int {
	v, n := binary.Uvarint(w.b)
	if n <= 0 || v > uint64(len(w.b)) {
		w.bad = true
		return 0
	}
	w.b = w.b[n:]
	return int(v)
}

// varint and bytes are of records. A byte string that is absent is nil, which differs from an empty one.
func (w *wire) varint() int64 {
	v, n := binary.Varint(w.b)
	if n <= 0 {
		w.bad, n = true, 0
	}
	w.b = w.b[n:]
	return v
}

func (w *wire) bytes() []byte {
	n := w.varint()
	if n < 0 {
		return nil
	}
	return w.take(int(n))
}

// array reads the length of a list. A list that is absent has none.
func (w *wire) array() int {
	n := 0
	if w.flexible {
		n = w.uvarint() - 1
	} else {
		n = int(w.int32())
	}
	if n > len(w.b) { // each has a byte at least
		w.bad = true
		return 0
	}
	return max(0, n)
}

// one reports whether a list has one entry, as it must when one thing was asked for.
func (w *wire) one() bool { return w.array() == 1 }

var errOther = errors.New("the broker answers something else than it was asked")

func (w *wire) text() string {
	if w.flexible {
		return string(w.take(w.array()))
	}
	return string(w.take(max(0, int(w.int16()))))
}

// tags skips fields that we don't know.
func (w *wire) tags() {
	if !w.flexible {
		return
	}
	for range w.uvarint() {
		w.uvarint()
		w.take(w.uvarint())
	}
}
