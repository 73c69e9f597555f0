package csv

import (
	"bytes"
	"unicode/utf8"
)

// characters counts runes; a byte that is no UTF-8 counts as one.
func characters(b []byte) int { return utf8.RuneCount(b) }

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
