package csv

import (
	"bytes"
	"io"

	"orderhub/hub/doc"
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

const bom = "\uFEFF"

// skipBOM drops a byte order mark at the start.
func (in *input) skipBOM() {
	if in.have(len(bom)-1) && bytes.HasPrefix(in.rest(0), []byte(bom)) {
		in.take(len(bom))
	}
}

// checkText refuses what no text may hold.
func checkText(raw []byte) *fault {
	if at := bytes.IndexByte(raw, 0); at >= 0 {
		return bad(at, "a NUL byte%s", utf16Hint(raw))
	}
	if at := doc.NotUTF8(raw); at >= 0 {
		return bad(at, "the byte 0x%02X is not valid UTF-8 (charset: windows-1252 at the format reads older files)%s", raw[at], utf16Hint(raw))
	}
	return nil
}

func utf16Hint(raw []byte) string {
	if bytes.HasPrefix(raw, []byte("\xFF\xFE")) || bytes.HasPrefix(raw, []byte("\xFE\xFF")) {
		return ": the file is UTF-16, write charset: utf-16 at the format"
	}
	return ""
}

// appendField appends the content of a field; of each pair of quotes one.
func appendField(dst, raw []byte, f field) []byte {
	if !f.escaped {
		return append(dst, raw[f.from:f.to]...)
	}
	for i := f.from; i < f.to; i++ {
		c := raw[i]
		if c == '"' { // the scan made sure that quotes come in pairs
			i++
		}
		dst = append(dst, c)
	}
	return dst
}
