package doc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// The scan of strings takes 8 bytes at a time. A byte is plain if it stands for itself in a JSON string.
const (
	each01 = 0x0101010101010101
	each80 = 0x8080808080808080
)

// special marks the bytes of x that are not plain ASCII: control characters, quotes, backslashes, and all from 0x80. Only the lowest mark is
// exact.
func special(x uint64) uint64 {
	quote := x ^ each01*'"'
	slash := x ^ each01*'\\'
	return ((x - each01*' ') | (quote - each01) | (slash - each01) | x) & each80
}

// plainASCII returns the index of the first byte from i on that is not plain ASCII, or len(b).
func plainASCII(b []byte, i int) int {
	for i+8 <= len(b) {
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(b) {
		if c := b[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return i
		}
		i++
	}
	return i
}

// NotUTF8 returns the place of the first byte that is not UTF-8; -1: there is none.
func NotUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
}

// plainPrefix returns the index of the first byte from i on that must be escaped in JSON, or len(s). s is valid UTF-8.
func plainPrefix(s string, i int) int {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for i = plainASCII(b, i); i < len(b) && b[i] >= utf8.RuneSelf; i = plainASCII(b, i) {
		for i < len(b) && b[i] >= utf8.RuneSelf {
			i++
		}
	}
	return i
}

// text scans a string from the byte after its quote. It returns the index of the closing quote and whether the string has escapes.
func (p *parser) text(i int) (end int, escaped bool, err *SyntaxError) {
	for {
		i = plainASCII(p.src, i)
		if i >= len(p.src) {
			return 0, false, p.refuse(i, CodeBadJSON, "a string is not closed: found the end of the document")
		}
		switch c := p.src[i]; {
		case c == '"':
			return i, escaped, nil
		case c == '\\':
			escaped = true
			if i, err = p.escape(i); err != nil {
				return 0, false, err
			}
		case c < ' ':
			return 0, false, p.refuse(i, CodeBadJSON, fmt.Sprintf("control character %U in a string; write it as an escape, as in \\n or \\u0009", c))
		default:
			if i, err = p.runes(i); err != nil {
				return 0, false, err
			}
		}
	}
}

// runes skips the characters from 0x80 on.
func (p *parser) runes(i int) (int, *SyntaxError) {
	for i < len(p.src) && p.src[i] >= utf8.RuneSelf {
		_, size := utf8.DecodeRune(p.src[i:])
		if size == 1 {
			return 0, p.refuse(i, CodeBadUTF8, fmt.Sprintf("the byte 0x%02X is not UTF-8", p.src[i]))
		}
		i += size
	}
	return i, nil
}

// escape checks the escape at i and returns the index after it. A surrogate needs its other half.
func (p *parser) escape(i int) (int, *SyntaxError) {
	if i+1 >= len(p.src) {
		return 0, p.refuse(i+1, CodeBadJSON, "a string is not closed: found the end of the document")
	}
	switch p.src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
	default:
		return 0, p.refuse(i, CodeBadJSON, "\\ is followed by "+found(p.src, i+1)+", which is no escape")
	}
	u, ok := hex4(p.src, i+2)
	switch {
	case !ok:
		return 0, p.refuse(i, CodeBadJSON, "\\u is not followed by four hexadecimal digits")
	case u < 0xD800 || u > 0xDFFF:
		return i + 6, nil
	case u < 0xDC00 && i+7 < len(p.src) && p.src[i+6] == '\\' && p.src[i+7] == 'u':
		if low, ok := hex4(p.src, i+8); ok && low >= 0xDC00 && low <= 0xDFFF {
			return i + 12, nil
		}
	}
	return 0, p.refuse(i, CodeBadJSON, "lone surrogate "+string(p.src[i:i+6])+" is no character")
}

func hex4(b []byte, i int) (uint32, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	u, err := strconv.ParseUint(string(b[i:i+4]), 16, 32)
	return uint32(u), err == nil
}

// unescape decodes the text of a string that the scan accepted.
func unescape(b []byte) string {
	out := make([]byte, 0, len(b))
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return View(append(out, b...))
		}
		out = append(out, b[:i]...)
		b = b[i+1:]
		if b[0] == 'u' {
			out, b = unescapeRune(out, b)
			continue
		}
		out = append(out, unescaped[b[0]])
		b = b[1:]
	}
}

// unescapeRune decodes the \u escape whose u is b[0], with its second half if it is a surrogate.
func unescapeRune(out, b []byte) ([]byte, []byte) {
	u, _ := hex4(b, 1)
	b = b[5:]
	r := rune(u)
	if utf16.IsSurrogate(r) {
		low, _ := hex4(b, 2)
		r = utf16.DecodeRune(r, rune(low))
		b = b[6:]
	}
	return utf8.AppendRune(out, r), b
}

// unescaped is what each letter behind a backslash stands for, but for u.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
