package doc

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape decodes the text of a string that the scan accepted.
func unescape(b []byte) string {
	out := make([]byte, 0, len(b))
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 {
			return viewOf(append(out, b...))
		}
		out = append(out, b[:i]...)
		b = b[i+1:]
		if b[0] == 'u' {
			out, b = unescapeRune(out, b)
			continue
		}
		out = append(out, plainOf(b[0]))
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

func plainOf(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
