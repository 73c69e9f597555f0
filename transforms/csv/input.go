package csv

import (
	"bytes"
	"io"
)

// input is a window over the stream. Bytes are addressed by their offset from the start of the record; the window grows until the record ends,
// and moves on when it was taken.
type input struct {
	src    io.Reader
	buf    []byte
	pos    int // where the record starts
	failed error
}

const window = 64 << 10

// have reports whether byte i of the record is there, and reads on if it must.
func (in *input) have(i int) bool {
	for in.pos+i >= len(in.buf) {
		if !in.fill() {
			return false
		}
	}
	return true
}

func (in *input) at(i int) byte { return in.buf[in.pos+i] }

// rest returns what is in the window from byte i on.
func (in *input) rest(i int) []byte { return in.buf[in.pos+i:] }

// take returns the n bytes of the record and moves behind them. They stay valid until the next call of have.
func (in *input) take(n int) []byte {
	raw := in.buf[in.pos : in.pos+n]
	in.pos += n
	return raw
}

// fill reads more. False: the stream is at its end, or failed.
func (in *input) fill() bool {
	if in.failed != nil {
		return false
	}
	if in.pos > 0 && len(in.buf) == cap(in.buf) {
		n := copy(in.buf, in.buf[in.pos:])
		in.buf, in.pos = in.buf[:n], 0
	}
	if len(in.buf) == cap(in.buf) {
		in.buf = append(make([]byte, 0, max(window, 2*cap(in.buf))), in.buf...)
	}
	for range 100 {
		n, err := in.src.Read(in.buf[len(in.buf):cap(in.buf)])
		in.buf = in.buf[:len(in.buf)+n]
		in.failed = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	in.failed = io.ErrNoProgress
	return false
}

// skipBOM drops a byte order mark at the start.
func (in *input) skipBOM() {
	bom := []byte("\xEF\xBB\xBF")
	if in.have(len(bom)-1) && bytes.HasPrefix(in.rest(0), bom) {
		in.take(len(bom))
	}
}
