package kafka

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// The library finds the brokers, connects, proves who we are and writes most requests. Produce, Fetch, Metadata and Heartbeat requests are written
// here: the library copies each record several times, hides which batches it could not read, knows no topic IDs, and sends heartbeats to any broker.

// number marks the answer of a request; there is one request at a time on a connection.
const number = 0x6f726468

// frame begins a request: room for its size, what is asked in which version, its number, and who asks.
func frame(b []byte, key protocol.ApiKey, version uint16, client string) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, version)
	b = binary.BigEndian.AppendUint32(b, number)
	return appendText(b, client)
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// mostAnswer is more than any answer has that can be used.
const mostAnswer = 256 << 20

// exchange writes a framed request and reads its answer, without the size. What is longer than mostAnswer is cut.
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

// wire reads an answer, in the plain encoding of the protocol or in the flexible one (KIP-482).
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

// array is the number of entries; a list that is missing has none.
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

func (w *wire) text() string {
	if w.flexible {
		return string(w.take(w.array()))
	}
	return string(w.take(max(0, int(w.int16()))))
}

// tags are fields that we don't know.
func (w *wire) tags() {
	if !w.flexible {
		return
	}
	for range w.uvarint() {
		w.uvarint()
		w.take(w.uvarint())
	}
}
