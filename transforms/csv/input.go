package csv

import (
	"bytes"
	"io"
	"unicode/utf8"
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

// windows1252 maps 80-9F: browsers, and the programs that write such files, mean this when they say Latin-1. 0 is not assigned.
var windows1252 = [32]rune{'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ'}

// latin1Rune returns the character of a Latin-1 byte, 0 if it has none.
func latin1Rune(c byte) rune {
	if c >= 0x80 && c < 0xA0 {
		return windows1252[c-0x80]
	}
	return rune(c)
}

// checkText refuses what no text may hold.
func checkText(raw []byte, latin1 bool) *fault {
	if at := bytes.IndexByte(raw, 0); at >= 0 {
		return bad(at, "a NUL byte%s", utf16Hint(raw))
	}
	if !latin1 {
		if utf8.Valid(raw) {
			return nil
		}
		at := invalidUTF8(raw)
		return bad(at, "the byte 0x%02X is not valid UTF-8 (encoding: latin1 reads older files)%s", raw[at], utf16Hint(raw))
	}
	for at, c := range raw {
		if c >= 0x80 && latin1Rune(c) == 0 {
			return bad(at, "the byte 0x%02X is no Latin-1 character", c)
		}
	}
	return nil
}

func utf16Hint(raw []byte) string {
	if bytes.HasPrefix(raw, []byte("\xFF\xFE")) || bytes.HasPrefix(raw, []byte("\xFE\xFF")) {
		return ": the file is UTF-16, save it as UTF-8"
	}
	return ""
}

func invalidUTF8(b []byte) int {
	i := 0
	for i < len(b) {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return 0
}

// appendField appends the content of a field as UTF-8.
func appendField(dst, raw []byte, f field, latin1 bool) []byte {
	for i := f.from; i < f.to; i++ {
		c := raw[i]
		if c == '"' && f.escaped { // the scan made sure that quotes come in pairs
			i++
		}
		if c >= 0x80 && latin1 {
			dst = utf8.AppendRune(dst, latin1Rune(c))
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
